# SPDX-License-Identifier: MIT
"""Trains the logistic regression and writes it as the artefact that lib/model reads.

No resampling (it moves every probability upwards and buys nothing that a threshold does not) and no
protected attribute among the inputs. Numbers enter as they are, categories as one column a level, and
a few numbers also as steps where the risk is known to jump: newcomers, no training, the lowest answer
of a survey. The scaler is folded into the weights, so that the reader needs none. The same data and
the same libraries give the same file, byte for byte.
"""

import csv
import hashlib
import json
import math
import statistics
import sys
from pathlib import Path

import numpy
import scipy
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold

MODELS = Path(__file__).resolve().parent.parent
DATA = MODELS / "data" / "employees.csv"
FEATURES = MODELS / "features.json"
ARTEFACT = MODELS / "attrition.json"

C = 0.3  # inverse strength of the ridge penalty: the best of 0.1, 0.3, 1, 3 by repeated cross-validation
DIGITS = 10  # significant digits that are kept: fewer than solvers on two machines agree on
TOLERANCE = 1e-12
GOLDEN_ROWS = 32
REASONS = 3
REASON_MIN = 0.05

STEPS = [
    ("StockOptionLevel", "eq", 0),
    ("StockOptionLevel", "eq", 3),
    ("JobLevel", "eq", 1),
    ("JobLevel", "eq", 2),
    ("YearsAtCompany", "le", 1),
    ("TotalWorkingYears", "le", 1),
    ("YearsWithCurrManager", "eq", 0),
    ("TrainingTimesLastYear", "eq", 0),
    ("NumCompaniesWorked", "ge", 5),
    ("EnvironmentSatisfaction", "eq", 1),
    ("JobInvolvement", "eq", 1),
    ("JobSatisfaction", "eq", 1),
    ("JobSatisfaction", "eq", 4),
    ("RelationshipSatisfaction", "eq", 1),
    ("WorkLifeBalance", "eq", 1),
    ("WorkLifeBalance", "eq", 4),
]


def read_rows(attributes):
    """The employees as {attribute: number or level}, and who left."""
    rows, left = [], []
    with DATA.open(encoding="utf-8-sig", newline="") as file:
        for line in csv.DictReader(file):
            row = {}
            for attribute in attributes:
                text = line[attribute["name"]]
                row[attribute["name"]] = text if attribute["type"] == "category" else int(text)
            rows.append(row)
            left.append(line["Attrition"] == "Yes")
    return rows, numpy.array(left, dtype=int)


def terms_of(attributes):
    """What is added up, grouped by attribute: (op, attribute, value or None)."""
    terms = []
    for attribute in attributes:
        name = attribute["name"]
        if attribute["type"] == "category":
            terms += [("eq", name, category["name"]) for category in attribute["categories"]]
        else:
            terms.append(("id", name, None))
            terms += [(op, name, value) for at, op, value in STEPS if at == name]
    return terms


def term_value(term, row):
    op, name, value = term
    if op == "id":
        return float(row[name])
    if op == "eq":
        return float(row[name] == value)
    return float(row[name] <= value if op == "le" else row[name] >= value)


def matrix_of(terms, rows):
    return numpy.array([[term_value(term, row) for term in terms] for row in rows])


def fit(terms, x, left):
    """Weights of the raw columns and their means: log-odds = base + sum of w * (column - m)."""
    means = x.mean(axis=0)
    is_number = numpy.array([term[0] == "id" for term in terms])
    scale = numpy.where(is_number, x.std(axis=0), 1.0)
    model = LogisticRegression(C=C, solver="newton-cholesky", tol=1e-12, max_iter=200)
    model.fit((x - means) / scale, left)
    return float(model.intercept_[0]), model.coef_[0] / scale, means


def cross_validate(terms, x, left):
    folds = StratifiedKFold(n_splits=5, shuffle=True, random_state=20240601)
    measured = []
    for train, test in folds.split(x, left):
        base, w, m = fit(terms, x[train], left[train])
        p = 1 / (1 + numpy.exp(-(base + (x[test] - m) @ w)))
        measured.append(
            [
                roc_auc_score(left[test], p),
                average_precision_score(left[test], p),
                log_loss(left[test], p),
                brier_score_loss(left[test], p),
            ]
        )
    return numpy.mean(measured, axis=0)


def kept(number):
    return float(f"{number:.{DIGITS}g}")


def describe(attribute, rows):
    """The part of the artefact that says what values of an input the model knows."""
    name, kind = attribute["name"], attribute["type"]
    values = [row[name] for row in rows]
    if kind == "category":
        levels = [category["name"] for category in attribute["categories"]]
        most = max(levels, key=values.count)
        return {
            "name": name,
            "type": kind,
            "categories": levels,
            "missing": {"policy": "impute", "value": most},
            "unknown": "reject",
        }
    return {
        "name": name,
        "type": kind,
        "missing": {"policy": "impute", "value": statistics.median_low(values)},
        "train_min": min(values),
        "train_max": max(values),
    }


