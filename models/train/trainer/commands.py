# SPDX-License-Identifier: MIT
"""The two commands: train, which makes a model and shows everything, and check, which holds the
shipped model to what the training makes of its data."""

import dataclasses
import itertools
import os
import sys
from pathlib import Path
from types import SimpleNamespace

from sklearn.model_selection import train_test_split

from . import artefact, candidates, card, evaluate, explore, fairness
from .data import read_table
from .features import read_features
from .score import Scorer

MODELS = Path(__file__).resolve().parents[2]
DATA = MODELS / "data" / "employees.csv"
FEATURES = MODELS / "features.json"
SHIPPED = MODELS / "attrition.json"
FOLDER_TEXT = Path(__file__).resolve().parents[1] / "folder.md"

# What a shipped model must reach by the repeated cross-validation: at least, or at most.
PROMISED = (("auc", ">=", 0.855), ("average_precision", ">=", 0.68), ("brier", "<=", 0.087),
            ("ece", "<=", 0.035), ("precision", ">=", 0.72))
# What is told of each candidate as soon as it is measured.
TOLD = (("auc", "AUC"), ("average_precision", "PR AUC"), ("brier", "Brier"), ("ece", "ECE"), ("precision", "precision"),
        ("recall", "recall"))


def candidate_of(options):
    if options.estimator == "logistic":
        calibration = options.calibration or "none"
        name = candidates.SHIPPED.name + ("" if calibration == "none" else f", {calibration}")
        return dataclasses.replace(candidates.SHIPPED, name=name, calibration=calibration)
    grid = {"forest": {"model__min_samples_leaf": (3, 6, 12)}, "boosting": {}}[options.estimator]
    if options.estimator == "boosting":
        grid = {"model__learning_rate": (0.03, 0.07)}
        grid |= {} if options.depth else {"model__max_depth": (2, 3)}
    return candidates.Candidate(
        {"forest": "random forest", "boosting": "gradient boosting"}[options.estimator], options.estimator,
        calibration=options.calibration or "sigmoid", grid=grid, inner=3, trees=options.trees, depth=options.depth)


def holdout(chosen, features, table):
    """The usual single split, for the report."""
    parts = train_test_split(table.x, table.y, test_size=0.2, stratify=table.y, random_state=candidates.SEED)
    x, x_test, y, y_test = parts
    return [(c.name, y_test, candidates.fit(c, features, x, y).probability(x_test)) for c in chosen]


def influence_of(built, features, table):
    """Mean size of the contributions: of everybody for a linear model, of the golden people for trees,
    whose explanation takes its time here."""
    scorer = Scorer(built)
    if "linear" in built:
        rows = artefact.people_of(features.inputs, features, artefact.some(table.x))
    else:
        rows = [vector["features"] for vector in built["golden"]["vectors"]]
    scores = [score for score in scorer.scores(rows) if score]
    sizes = [(name, sum(abs(s["contributions"][name]) for s in scores) / len(scores)) for name in scorer.names]
    return sorted(sizes, key=lambda pair: -pair[1])


def family_of(candidate):
    """Equal for candidates that differ in calibration alone."""
    return repr(dataclasses.replace(candidate, name="", calibration=""))


def compare_all(chosen, features, table, options, progress):
    results, repeats = [], 1 if options.quick else evaluate.REPEATS
    for _, family in itertools.groupby(chosen, family_of):
        found = evaluate.cross_validate(list(family), features, table, options.threshold, repeats, options.jobs,
                                        progress.fold)
        results += found
        for result in found:
            told = ", ".join(f"{words} {result.values[name][0]:.3f}" for name, words in TOLD)
            progress.say(f"{result.candidate.name}: {told}")
    return results


def build(candidate, features, table, result, decision):
    """Fits on everybody and makes the artefact of it."""
    groups = fairness.audit(features, table, result.probabilities, decision["threshold"])
    fitted = candidates.fit(candidate, features, table.x, table.y)
    return fitted, groups, artefact.build(candidate, fitted, features, table, result, groups, decision)


