# SPDX-License-Identifier: MIT
"""How good a candidate is, on people whom it has not seen: cross-validation, repeated with other
folds, the same folds for every candidate. One split of a few hundred people says almost nothing
(its AUC moves by 0.03 with the split), so nothing here is judged by one."""

import collections
import math
from dataclasses import dataclass

import joblib
import numpy
from scipy import stats
from sklearn import metrics
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RepeatedStratifiedKFold

from .candidates import SEED, SOLVER, fit, tune

FOLDS = 5
REPEATS = 10
BINS = 10
DRAWS = 100


@dataclass
class Result:
    candidate: object
    probabilities: numpy.ndarray  # repetitions x people, each predicted by a model without that person
    folds: dict  # metric: a value a fold
    values: dict  # metric: (mean, sd)
    chosen: collections.Counter


def expected_calibration_error(y, p):
    bins = numpy.minimum((p * BINS).astype(int), BINS - 1)
    return float(sum(abs(p[bins == b].mean() - y[bins == b].mean()) * (bins == b).mean()
                     for b in range(BINS) if (bins == b).any()))


def calibration_line(y, p):
    """Slope and intercept of the observed log-odds over the predicted ones: 1 and 0 are right."""
    p = numpy.clip(p, 1e-6, 1 - 1e-6)
    line = LogisticRegression(C=1e12, **SOLVER).fit(numpy.log(p / (1 - p)).reshape(-1, 1), y)
    return float(line.coef_[0, 0]), float(line.intercept_[0])


def share(part, whole):
    return float(part) / float(whole) if whole else 0.0


def recall_of_top(y, p, fraction):
    first = numpy.argsort(-p, kind="stable")[: max(1, round(fraction * len(p)))]
    return share(y[first].sum(), y.sum())


def of_fold(y, p, threshold):
    """What can be measured on one fold."""
    flagged = p > threshold
    found = y[flagged].sum()
    precision, recall = share(found, flagged.sum()), share(found, y.sum())
    return {
        "auc": metrics.roc_auc_score(y, p),
        "average_precision": metrics.average_precision_score(y, p),
        "log_loss": metrics.log_loss(y, p),
        "brier": metrics.brier_score_loss(y, p),
        "precision": precision,
        "recall": recall,
        "f1": share(2 * precision * recall, precision + recall),
        "accuracy": float((flagged == y).mean()),
        "recall_top_10": recall_of_top(y, p, 0.10),
        "recall_top_16": recall_of_top(y, p, 0.16),
    }


def gap_above(y, p, threshold):
    flagged = p > threshold
    return float(abs(p[flagged].mean() - y[flagged].mean())) if flagged.any() else 0.0


def by_chance(p, measure):
    """What a measure of calibration gives, on average, where every probability is right: with few people
    it is far from nothing."""
    random = numpy.random.default_rng(SEED)
    return float(numpy.mean([measure((random.random(len(p)) < p).astype(int), p) for _ in range(DRAWS)]))


def of_pass(y, p, threshold):
    """What needs everybody: one prediction for each person."""
    flagged = p > threshold
    slope, intercept = calibration_line(y, p)
    return {
        "ece": expected_calibration_error(y, p),
        "ece_by_chance": by_chance(p, expected_calibration_error),
        "gap_above_threshold": gap_above(y, p, threshold),
        "gap_by_chance": by_chance(p, lambda y, p: gap_above(y, p, threshold)),
        "calibration_slope": slope,
        "calibration_intercept": intercept,
        "flagged_share": float(flagged.mean()),
        "observed_above_threshold": share(y[flagged].sum(), flagged.sum()),
    }


def summary(rows):
    return {name: (float(numpy.mean([row[name] for row in rows])),
                   float(numpy.std([row[name] for row in rows], ddof=1)) if len(rows) > 1 else 0.0)
            for name in rows[0]}


def of_family(family, features, x, y, train, test):
    """One fold for candidates that differ in calibration alone: tuned once. [(probabilities, chosen)]."""
    tuned = tune(family[0], features, x[train], y[train])
    found = (fit(candidate, features, x[train], y[train], tuned) for candidate in family)
    return [(fitted.probability(x[test]), fitted.chosen) for fitted in found]


def result_of(candidate, y, folds, outcomes, repeats, threshold):
    probabilities = numpy.full((repeats, len(y)), numpy.nan)
    rows, chosen = [], collections.Counter()
    for i, ((_, test), (p, parameters)) in enumerate(zip(folds, outcomes)):
        probabilities[i // FOLDS, test] = p
        rows.append(of_fold(y[test], p, threshold))
        chosen[", ".join(f"{name} {value}" for name, value in sorted(parameters.items()))] += 1
    values = summary(rows) | summary([of_pass(y, p, threshold) for p in probabilities])
    by_fold = {name: numpy.array([row[name] for row in rows]) for name in rows[0]}
    return Result(candidate, probabilities, by_fold, values, chosen)


def cross_validate(family, features, table, threshold, repeats=REPEATS, jobs=1, progress=None):
    """A Result for each candidate of the family. The same numbers with any number of jobs."""
    splitter = RepeatedStratifiedKFold(n_splits=FOLDS, n_repeats=repeats, random_state=SEED)
    folds = list(splitter.split(table.x, table.y))
    tasks = (joblib.delayed(of_family)(family, features, table.x, table.y, *fold) for fold in folds)
    outcomes = []
    if progress:
        progress(family[0].name, 0, len(folds))
    for outcome in joblib.Parallel(n_jobs=jobs, return_as="generator")(tasks):
        outcomes.append(outcome)
        if progress:
            progress(family[0].name, len(outcomes), len(folds))
    return [result_of(candidate, table.y, folds, [outcome[i] for outcome in outcomes], repeats, threshold)
            for i, candidate in enumerate(family)]


def compare(result, other, name):
    """Mean difference over the same folds, and p by the t-test that allows for folds sharing people
    (Nadeau and Bengio's correction)."""
    difference = result.folds[name] - other.folds[name]
    count = len(difference)
    spread = difference.var(ddof=1) if count > 1 else 0.0
    if spread == 0:
        return float(difference.mean()), 1.0
    t = difference.mean() / math.sqrt(spread * (1 / count + 1 / (FOLDS - 1)))
    return float(difference.mean()), float(2 * stats.t.sf(abs(t), count - 1))