def score(linear, features, row):
    """Log-odds, probability and reasons, added up in the order in which lib/model adds."""
    names = [feature["name"] for feature in features]
    typical = {feature["name"]: feature["missing"]["value"] for feature in features}
    whole = {name: typical[name] if row[name] is None else row[name] for name in names}
    contributions = {name: 0.0 for name in names}
    for term in linear["terms"]:
        value = term_value((term["op"], term["f"], term.get("v")), whole)
        contributions[term["f"]] += term["w"] * (value - term["m"])
    log_odds = linear["base"]
    for name in names:
        log_odds += contributions[name]
    ranked = sorted(names, key=lambda name: -abs(contributions[name]))[:REASONS]
    return {
        "log_odds": log_odds,
        "probability": 1 / (1 + math.exp(-log_odds)),
        "reasons": [
            {"attribute": name, "weight": contributions[name]}
            for name in ranked
            if abs(contributions[name]) >= REASON_MIN
        ],
    }


def golden_rows(linear, features, rows):
    """People over the whole range of scores, such that every step and level occurs, then the row of
    all minima, that of all maxima, and one of which nothing is known."""
    ranked = sorted(range(len(rows)), key=lambda i: (score(linear, features, rows[i])["log_odds"], i))
    chosen = [ranked[i * (len(rows) - 1) // (GOLDEN_ROWS - 1)] for i in range(GOLDEN_ROWS)]
    for term in linear["terms"]:
        if term["op"] != "id":
            key = (term["op"], term["f"], term["v"])
            for wanted in (0.0, 1.0):
                if not any(term_value(key, rows[i]) == wanted for i in chosen):
                    chosen.append(next(i for i in ranked if term_value(key, rows[i]) == wanted))
    extremes = [
        {f["name"]: f["categories"][at] if "categories" in f else f[end] for f in features}
        for at, end in ((0, "train_min"), (-1, "train_max"))
    ]
    return [rows[i] for i in chosen] + extremes + [{f["name"]: None for f in features}]


def golden_of(linear, features, rows):
    vectors = [
        {"features": row, **score(linear, features, row)}
        for row in golden_rows(linear, features, rows)
    ]
    typical = {feature["name"]: feature["missing"]["value"] for feature in features}
    number = next(feature for feature in features if "train_max" in feature)
    category = next(feature for feature in features if "categories" in feature)
    errors = [
        {"features": {**typical, category["name"]: "no such level"}, "expect": "unknown-category"},
        {"features": {**typical, category["name"]: None}, "expect": "missing"},
        {"features": {**typical, number["name"]: None}, "expect": "missing"},
        {
            "features": {**typical, number["name"]: number["train_max"] + 1},
            "expect": "outside-training-range",
        },
    ]
    return {"tolerance": TOLERANCE, "vectors": vectors, "errors": errors}


def write(artefact):
    """One line an item: small differences between two artefacts stay small in a diff."""

    def text(value, depth):
        indent = "  " * (depth + 1)
        if isinstance(value, dict) and depth < 2 and len(json.dumps(value)) > 200:
            items = [f"{json.dumps(k)}: {text(v, depth + 1)}" for k, v in value.items()]
            return "{\n" + ",\n".join(indent + item for item in items) + "\n" + indent[2:] + "}"
        if isinstance(value, list) and value and isinstance(value[0], dict) and depth < 3:
            return "[\n" + ",\n".join(indent + json.dumps(v) for v in value) + "\n" + indent[2:] + "]"
        return json.dumps(value, allow_nan=False)

    ARTEFACT.write_text(text(artefact, 0) + "\n", encoding="utf-8")


def main():
    attributes = [
        attribute
        for attribute in json.loads(FEATURES.read_text(encoding="utf-8"))["attributes"]
        if attribute["role"] == "input"
    ]
    rows, left = read_rows(attributes)
    terms = terms_of(attributes)
    x = matrix_of(terms, rows)
    auc, precision, loss, brier = cross_validate(terms, x, left)
    print(
        f"{len(rows)} rows, {left.sum()} left; 5-fold: AUC {auc:.3f}, average precision "
        f"{precision:.3f}, log loss {loss:.3f}, Brier score {brier:.3f}"
    )

    base, w, m = fit(terms, x, left)
    linear = {"base": kept(base), "terms": []}
    for (op, name, value), weight, mean in zip(terms, w, m):
        term = {"op": op, "f": name}
        if op != "id":
            term["v"] = value
        linear["terms"].append({**term, "w": kept(weight), "m": kept(mean)})
    features = [describe(attribute, rows) for attribute in attributes]
    write(
        {
            "format": "attrition-model",
            "format_version": 1,
            "kind": "linear-logistic",
            "features": features,
            "linear": linear,
            "calibration": {"type": "none"},
            "decision": {"threshold": 0.5, "elevated": 0.25},
            "training": {
                "data": "IBM HR Analytics Employee Attrition & Performance (fictional people)",
                "data_sha256": hashlib.sha256(DATA.read_bytes()).hexdigest(),
                "rows": len(rows),
                "positives": int(left.sum()),
                "label": "Attrition = Yes",
                "horizon": None,
                "resampling": "none",
                "penalty": "l2",
                "C": C,
                "solver": "newton-cholesky",
                "libraries": {
                    "numpy": numpy.__version__,
                    "scikit-learn": sklearn.__version__,
                    "scipy": scipy.__version__,
                },
            },
            "golden": golden_of(linear, features, rows),
        }
    )
    print(f"{ARTEFACT}: {len(terms)} terms, {ARTEFACT.stat().st_size} bytes")


if __name__ == "__main__":
    sys.exit(main())
