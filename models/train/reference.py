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
    """The artefact's weights put into scikit-learn's own model, which then does the mathematics."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.artefact = json.load(file)
        linear = self.artefact["linear"]
        self.features = {feature["name"]: feature for feature in self.artefact["features"]}
        self.terms = linear["terms"]
        w = numpy.array([term["w"] for term in self.terms])
        m = numpy.array([term["m"] for term in self.terms])
        self.model = LogisticRegression()
        self.model.classes_ = numpy.array([0, 1])
        self.model.coef_ = w.reshape(1, -1)
        self.model.intercept_ = numpy.array([linear["base"] - float(w @ m)])

    def value(self, name, row):
        """The value of an attribute: a level, a number, or what stands for a missing one."""
        feature, value = self.features[name], row.get(name)
        if value is None or value == "":
            value = feature["missing"]["value"]
        if feature["type"] != "category":
            return float(value)
        if value not in feature["categories"]:
            raise ValueError(f"{name}: {value!r} is no level of the model")
        return value

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
