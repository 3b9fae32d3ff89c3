# SPDX-License-Identifier: MIT
"""The second data set, a model trained from it once, and the training as a command."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TRAIN = ROOT / "models" / "train"
SECOND = ROOT / "tests" / "data" / "second"
sys.path.insert(0, str(TRAIN))

from trainer import artefact, candidates, evaluate, fairness  # noqa: E402
from trainer.data import read_table  # noqa: E402
from trainer.features import read_features  # noqa: E402

DECISION = {"threshold": 0.5, "elevated": 0.25}


def run(*arguments, **environment):
    """models/train/run, by this Python."""
    return subprocess.run([sys.executable, "-m", "trainer", *map(str, arguments), "--jobs", "1"], text=True, timeout=200,
                          capture_output=True, env={**os.environ, "PYTHONPATH": str(TRAIN), **environment})


@pytest.fixture(scope="session")
def second(tmp_path_factory):
    """The folder with people.csv and arrivals.csv."""
    folder = tmp_path_factory.mktemp("second")
    subprocess.run([sys.executable, SECOND / "generate.py", folder], check=True, timeout=60)
    return folder


@pytest.fixture(scope="session")
def features():
    return read_features(SECOND / "features.json")


@pytest.fixture(scope="session")
def table(second, features):
    return read_table(second / "people.csv", features)


def model_of(candidate, features, table):
    result, = evaluate.cross_validate([candidate], features, table, 0.5, repeats=1)
    groups = fairness.audit(features, table, result.probabilities, 0.5)
    fitted = candidates.fit(candidate, features, table.x, table.y)
    return fitted, artefact.build(candidate, fitted, features, table, result, groups, DECISION)


@pytest.fixture(scope="session")
def linear(features, table):
    """The fitted candidate and its artefact."""
    return model_of(candidates.SHIPPED, features, table)
