# SPDX-License-Identifier: MIT
"""The examination that an artefact carries with it: people over the whole range of scores, the
extremes, somebody of whom nothing is known, and rows that must be refused or counted."""

from .score import REASON_MIN, REASONS, Scorer, column_value, ranked, reasons_of

ROWS = 32
# Reasons whose order or presence hangs on less than this are no question for an examination.
CLEAR = 1e-6


def is_clear(names, contributions):
    sizes = [abs(contributions[name]) for name in ranked(names, contributions)[: REASONS + 1]]
    apart = all(a - b > CLEAR or a == b for a, b in zip(sizes, sizes[1:]))
    return apart and all(abs(size - REASON_MIN) > CLEAR for size in sizes)


def people(scorer, rows, columns):
    """Real people, spread evenly over the scores, then one more for each comparison that none of them
    answers in one way."""
    scores = scorer.scores(rows) if scorer.kind == "linear-logistic" else None
    order = range(len(rows))
    if scores:
        order = sorted((i for i in order if scores[i] and is_clear(scorer.names, scores[i]["contributions"])),
                       key=lambda i: (scores[i]["log_odds"], i))
    else:
        order = [i for i in order if None not in scorer.values(rows[i]).values()]
    count = min(ROWS, len(order))
    chosen = [order[i * (len(order) - 1) // max(1, count - 1)] for i in range(count)]
    for column in columns:
        if column["op"] == "id":
            continue
        for wanted in (0.0, 1.0):
            answers = (i for i in [*chosen, *order]
                       if column_value(column, scorer.values(rows[i])[column["f"]]) == wanted)
            one = next(answers, None)
            if one is not None and one not in chosen:
                chosen.append(one)
    return [rows[i] for i in chosen]


def extremes(features):
    lowest = {f["name"]: f["categories"][0] if "categories" in f else f["train_min"] for f in features}
    highest = {f["name"]: f["categories"][-1] if "categories" in f else f["train_max"] for f in features}
    beyond = {**highest, **{f["name"]: f["train_max"] + 1 for f in features if "train_max" in f}}
    nothing = {f["name"]: None for f in features}
    return [lowest, highest, beyond, nothing]


def vectors_of(scorer, rows, columns):
    out, asked = [], [*people(scorer, rows, columns), *extremes(scorer.features)]
    for row, score in zip(asked, scorer.scores(asked)):
        if score and is_clear(scorer.names, score["contributions"]):
            out.append({
                "features": row,
                "log_odds": score["log_odds"],
                "probability": score["probability"],
                "base_log_odds": score["base_log_odds"],
                "reasons": reasons_of(scorer.names, score["contributions"]),
            })
    return out


def errors_of(artefact, attributes, typical):
    """One case for each kind of fault, at the first feature that can have it."""
    bounds = {attribute.name: attribute for attribute in attributes}
    found = {}

    def add(expect, name, value):
        found.setdefault(expect, {"features": {**typical, name: value}, "expect": expect})

    for feature in artefact["features"]:
        name, refuses = feature["name"], feature["missing"]["policy"] == "reject"
        add("band-unknown" if refuses else "missing", name, None)
        if "categories" in feature:
            refused = feature["unknown"]["policy"] == "reject"
            add("unknown-category", name, "no such level")
            if refused:
                add("band-unknown", name, "no such level")
            add("wrong-type", name, 1)
            continue
        beyond = feature["train_max"] + 1
        if beyond <= bounds[name].max:
            add("outside-training-range", name, beyond)
        add("out-of-range", name, bounds[name].max + 1)
        if feature["type"] == "integer":
            add("not-an-integer", name, feature["train_min"] + 0.5)
        add("wrong-type", name, "much")
    return list(found.values())


def golden_of(artefact, attributes, rows):
    scorer = Scorer(artefact)
    is_linear = scorer.kind == "linear-logistic"
    columns = artefact["linear"]["terms"] if is_linear else artefact["trees"]["columns"]
    whole = next((row for row in rows if None not in row.values()), rows[0])
    typical = whole | {f["name"]: f["missing"]["value"] for f in artefact["features"]
                         if "value" in f["missing"]}
    return {
        "tolerance": 1e-12,
        "reason_tolerance": 1e-12 if is_linear else 1e-9,
        "vectors": vectors_of(scorer, rows, columns),
        "errors": errors_of(artefact, attributes, typical),
    }
