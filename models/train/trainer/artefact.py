# SPDX-License-Identifier: MIT
"""The artefact: a fitted candidate and its measurements in the format of models/FORMAT.md.

The weights of a linear model are kept to ten significant digits, fewer than solvers on two machines
agree on, and measurements to four or six: the same data and libraries give the same bytes anywhere."""

import hashlib
import json

import numpy
import scipy
import sklearn

from . import Problem, trees
from .candidates import SEED
from .evaluate import FOLDS
from .golden import golden_of

VERSION = 2
WEIGHT_DIGITS = 10
# Errors of calibration: what chance makes of each, the most, and the most above chance (models/FORMAT.md).
CALIBRATION_LIMITS = (("ece", "ece_by_chance", 0.06, 0.04), ("gap_above_threshold", "gap_by_chance", 0.15, 0.10))
KINDS = {"logistic": "linear-logistic", "forest": "random-forest", "boosting": "gradient-boosting"}
RESAMPLING = {True: "SMOTE", False: "none"}
SOME = 5000
EDGES = 9  # a distribution is kept in ten parts


def kept(number, digits=WEIGHT_DIGITS):
    return float(f"{number:.{digits}g}")


def rounded(value, places=4):
    return None if value is None else round(float(value), places) + 0.0  # no -0.0


def plain(attribute, value):
    """A number of the table as the artefact writes it: a level's name, a whole number, a real."""
    if attribute.is_category:
        return attribute.categories[int(value)]
    return int(value) if float(value).is_integer() else float(value)


