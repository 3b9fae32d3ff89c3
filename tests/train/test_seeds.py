# SPDX-License-Identifier: MIT
"""The fuzzer's first models are those that tests/fuzz/seeds makes of the present format."""

import subprocess
import sys

from conftest import ROOT

CORPUS = ROOT / "tests/fuzz/corpus/model_artefact"


def test_the_seeds_of_the_fuzzer_are_those_of_the_present_format(tmp_path):
    subprocess.run([sys.executable, ROOT / "tests/fuzz/seeds", tmp_path], check=True, timeout=60)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(made) == {"linear", "isotonic", "forest", "boosting", "cut"}
    assert made == {name: (CORPUS / name).read_bytes() for name in made}