def write(path, text):
    """Whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)


def card_text(run, original):
    audits = [a.name for a in run.features.audits]
    text = card.card(run.artefact, audits, original.values if original else None, run.influence)
    return FOLDER_TEXT.read_text(encoding="utf-8") + "\n" + text if run.is_shipped else f"# {run.name}\n\n{text}"


def compared_with(candidate, options):
    if options.no_report:
        return []
    return [candidates.ORIGINAL] if options.quick else [c for c in candidates.COMPARED if c != candidate]


def write_report(run, out):
    from . import report  # the pictures' library takes its time, and nothing else needs it

    original = next(result for result in run.results if result.candidate == candidates.ORIGINAL)
    run.explored = explore.explore(run.features, run.table)
    run.influence = influence_of(run.artefact, run.features, run.table)
    # The last one is a tuned and calibrated ensemble, where everything was compared.
    run.drawn = [run.candidate, candidates.ORIGINAL, run.results[-1].candidate]
    run.holdout = holdout([run.candidate, candidates.ORIGINAL], run.features, run.table)
    write(out / "report.html", report.page(run))
    write(out / "README.md", card_text(run, original))


def train(options, progress):
    features = read_features(options.features or FEATURES)
    table = read_table(options.data or DATA, features)
    progress.say(f"{len(table.y)} people, {int(table.y.sum())} left, {len(features.inputs)} inputs")
    for name in explore.suspicious(features, table):
        progress.say(f"warning: {name} alone tells almost perfectly who left; was it written down afterwards?")
    out = (options.out or MODELS).resolve()
    out.mkdir(parents=True, exist_ok=True)
    candidate = candidate_of(options)
    results = compare_all([candidate, *compared_with(candidate, options)], features, table, options, progress)
    decision = {"threshold": options.threshold, "elevated": options.elevated}
    fitted, groups, built = build(candidate, features, table, results[0], decision)
    if not options.no_report:
        progress.say("trained; writing the report")
        write_report(SimpleNamespace(
            features=features, table=table, candidate=candidate, results=results, fitted=fitted, groups=groups,
            artefact=built, threshold=options.threshold, name=options.name, is_shipped=out == MODELS), out)
    write(out / f"{options.name}.json", artefact.text_of(built))
    if options.predictions:
        write(options.predictions, "".join(f"{p!r}\n" for p in fitted.probability(table.x).tolist()))
    progress.say(f"written: {out / options.name}.json{'' if options.no_report else ', report.html, README.md'}")
    return 0


def is_rebuilt(features, table, result):
    decision = {"threshold": 0.5, "elevated": 0.25}
    _, _, built = build(candidates.SHIPPED, features, table, result, decision)
    return artefact.text_of(built) == SHIPPED.read_text(encoding="utf-8")


def check(options, progress):
    """The shipped model: rebuilt to the same bytes, and as good as promised."""
    features = read_features(FEATURES)
    table = read_table(DATA, features)
    results = compare_all([candidates.SHIPPED, candidates.ORIGINAL], features, table, options, progress)
    ours, original = (result.values for result in results)
    failures = []
    print(f"{'':24}{'shipped':>9}{'original':>10}  promised")
    for name, op, limit in PROMISED:
        value = ours[name][0]
        is_kept = value >= limit if op == ">=" else value <= limit
        print(f"{name:24}{value:9.4f}{original[name][0]:10.4f}  {op} {limit}{'' if is_kept else '  MISSED'}")
        if not is_kept:
            failures.append(f"{name} is {value:.4f}, promised is {op} {limit}")
    if options.quick:
        print("one repetition only: the file is not rebuilt")
    elif is_rebuilt(features, table, results[0]):
        print(f"models/{SHIPPED.name}: the same bytes")
    else:
        failures.append(f"models/{SHIPPED.name} is not what the training makes of the data: run models/train/run")
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0