def some(x):
    """Everybody, or of a large company some thousands, evenly: what is done person by person takes time."""
    return x[:: max(1, len(x) // SOME)]


def people_of(attributes, features, x):
    """The rows by name, as JSON has them."""
    place = {a.name: i for i, a in enumerate(features.attributes)}
    return [{a.name: None if numpy.isnan(row[place[a.name]]) else plain(a, row[place[a.name]])
             for a in attributes} for row in x]


def describe(attribute, encoder):
    """One entry of `features`."""
    name, policies = attribute.name, attribute.policies
    out = {"name": name, "type": attribute.type}
    if policies["missing"] == "impute":
        out["missing"] = {"policy": "impute", "value": plain(attribute, encoder.imputed_[name])}
    else:
        out["missing"] = {"policy": "reject"}
    if not attribute.is_category:
        low, high = encoder.range_[name]
        return out | {"train_min": plain(attribute, low), "train_max": plain(attribute, high),
                      "outside": {"policy": policies["outside"]}}
    out["categories"] = [attribute.categories[i] for i in encoder.levels_[name]]
    policy = policies["unknown"]
    if policy in ("reject", "zero"):
        return out | {"unknown": {"policy": policy}}
    if policy not in out["categories"]:
        raise Problem(f"{name}: unknown values are to be scored as {policy!r}, which nobody in the data has")
    return out | {"unknown": {"policy": "map", "value": policy}}


def columns_of(encoder, attributes):
    """The encoder's columns in words of the artefact, and which of them are in it: a level that nobody
    has is none of the model's."""
    by_name = {attribute.name: attribute for attribute in attributes}
    out, is_kept = [], []
    for op, name, value in encoder.columns_:
        attribute = by_name[name]
        column = {"op": op, "f": name}
        if op != "id":
            column["v"] = plain(attribute, value)
        out.append(column)
        is_kept.append(not attribute.is_category or value in encoder.levels_[name])
    return out, is_kept


def linear_of(pipeline, columns, is_kept):
    scaler, model = pipeline["scale"], pipeline["model"]
    weights = model.coef_[0] / scaler.scale_
    terms = [{**column, "w": kept(w), "m": kept(m)}
             for column, w, m, keep in zip(columns, weights, scaler.mean_, is_kept) if keep]
    return {"base": kept(model.intercept_[0]), "terms": terms}


def trees_of(pipeline, attributes, columns):
    whole = {a.name for a in attributes if a.type != "real"}
    is_whole = [column["f"] in whole for column in columns]
    model = pipeline["model"]
    of = trees.of_boosting if hasattr(model, "init_") else trees.of_forest
    base, found = of(model, is_whole)
    return {"base": base, "columns": columns, "list": found}


def calibration_of(estimator):
    """The pipeline inside, and its calibration."""
    if not hasattr(estimator, "calibrated_classifiers_"):
        return estimator, {"type": "none"}
    calibrated = estimator.calibrated_classifiers_[0]
    curve = calibrated.calibrators[0]
    if hasattr(curve, "a_"):
        return calibrated.estimator, {"type": "sigmoid", "slope": -float(curve.a_),
                                      "intercept": -float(curve.b_)}
    return calibrated.estimator, {"type": "isotonic", "x": curve.X_thresholds_.tolist(),
                                  "y": curve.y_thresholds_.tolist()}


def distribution(values, places):
    """Edges at the tenths that differ, and the share of values up to each."""
    edges = sorted({round(float(v), places) for v in numpy.quantile(
        values, numpy.arange(1, EDGES + 1) / (EDGES + 1), method="inverted_cdf")})
    counts = numpy.bincount(numpy.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)
    return {"edges": edges, "shares": shares_of(counts)}


def shares_of(counts):
    return [kept(count / counts.sum(), 8) for count in counts]


def reference_of(attributes, features, table, probabilities):
    place = {a.name: i for i, a in enumerate(features.attributes)}
    score = numpy.round(probabilities[0], 6)
    out = {"score": distribution(score, 6) | {"mean": rounded(score.mean(), 6)}, "features": []}
    for attribute in attributes:
        values = table.x[:, place[attribute.name]]
        known = values[~numpy.isnan(values)]
        entry = {"name": attribute.name, "missing": kept(float(numpy.isnan(values).mean()), 8)}
        if attribute.is_category:
            counts = numpy.bincount(known.astype(int), minlength=len(attribute.categories))
            entry["shares"] = shares_of(counts[counts > 0])
        else:
            entry |= distribution(known, 12)
        out["features"].append(entry)
    return out


def metrics_of(result):
    repeats = len(result.probabilities)
    return {
        "protocol": f"{FOLDS}-fold cross-validation, {'once' if repeats == 1 else f'{repeats} times'}, everything "
                    "fitted inside the fold",
        "folds": FOLDS * repeats,
        "values": {name: {"mean": rounded(mean), "sd": rounded(sd)}
                   for name, (mean, sd) in result.values.items()},
    }


def fairness_of(rows, threshold):
    return {
        "protocol": "predictions of the cross-validation, mean over its repetitions; intervals by "
                    "resampling people",
        "threshold": threshold,
        "groups": [{key: rounded(value) if isinstance(value, float) else value
                    for key, value in row.items()} for row in rows],
    }


def parameters_of(pipeline, candidate, chosen):
    model = pipeline["model"].get_params()
    names = {"logistic": ("solver", "tol", "max_iter", "class_weight"),
             "forest": ("n_estimators", "max_depth", "max_features", "min_samples_leaf"),
             "boosting": ("n_estimators", "max_depth", "max_features", "learning_rate", "subsample")}
    penalty = {"penalty": "l2"} if candidate.kind == "logistic" else {}
    return penalty | {name: model[name] for name in names[candidate.kind]} | chosen


def judge_calibration(metrics):
    means = {name: value["mean"] for name, value in metrics["values"].items()}
    for name, by_chance, most, most_above_chance in CALIBRATION_LIMITS:
        error, chance = means[name], means[by_chance]
        if error > most or error - chance > most_above_chance:
            raise Problem(
                f"the probabilities of this model do not mean what they say ({name} is {error:.3f}, chance alone would "
                f"make it {chance:.3f}; the limits are {most}, and {most_above_chance} above chance), so no program "
                "would load it; --calibration sigmoid may help, or more people")


def build(candidate, fitted, features, table, result, groups, decision):
    """The whole artefact; refuses what the programs would refuse."""
    metrics = metrics_of(result)
    judge_calibration(metrics)
    pipeline, calibration = calibration_of(fitted.estimator)
    encoder = pipeline["encode"]
    attributes = [a for a in features.attributes if a.name in encoder.place_]
    columns, is_kept = columns_of(encoder, attributes)
    is_linear = candidate.kind == "logistic"
    artefact = {
        "format": "attrition-model",
        "format_version": VERSION,
        "kind": KINDS[candidate.kind],
        "features": [describe(attribute, encoder) for attribute in attributes],
    }
    if is_linear:
        artefact["linear"] = linear_of(pipeline, columns, is_kept)
    else:
        artefact["trees"] = trees_of(pipeline, attributes, columns)
    artefact |= {
        "calibration": calibration,
        "decision": decision,
        "training": {
            "source": features.source,
            "fictional": features.fictional,
            "data_sha256": table.sha256,
            "data_bytes": table.bytes,
            "rows": len(table.y),
            "positives": int(table.y.sum()),
            "label": f"{features.label['column']} = {features.label['positive']}",
            "horizon": features.horizon,
            "resampling": RESAMPLING[candidate.smote],
            "estimator": type(pipeline["model"]).__name__,
            "parameters": parameters_of(pipeline, candidate, fitted.chosen),
            "seed": SEED,
            "libraries": {"numpy": numpy.__version__, "scikit-learn": sklearn.__version__,
                          "scipy": scipy.__version__},
        },
        "metrics": metrics,
        "fairness": fairness_of(groups, decision["threshold"]),
        "reference": reference_of(attributes, features, table, result.probabilities),
    }
    artefact["golden"] = golden_of(artefact, attributes, people_of(attributes, features, some(table.x)))
    return artefact


def text_of(artefact):
    """As JSON with one item a line (small differences between two artefacts stay small in a diff), and
    sealed: golden vectors do not see every damaged digit, the hash of all that comes before it does."""

    def text(value, depth):
        indent = "  " * (depth + 1)
        if isinstance(value, dict) and depth < 2 and len(json.dumps(value)) > 200:
            items = [f"{json.dumps(k)}: {text(v, depth + 1)}" for k, v in value.items()]
            return "{\n" + ",\n".join(indent + item for item in items) + "\n" + indent[2:] + "}"
        if isinstance(value, list) and value and isinstance(value[0], dict) and depth < 3:
            lines = (indent + json.dumps(v, allow_nan=False) for v in value)
            return "[\n" + ",\n".join(lines) + "\n" + indent[2:] + "]"
        return json.dumps(value, allow_nan=False)

    body = text(artefact, 0).removesuffix("\n}") + ",\n  "
    return f'{body}"seal": "{hashlib.sha256(body.encode()).hexdigest()}"\n}}\n'
