# SPDX-License-Identifier: MIT
"""Contributions of an artefact's trees by TreeSHAP as its authors wrote it (the package shap, Lundberg et
al.): the opinion from outside that the tests of the training and of lib/model compare with.

As a script it writes tests/unit/model/data/*-shap.csv, which the C code is held to:

    build/venv/bin/python tests/train/shapley.py"""

import csv
import importlib.machinery
import importlib.util
import json
import sys
from pathlib import Path

import numpy

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "tests" / "unit" / "model" / "data"
sys.path.insert(0, str(ROOT / "models" / "train"))

from trainer.artefact import people_of  # noqa: E402
from trainer.data import read_table  # noqa: E402
from trainer.features import read_features  # noqa: E402
from trainer.score import Scorer, column_value  # noqa: E402

KINDS = ("forest", "boosting")
EVERY = 30  # of the people, so many are passed over for each that is written
PATH_DEPENDENT, IDENTITY = 1, 0  # shap's codes


def compiled():
    """shap's C++ alone: its Python imports far more than trees need."""
    folders = importlib.util.find_spec("shap").submodule_search_locations
    spec = importlib.machinery.PathFinder.find_spec("_cext", list(folders))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def padded(trees, key, dtype, leaf=None):
    """One array of the artefact for all trees, [tree, node]. `leaf` is what a leaf has instead."""
    out = numpy.zeros((len(trees), max(len(tree["f"]) for tree in trees)), dtype=dtype)
    for row, tree in zip(out, trees):
        row[: len(tree[key])] = tree[key]
        if leaf is not None:
            row[: len(tree["f"])][numpy.array(tree["f"]) < 0] = leaf
    return out


def depth_of(tree):
    depths = [0] * len(tree["f"])
    for node, column in enumerate(tree["f"]):  # children stand behind their parents
        if column >= 0:
            depths[tree["l"][node]] = depths[tree["r"][node]] = depths[node] + 1
    return max(depths)


def explain(trees, x):
    """Path-dependent Shapley values of the sum of the trees, rows x columns."""
    x = numpy.ascontiguousarray(x, dtype=float)
    left, right = padded(trees, "l", numpy.int32, -1), padded(trees, "r", numpy.int32, -1)
    columns = padded(trees, "f", numpy.int32)
    out = numpy.zeros((len(x), x.shape[1] + 1, 1))
    compiled().dense_tree_shap(
        left, right, left, columns, padded(trees, "t", float), numpy.zeros_like(columns),
        padded(trees, "v", float)[:, :, None], padded(trees, "c", float), max(map(depth_of, trees)),
        x, numpy.zeros(x.shape, dtype=bool), None, None, None, len(trees), numpy.zeros(1), out, PATH_DEPENDENT, IDENTITY, False)
    return out[:, :-1, 0]


def contributions(artefact, rows):
    """To the log-odds, rows x inputs: those of the columns of an input, added."""
    scorer, part = Scorer(artefact), artefact["trees"]
    values = [scorer.values(row) for row in rows]
    x = [[column_value(column, one[column["f"]]) for column in part["columns"]] for one in values]
    count = len(part["list"]) if artefact["kind"] == "random-forest" else 1
    explained = explain(part["list"], x) * (artefact["calibration"]["slope"] / count)
    place = {name: i for i, name in enumerate(scorer.names)}
    out = numpy.zeros((len(rows), len(scorer.names)))
    for column, part in zip(part["columns"], explained.T):
        out[:, place[column["f"]]] += part
    return out


def artefact_of(kind):
    return json.loads((MODELS / f"{kind}.json").read_text(encoding="utf-8"))


def people():
    features = read_features(ROOT / "models" / "features.json")
    return people_of(features.inputs, features, read_table(ROOT / "models" / "data" / "employees.csv", features).x)


def main():
    rows = people()[::EVERY]
    for kind in KINDS:
        artefact = artefact_of(kind)
        with open(MODELS / f"{kind}-shap.csv", "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(feature["name"] for feature in artefact["features"])
            writer.writerows(contributions(artefact, rows).tolist())


if __name__ == "__main__":
    main()
