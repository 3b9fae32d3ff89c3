# SPDX-License-Identifier: MIT
"""From a person's values to the columns of a model, in the terms of models/FORMAT.md: what is
missing is imputed, what is outside is clipped, a category becomes a column a level, a number itself
and its steps. Fitted like any other part of a pipeline, so that inside a cross-validation nothing of
the people under test is known."""

import statistics
from typing import NamedTuple

import numpy
from sklearn.base import BaseEstimator, TransformerMixin


class Column(NamedTuple):
    op: str
    name: str
    value: object = None  # of a category the place of its level, of a step the number


def columns_of(attributes, steps):
    columns = []
    for attribute in attributes:
        if attribute.is_category:
            columns += [Column("eq", attribute.name, i) for i in range(len(attribute.categories))]
        else:
            columns.append(Column("id", attribute.name))
            if steps:
                columns += [Column(op, attribute.name, value) for op, value in attribute.steps]
    return columns


COMPARE = {"eq": numpy.equal, "le": numpy.less_equal, "ge": numpy.greater_equal}


def typical(attribute, values):
    """The most frequent level, the first of equals; or the lower median, which is somebody's value."""
    values = values[~numpy.isnan(values)]
    if not len(values):  # a fold where nobody has one
        return 0.0 if attribute.is_category else float(attribute.min)
    if attribute.is_category:
        return float(numpy.bincount(values.astype(int)).argmax())
    return float(statistics.median_low(values.tolist()))


class Encoder(TransformerMixin, BaseEstimator):
    """`attributes` are those of the table's columns; `used` names those that become columns."""

    def __init__(self, attributes=(), used=(), steps=False):
        self.attributes = attributes
        self.used = used
        self.steps = steps

    def fit(self, x, y=None):
        self.place_ = {a.name: i for i, a in enumerate(self.attributes) if a.name in self.used}
        kept = [a for a in self.attributes if a.name in self.place_]
        self.columns_ = columns_of(kept, self.steps)
        self.imputed_, self.range_, self.levels_ = {}, {}, {}
        for attribute in kept:
            values = x[:, self.place_[attribute.name]]
            known = values[~numpy.isnan(values)]
            self.imputed_[attribute.name] = typical(attribute, values)
            if attribute.is_category:
                self.levels_[attribute.name] = sorted(set(known.astype(int).tolist()))
            elif len(known):
                self.range_[attribute.name] = (float(known.min()), float(known.max()))
        return self

    def values(self, x):
        """{name: the values by which its columns are computed}."""
        out = {}
        for name, place in self.place_.items():
            attribute, values = self.attributes[place], x[:, place]
            values = numpy.where(numpy.isnan(values), self.imputed_[name], values)
            if name in self.range_ and attribute.policies.get("outside") != "score":
                values = numpy.clip(values, *self.range_[name])
            out[name] = values
        return out

    def transform(self, x):
        values = self.values(x)
        out = numpy.empty((len(x), len(self.columns_)))
        for i, (op, name, value) in enumerate(self.columns_):
            out[:, i] = values[name] if op == "id" else COMPARE[op](values[name], value)
        return out
