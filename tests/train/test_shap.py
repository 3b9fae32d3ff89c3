# SPDX-License-Identifier: MIT
"""Explanations of trees beside those of shap, which others wrote: of the models that the tests of lib/model
are held to, and of trees as deep as they come."""

import csv

import numpy
import pytest
from sklearn.ensemble import RandomForestClassifier

import shapley
from trainer import trees
from trainer.score import Scorer

NEAR = 1e-9


@pytest.mark.parametrize("kind", shapley.KINDS)
def test_everybodys_contributions_are_those_of_shap(kind):
    artefact, rows = shapley.artefact_of(kind), shapley.people()
    scorer = Scorer(artefact)
    mine = numpy.array([[score["contributions"][name] for name in scorer.names] for score in scorer.scores(rows)])
    assert mine.shape == (1470, 27) and numpy.abs(mine).max() > 0.5
    assert numpy.abs(mine - shapley.contributions(artefact, rows)).max() <= NEAR


@pytest.mark.parametrize("kind", shapley.KINDS)
def test_what_the_c_code_is_compared_with_is_made_of_the_model_beside_it(kind):
    rows = shapley.people()[:: shapley.EVERY]
    with open(shapley.MODELS / f"{kind}-shap.csv", encoding="utf-8", newline="") as file:
        names, *kept = csv.reader(file)
    artefact = shapley.artefact_of(kind)
    assert names == [feature["name"] for feature in artefact["features"]] and len(kept) == len(rows) == 49
    assert numpy.abs(numpy.array(kept, dtype=float) - shapley.contributions(artefact, rows)).max() <= 1e-12


def test_of_trees_without_a_limit_too():
    random = numpy.random.default_rng(11)
    x = random.random((600, 8))
    y = (x[:, 0] * x[:, 1] + 0.3 * random.random(600) > 0.4).astype(int)
    forest = RandomForestClassifier(n_estimators=3, max_features=0.5, random_state=1).fit(x, y)
    _, found = trees.of_forest(forest, [False] * 8)
    assert max(shapley.depth_of(tree) for tree in found) >= 10
    mine = sum(trees.explain(tree, x[:40])[0] for tree in found)
    assert numpy.abs(mine).max() > 0.3
    assert numpy.abs(mine - shapley.explain(found, x[:40])).max() <= NEAR
