# SPDX-License-Identifier: MIT
"""Exported trees decide as scikit-learn does, for every double, and their explanation is exact."""

import dataclasses

import numpy
import pytest

from conftest import model_of
from trainer import trees
from trainer.artefact import people_of
from trainer.candidates import Candidate
from trainer.score import Scorer, column_value, logistic

FOREST = Candidate("forest", "forest", calibration="sigmoid", inner=3, trees=30, depth=5,
                   grid={"model__min_samples_leaf": (8,)})
BOOSTING = dataclasses.replace(FOREST, kind="boosting", depth=3, trees=40)


@pytest.fixture(scope="module", params=[FOREST, BOOSTING], ids=["forest", "boosting"])
def ensemble(request, features, table):
    return model_of(request.param, features, table)


def test_a_threshold_turns_over_where_single_precision_does():
    random = numpy.random.default_rng(1)
    for threshold in [*random.normal(0, 1, 300), *random.normal(0, 1e6, 300), *random.normal(0, 1e-6, 300), 0.1, 2.5]:
        turn = trees.turning_point(float(threshold), False)
        for x in (turn, numpy.nextafter(turn, -numpy.inf), numpy.nextafter(turn, numpy.inf)):
            assert (x <= turn) == (float(numpy.float32(x)) <= threshold)


def test_of_whole_numbers_every_one_is_decided_the_same():
    for threshold in (-3.5, -2.0, 0.5, 1.0, 7.499999, 16777214.5):
        turn = trees.turning_point(threshold, True)
        near = int(numpy.floor(threshold))
        for x in range(near - 3, near + 4):
            assert (x <= turn) == (float(numpy.float32(x)) <= threshold)
        assert turn == near + 0.5


def plain_score(artefact, row):
    """The probability without the explanation, which takes its time."""
    scorer, part = Scorer(artefact), artefact["trees"]
    values = scorer.values(row)
    x = [column_value(column, values[column["f"]]) for column in part["columns"]]
    raw = part["base"]
    for tree in part["list"]:
        raw += trees.leaf_of(tree, x)
    if artefact["kind"] == "random-forest":
        raw /= len(part["list"])
    return logistic(artefact["calibration"]["slope"] * raw + artefact["calibration"]["intercept"])


def test_everybody_gets_what_scikit_learn_gives(ensemble, features, table):
    fitted, artefact = ensemble
    expected = fitted.probability(table.x)
    got = [plain_score(artefact, row) for row in people_of(features.inputs, features, table.x)]
    assert numpy.abs(got - expected).max() <= 1e-12


def test_values_at_the_thresholds_get_it_too(ensemble, features, table):
    """People whose pay lies within a rounding of a threshold: where a cast makes the difference."""
    fitted, artefact = ensemble
    place = [a.name for a in features.attributes].index("HourlyPay")
    column = artefact["trees"]["columns"].index({"op": "id", "f": "HourlyPay"})
    edges = [t for tree in artefact["trees"]["list"] for f, t in zip(tree["f"], tree["t"]) if f == column]
    assert edges
    around = [float(x) for t in edges for x in (t, numpy.nextafter(t, 99), numpy.nextafter(t, 0), numpy.float32(t))]
    x = numpy.repeat(table.x[:1], len(around), axis=0)
    x[:, place] = around
    got = [plain_score(artefact, row) for row in people_of(features.inputs, features, x)]
    assert numpy.abs(got - fitted.probability(x)).max() <= 1e-12


def test_the_arrays_are_trees(ensemble):
    for tree in ensemble[1]["trees"]["list"]:
        count = len(tree["f"])
        assert all(len(tree[key]) == count for key in "ftlrvc")
        children = [tree[side][node] for node in range(count) if tree["f"][node] >= 0 for side in "lr"]
        assert sorted(children) == list(range(1, count))
        for node in range(count):
            if tree["f"][node] < 0:
                assert tree["l"][node] == tree["r"][node] == tree["t"][node] == 0
                continue
            left, right = tree["l"][node], tree["r"][node]
            assert left > node and right > node and tree["v"][node] == 0
            assert tree["c"][left] + tree["c"][right] == pytest.approx(tree["c"][node], rel=1e-6)


def test_the_explanation_is_the_definition(ensemble, features, table):
    _, artefact = ensemble
    scorer, part = Scorer(artefact), artefact["trees"]
    for row in people_of(features.inputs, features, table.x[:6]):
        values = scorer.values(row)
        x = [column_value(column, values[column["f"]]) for column in part["columns"]]
        for tree in part["list"][:4]:
            fast, mean = trees.explain(tree, [x])
            slow, expected = trees.explain_by_definition(tree, x)
            assert mean == pytest.approx(expected, abs=1e-12)
            assert all(fast[0, column] == pytest.approx(value, abs=1e-12) for column, value in slow.items())
            assert mean + fast[0].sum() == pytest.approx(trees.leaf_of(tree, x), abs=1e-12)


def test_reference_and_contributions_are_the_log_odds(ensemble):
    scorer = Scorer(ensemble[1])
    for vector in ensemble[1]["golden"]["vectors"][:8]:
        score = scorer.score(vector["features"])
        assert score["base_log_odds"] + sum(score["contributions"].values()) == pytest.approx(
            score["log_odds"], abs=1e-12)
