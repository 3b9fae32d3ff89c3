# SPDX-License-Identifier: MIT
"""An artefact scored by scikit-learn: the independent opinion that tests compare the C code with.

As a script, `reference.py MODEL.json EMPLOYEES.csv` prints "employee number,probability" a row. As a
module, Reference(path).probabilities(rows) takes rows of {attribute: number, text or None}. It needs
numpy and scikit-learn of any recent version.
"""

import csv
import json
import sys

import numpy
from sklearn.linear_model import LogisticRegression


class Reference:
    """The artefact's weights put into scikit-learn's own model, which then does the mathematics. For linear
    models; what a forest or a boosting gives is written by `models/train/run --predictions`."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.artefact = json.load(file)
        linear, calibration = self.artefact["linear"], self.artefact["calibration"]
        if calibration["type"] not in ("none", "sigmoid"):
            raise ValueError(f"{path}: the calibration {calibration['type']} is none of a linear function")
        slope, intercept = calibration.get("slope", 1.0), calibration.get("intercept", 0.0)
        self.features = {feature["name"]: feature for feature in self.artefact["features"]}
        self.terms = linear["terms"]
        w = numpy.array([term["w"] for term in self.terms])
        m = numpy.array([term["m"] for term in self.terms])
        self.model = LogisticRegression()
        self.model.classes_ = numpy.array([0, 1])
        self.model.coef_ = slope * w.reshape(1, -1)
        self.model.intercept_ = numpy.array([slope * (linear["base"] - float(w @ m)) + intercept])

    def value(self, name, row):
        """The value of an attribute: a level, a number, or what stands for another one."""
        feature, value = self.features[name], row.get(name)
        if value is None or value == "":
            value = feature["missing"]["value"]
        if feature["type"] != "category":
            value = float(value)
            if feature.get("outside", {}).get("policy") == "clip":
                value = min(max(value, feature["train_min"]), feature["train_max"])
            return value
        if value in feature["categories"]:
            return value
        policy = feature["unknown"]
        if isinstance(policy, dict) and policy["policy"] == "zero":
            return None
        if isinstance(policy, dict) and policy["policy"] == "map":
            return policy["value"]
        raise ValueError(f"{name}: {value!r} is no level of the model")

    def column(self, term, row):
        value = self.value(term["f"], row)
        if term["op"] == "id":
            return value
        if term["op"] == "eq":
            return float(value == term["v"])
        return float(value <= term["v"] if term["op"] == "le" else value >= term["v"])

    def probabilities(self, rows):
        x = numpy.array([[self.column(term, row) for term in self.terms] for row in rows])
        return self.model.predict_proba(x)[:, 1]


def main(model, employees):
    with open(employees, encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for row, probability in zip(rows, Reference(model).probabilities(rows)):
        print(f"{row['EmployeeNumber']},{float(probability)!r}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: reference.py MODEL.json EMPLOYEES.csv")
    main(sys.argv[1], sys.argv[2])
