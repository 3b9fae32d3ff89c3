# SPDX-License-Identifier: MIT
"""The models of a benchmark in scikit-learn's hands: each artefact with the estimator that it stands for, the
matrix of its columns, and a pipeline that takes a DataFrame of plain values."""

import dataclasses
import json
import pathlib
import sys
from types import SimpleNamespace

import numpy
import pandas
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "models/train"), str(ROOT / "tests/train")]

import shapley  # noqa: E402
from reference import Reference  # noqa: E402
from trainer import artefact, commands, evaluate  # noqa: E402
from trainer.data import read_table  # noqa: E402
from trainer.features import read_features  # noqa: E402
from trainer.score import Scorer, column_value  # noqa: E402

COMPARE = {"eq": numpy.equal, "le": numpy.less_equal, "ge": numpy.greater_equal}
GRIDS = {"forest": {"model__min_samples_leaf": (6,)}, "boosting": {"model__learning_rate": (0.07,)}}


@dataclasses.dataclass
class Peer:
    artefact: dict
    path: pathlib.Path  # of the artefact
    model: object  # scikit-learn's own
    calibrate: object  # from what its predict_proba gives to the artefact's probability

    @property
    def columns(self):
        return self.artefact["linear"]["terms"] if "linear" in self.artefact else self.artefact["trees"]["columns"]

    def matrix(self, rows):
        scorer = Scorer(self.artefact)
        values = [scorer.values(row) for row in rows]
        return numpy.array([[column_value(column, one[column["f"]]) for column in self.columns] for one in values])

    def contributions(self, matrix, rows):
        """[row][input], to the log-odds: by the weights, or by shap."""
        if "linear" not in self.artefact:
            return shapley.contributions(self.artefact, rows)
        names = [feature["name"] for feature in self.artefact["features"]]
        out = numpy.zeros((len(rows), len(names)))
        for term, column in zip(self.columns, matrix[: len(rows)].T):
            out[:, names.index(term["f"])] += term["w"] * (column - term["m"])
        return out

    def pipeline(self, rows):
        """From a DataFrame of the rows: one encoder for all categories, as anybody would write it."""
        frame = pandas.DataFrame(rows)
        texts = {f["name"]: [] for f in self.artefact["features"] if "categories" in f}
        kinds = {"levels": [], "numbers": [], "steps": []}  # places of the artefact's columns
        for place, column in enumerate(self.columns):
            if column["f"] in texts:
                texts[column["f"]].append(column["v"])
                kinds["levels"].append(place)
            else:
                kinds["numbers" if column["op"] == "id" else "steps"].append(place)
        steps = [self.columns[place] for place in kinds["steps"]]

        def compare(values):
            return numpy.column_stack([COMPARE[step["op"]](values[step["f"]].to_numpy(), step["v"]) for step in steps])

        encoder = ColumnTransformer([
            ("levels", OneHotEncoder(categories=list(texts.values()), handle_unknown="ignore", sparse_output=False),
             list(texts)),
            ("numbers", "passthrough", [self.columns[place]["f"] for place in kinds["numbers"]]),
            *([("steps", FunctionTransformer(compare), sorted({step["f"] for step in steps}))] if steps else []),
        ])
        order = numpy.argsort(kinds["levels"] + kinds["numbers"] + kinds["steps"])
        return frame, Pipeline([("encode", encoder.fit(frame)), ("order", FunctionTransformer(lambda x: x[:, order])),
                                ("model", self.model)])


def shipped():
    path = ROOT / "models/attrition.json"
    reference = Reference(path)
    return Peer(reference.artefact, path, reference.model, lambda p: p)


def trained(kind, trees, folder, jobs):
    """A forest or a boosting of the shipped data, with nothing tuned."""
    features = read_features(commands.FEATURES)
    table = read_table(commands.DATA, features)
    options = SimpleNamespace(estimator=kind, calibration=None, trees=trees, depth=3 if kind == "boosting" else None)
    candidate = dataclasses.replace(commands.candidate_of(options), grid=GRIDS[kind])
    result, = evaluate.cross_validate([candidate], features, table, 0.5, repeats=1, jobs=jobs)
    fitted, _, built = commands.build(candidate, features, table, result, {"threshold": 0.5, "elevated": 0.25})
    path = pathlib.Path(folder) / f"{kind}.json"
    path.write_text(artefact.text_of(built), encoding="utf-8")
    pipeline, _ = artefact.calibration_of(fitted.estimator)
    sigmoid = fitted.estimator.calibrated_classifiers_[0].calibrators[0]
    raw = {"forest": lambda p: p, "boosting": lambda p: numpy.log(p / (1 - p))}[kind]
    return Peer(json.loads(path.read_text(encoding="utf-8")), path, pipeline["model"], lambda p: sigmoid.predict(raw(p)))
