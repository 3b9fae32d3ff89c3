# SPDX-License-Identifier: MIT
"""What the data look like before anything is fitted: numbers for the report, no pictures."""

import numpy
from scipy import stats

TOO_GOOD = 0.97
OUTLIER_REACH = 1.5  # times the middle half, beyond its ends


def columns(features, table):
    return [(a, table.x[:, i]) for i, a in enumerate(features.attributes)]


def describe_number(attribute, values, y):
    known = ~numpy.isnan(values)
    v, left = values[known], y[known]
    low, middle, high = numpy.quantile(v, (0.25, 0.5, 0.75))
    reach = OUTLIER_REACH * (high - low)
    outliers = ((v < low - reach) | (v > high + reach)).sum()
    constant = v.min() == v.max()
    return {
        "name": attribute.name, "role": attribute.role, "missing": int((~known).sum()),
        "mean": v.mean(), "sd": v.std(), "min": v.min(), "q1": low, "median": middle, "q3": high,
        "max": v.max(), "skew": 0.0 if constant else float(stats.skew(v)), "outliers": int(outliers),
        "stayed": v[left == 0].mean(), "left": v[left == 1].mean(),
        "p": 1.0 if constant else float(stats.mannwhitneyu(v[left == 1], v[left == 0]).pvalue),
    }


def describe_category(attribute, values, y):
    known = ~numpy.isnan(values)
    levels = []
    counts = numpy.zeros((len(attribute.categories), 2))
    for i, name in enumerate(attribute.categories):
        members = known & (values == i)
        counts[i] = (y[members] == 0).sum(), (y[members] == 1).sum()
        if members.any():
            levels.append((name, int(members.sum()), float(y[members].mean())))
    counts = counts[counts.sum(axis=1) > 0]
    p = float(stats.chi2_contingency(counts).pvalue) if len(counts) > 1 else 1.0
    return {"name": attribute.name, "role": attribute.role, "missing": int((~known).sum()),
            "levels": levels, "p": p}


def correlations(features, table):
    """Spearman's, over the attributes that are numbers: names, matrix."""
    numbers = [(a.name, v) for a, v in columns(features, table) if not a.is_category]
    matrix = numpy.eye(len(numbers))
    for i, (_, a) in enumerate(numbers):
        for j, (_, b) in enumerate(numbers[:i]):
            both = ~(numpy.isnan(a) | numpy.isnan(b))
            varies = both.sum() > 2 and numpy.ptp(a[both]) > 0 and numpy.ptp(b[both]) > 0
            rho = stats.spearmanr(a[both], b[both]).statistic if varies else 0.0
            matrix[i, j] = matrix[j, i] = rho
    return [name for name, _ in numbers], matrix


def strongest(names, matrix, count=12):
    pairs = [(names[i], names[j], matrix[i, j]) for i in range(len(names)) for j in range(i)]
    return sorted(pairs, key=lambda pair: -abs(pair[2]))[:count]


def separation(attribute, values, y):
    """How well the attribute alone tells leavers apart: the area under the curve, 0.5 to 1."""
    known = ~numpy.isnan(values)
    v, left = values[known], y[known]
    if attribute.is_category:
        rates = numpy.array([left[v == i].mean() if (v == i).any() else 0 for i in range(len(attribute.categories))])
        v = rates[v.astype(int)]
    count = left.sum() * (len(left) - left.sum())
    if not count:
        return 0.5
    area = float(stats.mannwhitneyu(v[left == 1], v[left == 0]).statistic / count)
    return max(area, 1 - area)


def suspicious(features, table):
    """Attributes that know too well who left: they were most likely written down afterwards."""
    return [a.name for a, v in columns(features, table) if a.is_input and separation(a, v, table.y) > TOO_GOOD]


def explore(features, table):
    found = {"numbers": [], "categories": []}
    for attribute, values in columns(features, table):
        if attribute.is_category:
            found["categories"].append(describe_category(attribute, values, table.y))
        else:
            found["numbers"].append(describe_number(attribute, values, table.y))
    found["names"], found["correlations"] = correlations(features, table)
    found["strongest"] = strongest(found["names"], found["correlations"])
    return found
