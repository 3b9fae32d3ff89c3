# SPDX-License-Identifier: MIT
"""Trees as the artefact holds them, and their exact explanation.

scikit-learn rounds a column to single precision before it compares; the artefact's reader does not.
So the export moves each threshold to the double at which the rounded comparison turns over, and both
decide the same for every double there is."""

import itertools
import math

import numpy

WHOLE_MAX = 2**24  # whole numbers up to here are exact in single precision


def turning_point(threshold, is_whole):
    """The greatest t such that `x <= t` is `float32(x) <= threshold`; for a column of whole numbers one
    that decides all of them so and reads better."""
    if is_whole and abs(threshold) < WHOLE_MAX:
        return math.floor(threshold) + 0.5
    below = numpy.float32(threshold)
    if float(below) > threshold:
        below = numpy.nextafter(below, numpy.float32(-numpy.inf))
    above = numpy.nextafter(below, numpy.float32(numpy.inf))
    middle = (float(below) + float(above)) / 2
    ties_go_down = below.view(numpy.uint32) & 1 == 0
    return middle if ties_go_down else float(numpy.nextafter(middle, -numpy.inf))


def arrays_of(tree, leaf_values, is_whole):
    """One tree of scikit-learn in the artefact's six arrays."""
    out = {"f": [], "t": [], "l": [], "r": [], "v": [], "c": []}
    for node in range(tree.node_count):
        is_leaf = tree.children_left[node] < 0
        column = -1 if is_leaf else int(tree.feature[node])
        out["f"].append(column)
        out["t"].append(0 if is_leaf else turning_point(float(tree.threshold[node]), is_whole[column]))
        out["l"].append(0 if is_leaf else int(tree.children_left[node]))
        out["r"].append(0 if is_leaf else int(tree.children_right[node]))
        out["v"].append(float(leaf_values[node]) if is_leaf else 0)
        out["c"].append(float(tree.weighted_n_node_samples[node]))
    return out


def of_forest(model, is_whole):
    positive = list(model.classes_).index(1)
    return 0.0, [arrays_of(e.tree_, e.tree_.value[:, 0, positive], is_whole) for e in model.estimators_]


def of_boosting(model, is_whole):
    prior = float(model.init_.class_prior_[1])
    base = math.log(prior / (1 - prior))
    return base, [arrays_of(e.tree_, model.learning_rate * e.tree_.value[:, 0, 0], is_whole)
                  for e in model.estimators_[:, 0]]


def leaf_of(tree, x):
    node = 0
    while tree["f"][node] >= 0:
        node = tree["l" if x[tree["f"][node]] <= tree["t"][node] else "r"][node]
    return tree["v"][node]


def paths(tree):
    """Every way from the root to a leaf: (leaf, [(column, threshold, goes left, share of the cover)])."""
    stack = [(0, [])]
    while stack:
        node, path = stack.pop()
        if tree["f"][node] < 0:
            yield node, path
            continue
        for side in ("l", "r"):
            child = tree[side][node]
            step = (tree["f"][node], tree["t"][node], side == "l", tree["c"][child] / tree["c"][node])
            stack.append((child, [*path, step]))


def shapley_weights(count):
    """What a coalition of k among the other `count` - 1 players weighs."""
    return [math.factorial(k) * math.factorial(count - 1 - k) / math.factorial(count) for k in range(count)]


def explain(tree, x):
    """Path-dependent Shapley values, rows x columns, and the mean of the tree by cover.

    Leaf by leaf: with the columns S known, a person reaches the leaf with the product over the columns on
    the way of "does the person go this way" (known) or the share that went this way in training (not). A
    column's value is the weighted sum over all S, and the sums over S of one size are the coefficients
    of a polynomial. Slow and plain on purpose: it is what a fast algorithm is compared with."""
    x = numpy.asarray(x)
    values, mean = numpy.zeros(x.shape), 0.0
    for leaf, path in paths(tree):
        goes, share = {}, {}
        for column, threshold, is_left, part in path:
            this_way = (x[:, column] <= threshold) == is_left
            goes[column] = goes.get(column, True) & this_way
            share[column] = share.get(column, 1.0) * part
        mean += tree["v"][leaf] * math.prod(share.values())
        if not goes:
            continue
        weights = numpy.array(shapley_weights(len(goes)))
        for column in goes:
            ways = numpy.ones((1, len(x)))  # by size of the set
            for other in goes:
                if other != column:
                    longer = numpy.zeros((len(ways) + 1, len(x)))
                    longer[:-1] = ways * share[other]
                    longer[1:] += ways * goes[other]
                    ways = longer
            reached = (weights[:, None] * ways).sum(axis=0)  # no BLAS: its sums differ by processor
            values[:, column] += tree["v"][leaf] * (goes[column] - share[column]) * reached
    return values, mean


def explain_by_definition(tree, x):
    """The same from the definition, over all sets of columns: for one person, and small trees only."""
    columns = sorted({f for f in tree["f"] if f >= 0})

    def expected(node, known):
        column = tree["f"][node]
        if column < 0:
            return tree["v"][node]
        left, right = tree["l"][node], tree["r"][node]
        if column in known:
            return expected(left if x[column] <= tree["t"][node] else right, known)
        return (tree["c"][left] * expected(left, known)
                + tree["c"][right] * expected(right, known)) / tree["c"][node]

    values = {}
    weights = shapley_weights(len(columns)) if columns else []
    for column in columns:
        others = [c for c in columns if c != column]
        values[column] = sum(
            weights[size] * (expected(0, {*known, column}) - expected(0, set(known)))
            for size in range(len(columns)) for known in itertools.combinations(others, size))
    return values, expected(0, set())
