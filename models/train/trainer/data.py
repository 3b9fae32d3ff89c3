# SPDX-License-Identifier: MIT
"""The data file: a CSV with one person a line, checked as strictly as the worker checks an event.
Whatever is wrong is told with its line, several at once, and nothing is guessed."""

import csv
import hashlib
import io
import operator
import re
from dataclasses import dataclass, field

import numpy

from . import Problem
from .features import column_name

BYTES_MAX = 256 << 20
FAULTS_SHOWN = 10
ROWS_MIN = 100
CLASS_MIN = 20  # of each kind: with fewer, five folds cannot measure anything
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


@dataclass
class Table:
    """x: a row a person, a column an attribute in the order of the features; categories as their place
    among the attribute's categories; NaN where missing. y: 1 who left."""

    x: numpy.ndarray
    y: numpy.ndarray
    sha256: str
    bytes: int
    dropped: list  # (column, why)
    broken_rules: dict = field(default_factory=dict)


def decode(path):
    try:
        with path.open("rb") as file:
            raw = file.read(BYTES_MAX + 1)
    except OSError as error:
        raise Problem(f"data file: {error}") from error
    if len(raw) > BYTES_MAX:
        raise Problem(f"{path}: is over {BYTES_MAX >> 20} MiB")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise Problem(f"{path}, line {line}: is not UTF-8; convert it first "
                      "(iconv -f WINDOWS-1252 -t UTF-8)") from error
    if "\0" in text:
        raise Problem(f"{path}, line {text[:text.index(chr(0))].count(chr(10)) + 1}: has a zero byte")
    return raw, text


def find_columns(path, header, features):
    """Where each attribute and the label stand: {name: place}."""
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise Problem(f"{path}: the header names {', '.join(twice[:3])} twice")
    places, absent = {}, []
    for attribute in features.attributes:
        names = (attribute.name, column_name(attribute.name), *attribute.headers)
        place = next((header.index(name) for name in names if name in header), None)
        if place is None:
            absent.append(attribute.name)
        places[attribute.name] = place
    label = features.label["column"]
    if label not in header:
        absent.append(f"{label} (says who left)")
    if absent:
        hint = " Are its fields separated by commas?" if len(header) < 2 else ""
        raise Problem(f"{path}: has no column {', '.join(absent[:8])}"
                      f"{' and others' if len(absent) > 8 else ''}.{hint}")
    places[None] = header.index(label)
    return places


def number_of(attribute, text):
    if not NUMBER.fullmatch(text):
        raise ValueError(f"{attribute.name} is no number")
    value = float(text)
    if attribute.type == "integer" and not value.is_integer():
        raise ValueError(f"{attribute.name} is no whole number")
    if not attribute.min <= value <= attribute.max:
        raise ValueError(f"{attribute.name} is not within {attribute.min:g} to {attribute.max:g}")
    return value


def value_of(attribute, text):
    text = text.strip()
    if not text:  # and nothing else: the import of the programs reads it so too
        return numpy.nan
    if not attribute.is_category:
        return number_of(attribute, text)
    name = attribute.spellings.get(text)
    if name is None:
        raise ValueError(f"{attribute.name} has a value that the features file does not know: "
                         f"{text[:40]!r}")
    return attribute.categories.index(name)


def read_line(fields, places, width, features):
    if len(fields) != width:
        raise ValueError(f"has {len(fields)} fields, the header has {width}")
    label = fields[places[None]].strip()
    if label not in (features.label["positive"], features.label["negative"]):
        raise ValueError(f"{features.label['column']} is neither {features.label['positive']} "
                         f"nor {features.label['negative']}")
    values = [value_of(a, fields[places[a.name]]) for a in features.attributes]
    return values, label == features.label["positive"]


def read_lines(path, reader, places, width, features):
    x, y, faults = [], [], []
    while len(faults) <= FAULTS_SHOWN:
        try:
            fields = next(reader)
            if not fields:
                continue
            values, left = read_line(fields, places, width, features)
            x.append(values)
            y.append(left)
        except StopIteration:
            break
        except (ValueError, csv.Error) as fault:
            faults.append(f"line {reader.line_num}: {fault}")
    if faults:
        more = "\n  and more" if len(faults) > FAULTS_SHOWN else ""
        raise Problem(f"{path}: cannot be trained from:\n  " + "\n  ".join(faults[:FAULTS_SHOWN]) + more)
    return numpy.array(x, dtype=float).reshape(len(x), len(features.attributes)), numpy.array(y, int)


def why_dropped(values):
    kinds = len(set(values))
    if kinds == 1:
        return "the same value for everybody"
    return "another value for everybody (an id)" if kinds == len(values) else "no attribute of the features file"


def describe_dropped(text, delimiter, header, places):
    used = set(places.values())
    columns = {i: [] for i in range(len(header)) if i not in used}
    for fields in list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))[1:]:
        for i in columns:
            if fields:
                columns[i].append(fields[i])
    return [(header[i], why_dropped(values)) for i, values in columns.items()]


def broken_rules(features, x):
    """How many people break each plausibility rule."""
    place = {attribute.name: i for i, attribute in enumerate(features.attributes)}
    broken = {}
    for rule in features.rules:
        right = 0 if rule.get("right") is None else x[:, place[rule["right"]]]
        right, left = right + rule.get("add", 0), x[:, place[rule["left"]]]
        known = ~(numpy.isnan(left) | numpy.isnan(right))
        broken[rule["id"]] = int((known & ~getattr(operator, rule["op"])(left, right)).sum())
    return broken


def delimiter_of(header, features):
    """The separator under which most attributes are found: exports of spreadsheets differ."""
    names = {attribute.name for attribute in features.attributes}
    return max(",;\t", key=lambda d: len(names & {cell.strip('"') for cell in header.split(d)}))


def read_table(path, features):
    raw, text = decode(path)
    delimiter = delimiter_of(text.split("\n", 1)[0].rstrip("\r"), features)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise Problem(f"{path}, line 1: {error}") from error
    if not header:
        raise Problem(f"{path}: is empty")
    places = find_columns(path, header, features)
    x, y = read_lines(path, reader, places, len(header), features)
    if len(y) < ROWS_MIN or min(y.sum(), len(y) - y.sum()) < CLASS_MIN:
        raise Problem(f"{path}: has {len(y)} people, {int(y.sum())} of them left; a model needs at least "
                      f"{ROWS_MIN} and {CLASS_MIN} of each kind")
    empty = [a.name for a, column in zip(features.attributes, x.T) if numpy.isnan(column).all()]
    if empty:
        raise Problem(f"{path}: {', '.join(empty)}: no value at all; take it out of the features file")
    return Table(x, y, hashlib.sha256(raw).hexdigest(), len(raw),
                 describe_dropped(text, delimiter, header, places), broken_rules(features, x))
