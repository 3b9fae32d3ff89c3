# SPDX-License-Identifier: MIT
"""Scores rows by an artefact alone, as models/FORMAT.md says: what the golden vectors are made with.
Plain Python floats, added in the stated order, and a logistic that is rounded once, so that the same
artefact gives the same vectors on every machine."""

import decimal

import numpy

from . import trees

REASONS = 3
REASON_MIN = 0.05


def logistic(log_odds):
    with decimal.localcontext(decimal.Context(prec=60)):
        return float(1 / (1 + (-decimal.Decimal(log_odds)).exp()))


def column_value(column, value):
    if column["op"] == "id":
        return float(value)
    if column["op"] == "eq":
        return float(value == column["v"])
    return float(value <= column["v"] if column["op"] == "le" else value >= column["v"])


class Scorer:
    def __init__(self, artefact):
        self.kind = artefact["kind"]
        self.features = artefact["features"]
        self.names = [feature["name"] for feature in self.features]
        self.calibration = artefact["calibration"]
        self.part = artefact["linear" if self.kind == "linear-logistic" else "trees"]

    def value(self, feature, value):
        """By the policies; None where the model refuses to judge."""
        if value is None:
            return feature["missing"].get("value")
        if "categories" in feature:
            if value in feature["categories"]:
                return value
            policy = feature["unknown"]
            return {"reject": None, "zero": "", "map": policy.get("value")}[policy["policy"]]
        if feature["train_min"] <= value <= feature["train_max"]:
            return value
        policy = feature["outside"]["policy"]
        if policy == "clip":
            return min(max(value, feature["train_min"]), feature["train_max"])
        return value if policy == "score" else None

    def values(self, row):
        return {f["name"]: self.value(f, row.get(f["name"])) for f in self.features}

    def linear(self, values):
        contributions = {name: 0.0 for name in self.names}
        for term in self.part["terms"]:
            contributions[term["f"]] += term["w"] * (column_value(term, values[term["f"]]) - term["m"])
        raw = self.part["base"]
        for name in self.names:
            raw += contributions[name]
        return raw, self.part["base"], contributions

    def ensemble(self, many):
        """Of several people at once: the explanation of a tree costs the same for one as for all."""
        columns, base = self.part["columns"], self.part["base"]
        x = numpy.array([[column_value(c, values[c["f"]]) for c in columns] for values in many])
        raws, explained = [base] * len(many), numpy.zeros(x.shape)
        for tree in self.part["list"]:
            raws = [raw + trees.leaf_of(tree, row) for raw, row in zip(raws, x)]
            parts, mean = trees.explain(tree, x)
            explained += parts
            base += mean
        count = len(self.part["list"]) if self.kind == "random-forest" else 1
        out = []
        for raw, parts in zip(raws, explained):
            contributions = {name: 0.0 for name in self.names}
            for column, part in zip(columns, parts):
                contributions[column["f"]] += float(part) / count
            out.append((raw / count, base / count, contributions))
        return out

    def calibrated(self, raw, base, contributions):
        log_odds = raw
        if self.calibration["type"] == "sigmoid":
            slope, intercept = self.calibration["slope"], self.calibration["intercept"]
            log_odds, base = slope * raw + intercept, slope * base + intercept
            contributions = {name: slope * part for name, part in contributions.items()}
        if self.calibration["type"] == "isotonic":
            probability = float(numpy.interp(raw, self.calibration["x"], self.calibration["y"]))
        else:
            probability = logistic(log_odds)
        return {"log_odds": log_odds, "probability": probability, "base_log_odds": base,
                "contributions": contributions}

    def scores(self, rows):
        """{"log_odds", "probability", "base_log_odds", "contributions"} of each; None: band unknown."""
        values = [self.values(row) for row in rows]
        judged = [v for v in values if None not in v.values()]
        if self.kind == "linear-logistic":
            found = iter([self.linear(v) for v in judged])
        else:
            found = iter(self.ensemble(judged) if judged else [])
        return [None if None in v.values() else self.calibrated(*next(found)) for v in values]

    def score(self, row):
        return self.scores([row])[0]


def ranked(names, contributions):
    """The contributions by size; equal ones in the order of the features."""
    return sorted(names, key=lambda name: -abs(contributions[name]))


def reasons_of(names, contributions):
    return [{"attribute": name, "weight": contributions[name]}
            for name in ranked(names, contributions)[:REASONS] if abs(contributions[name]) >= REASON_MIN]
