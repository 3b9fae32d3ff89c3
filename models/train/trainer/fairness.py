# SPDX-License-Identifier: MIT
"""Who is flagged, by what a model must not use: rates of selection with their ratio, how many leavers
are found, how many of the flagged leave, and whether predictions are right on average. Measured on
predictions for people whom the model had not seen; intervals by resampling people."""

import itertools

import numpy

from .candidates import SEED

RESAMPLES = 2000
CHUNK = 50  # resamples at a time: a large file's people are drawn within bounded memory
PEOPLE_MIN = 50
LEAVERS_MIN = 10


def groups_of(attribute, values):
    """{name of the group: who belongs}. A number is cut where the features file says, or in the middle."""
    if attribute.is_category:
        return {name: values == i for i, name in enumerate(attribute.categories)}
    known = values[~numpy.isnan(values)]
    edges = attribute.groups or (float(numpy.median(known)),)
    names = [f"under {edges[0]:g}"]
    names += [f"{low:g} to under {high:g}" for low, high in zip(edges, edges[1:])]
    names.append(f"{edges[-1]:g} and over")
    place = numpy.where(numpy.isnan(values), -1, numpy.digitize(values, edges))
    return {name: place == i for i, name in enumerate(names)}


def all_groups(features, table):
    """[(attribute or "A x B", {group: members})]."""
    place = {attribute.name: i for i, attribute in enumerate(features.attributes)}
    single = [(a.name, groups_of(a, table.x[:, place[a.name]])) for a in features.audits]
    both = []
    for (one, its), (other, others) in itertools.combinations(single, 2):
        both.append((f"{one} x {other}", {f"{a}, {b}": its[a] & others[b] for a in its for b in others}))
    return [(name, {g: m for g, m in groups.items() if m.any()}) for name, groups in single + both]


def rates(flagged, p, y, members):
    """flagged, p: means over the repetitions for each person."""
    n, leavers, chosen = members.sum(), y[members].sum(), flagged[members].sum()
    found = (flagged * y)[members].sum()
    return {
        "people": int(n),
        "leavers": int(leavers),
        "flagged": float(chosen),
        "selection_rate": float(chosen / n),
        "tpr": float(found / leavers) if leavers else None,
        "ppv": float(found / chosen) if chosen else None,
        "calibration_gap": float(p[members].mean() - y[members].mean()),
        "small": bool(n < PEOPLE_MIN or leavers < LEAVERS_MIN),
    }


def resampled_rates(flagged, members):
    """Selection rates of every group in every resample of the people: resamples x groups."""
    random = numpy.random.default_rng(SEED)
    n = len(flagged)
    sums = numpy.column_stack([members, members * flagged[:, None]])
    parts = []
    for start in range(0, RESAMPLES, CHUNK):
        drawn = random.multinomial(n, numpy.full(n, 1 / n), size=min(CHUNK, RESAMPLES - start))
        parts.append(drawn @ sums)
    people, chosen = numpy.split(numpy.vstack(parts), 2, axis=1)
    with numpy.errstate(invalid="ignore", divide="ignore"):
        return chosen / people


def add_ratios(rows, resampled):
    """To the group of the same attribute that is selected most often and is not small."""
    judged = [i for i, row in enumerate(rows) if not row["small"]]
    most = max(judged, key=lambda i: rows[i]["selection_rate"], default=None)
    for i, row in enumerate(rows):
        row["ratio"] = row["ratio_low"] = row["ratio_high"] = None
        if most is None or not rows[most]["selection_rate"]:
            continue
        row["ratio"] = row["selection_rate"] / rows[most]["selection_rate"]
        with numpy.errstate(invalid="ignore", divide="ignore"):
            ratios = resampled[:, i] / resampled[:, most]
        ratios = ratios[numpy.isfinite(ratios)]
        if len(ratios):
            row["ratio_low"], row["ratio_high"] = (float(v) for v in numpy.quantile(ratios, (0.025, 0.975)))


def audit(features, table, probabilities, threshold):
    """A row a group: {"attribute", "group", ..}."""
    flagged, p = (probabilities > threshold).mean(axis=0), probabilities.mean(axis=0)
    found = all_groups(features, table)
    if not found:
        return []
    members = numpy.column_stack([m for _, groups in found for m in groups.values()]).astype(float)
    resampled, at, rows = resampled_rates(flagged, members), 0, []
    for attribute, groups in found:
        measured = [{"attribute": attribute, "group": name, **rates(flagged, p, table.y, m)}
                    for name, m in groups.items()]
        add_ratios(measured, resampled[:, at : at + len(groups)])
        at += len(groups)
        rows += measured
    return rows
