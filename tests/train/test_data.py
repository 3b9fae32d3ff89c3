# SPDX-License-Identifier: MIT
"""Whatever is wrong with a file is told in a sentence that names the place."""

import dataclasses
import json

import numpy
import pytest

from conftest import SECOND
from trainer import Problem, explore
from trainer.data import read_table
from trainer.features import read_features


@pytest.fixture
def lines(second):
    return (second / "people.csv").read_text(encoding="utf-8").splitlines()


def refused(tmp_path, features, content):
    path = tmp_path / "file.csv"
    path.write_bytes(content if isinstance(content, bytes) else "\n".join(content).encode())
    with pytest.raises(Problem) as found:
        read_table(path, features)
    return str(found.value)


def with_cell(lines, line, column, text):
    """The same lines with one cell changed; no cell before it may hold a comma."""
    cells = lines[line - 1].split(",")
    cells[column] = text
    return [*lines[: line - 1], ",".join(cells), *lines[line:]]


def test_the_data_are_read_as_they_are(table, features):
    assert table.x.shape == (2000, 14) and table.y.sum() == 424
    assert ("StaffNumber", "another value for everybody (an id)") in table.dropped
    assert ("Company", "the same value for everybody") in table.dropped
    missing = dict(zip([a.name for a in features.attributes], numpy.isnan(table.x).sum(axis=0)))
    assert 100 < missing["Engagement"] < 200 and missing["TenureMonths"] == 0
    assert table.broken_rules["managers-fit-tenure"] > 0 and table.broken_rules["hours-that-can-be-worked"] == 0


def test_separator_and_byte_order_mark_do_not_matter(tmp_path, table, features, second):
    text = (second / "people.csv").read_text(encoding="utf-8").replace('"Convoy, Ltd."', "Convoy")
    text = text.replace('"Commute, minutes"', "CommuteMinutes").replace(",", ";").replace("\n", "\r\n")
    path = tmp_path / "export.csv"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    other = read_table(path, features)
    assert numpy.array_equal(other.x, table.x, equal_nan=True) and numpy.array_equal(other.y, table.y)


@pytest.mark.parametrize(("column", "text", "words"), [
    (5, "12.5", "line 7: TenureMonths is no whole number"),
    (5, "long", "line 7: TenureMonths is no number"),
    (5, "NA", "line 7: TenureMonths is no number"),
    (5, "nan", "line 7: TenureMonths is no number"),
    (5, "1_0", "line 7: TenureMonths is no number"),
    (5, "\u0661", "line 7: TenureMonths is no number"),
    (5, "-1", "line 7: TenureMonths is not within 0 to 720"),
    (6, "1e999", "line 7: HoursPerWeek is not within"),
    (2, "Paris", "line 7: Site has a value that the features file does not know: 'Paris'"),
    (1, "perhaps", "line 7: Status is neither left nor active"),
    (1, "left,left", "line 7: has 18 fields, the header has 17"),
])
def test_a_wrong_cell_is_named_with_its_line(tmp_path, features, lines, column, text, words):
    assert words in refused(tmp_path, features, with_cell(lines, 7, column, text))


def test_many_faults_are_told_together_and_not_without_end(tmp_path, features, lines):
    for line in range(2, 40):
        lines = with_cell(lines, line, 5, "x")
    told = refused(tmp_path, features, lines)
    assert told.count("line ") == 10 and told.endswith("and more")


@pytest.mark.parametrize(("content", "words"), [
    (b"", "is empty"),
    (b"\x00\x01", "zero byte"),
    (b"Status\nleft\n", "has no column Site"),
    ("Status\nS\xe9te\n".encode("latin-1"), "line 2: is not UTF-8"),
    (b"Site,Site\n", "names Site twice"),
])
def test_what_is_no_table_is_refused(tmp_path, features, content, words):
    assert words in refused(tmp_path, features, content)


def test_too_few_leavers_are_refused(tmp_path, features, lines):
    stayed = [line for line in lines if ",left," not in line]
    assert "0 of them left" in refused(tmp_path, features, stayed)


def test_an_attribute_that_was_written_down_afterwards_is_suspected(features, table):
    place = [a.name for a in features.attributes].index("AbsencesLastQuarter")
    assert explore.suspicious(features, table) == []
    leaked = table.x.copy()
    leaked[:, place] = 30 * table.y + numpy.arange(len(table.y)) % 20
    assert explore.suspicious(features, dataclasses.replace(table, x=leaked)) == ["AbsencesLastQuarter"]


def test_an_unclosed_quote_is_refused(tmp_path, features, lines):
    told = refused(tmp_path, features, [*lines[:50], lines[50][:-1], *lines[51:]])
    assert "cannot be trained from" in told


CHANGES = [
    (lambda f: f.update(format="other"), "format is not"),
    (lambda f: f.update(format_version=2), "format_version"),
    (lambda f: f.pop("training"), "training"),
    (lambda f: f["attributes"].clear(), "no attributes"),
    (lambda f: f["attributes"][0].update(type="text"), "none of integer, real, category"),
    (lambda f: f["attributes"][0].update(role="secret"), "neither input nor audit"),
    (lambda f: f["attributes"][0]["categories"].append({"name": "Lyon"}), '"Lyon" stands twice'),
    (lambda f: f["attributes"][3].update(min=800), "no bounds"),
    (lambda f: f["attributes"][3].update(name="9lives"), "letters, digits"),
    (lambda f: f["attributes"][3].update(steps=[{"op": "near", "value": 1}]), "a step has an op"),
    (lambda f: f["attributes"][3]["policies"].update(missing="guess"), 'the policy "missing"'),
    (lambda f: f["attributes"][2]["policies"].update(unknown="noon"), 'the policy "unknown"'),
    (lambda f: f["attributes"][1].update(name="Site"), "stands twice"),
    (lambda f: f["rules"][0].update(left="Nothing"), "left is no attribute"),
    (lambda f: f["attributes"][3].update(setps=[]), "not known: setps"),
    (lambda f: f["attributes"][3].update(categories=[]), "not known: categories"),
    (lambda f: f.update(fact={}), "not known: fact"),
    (lambda f: f["attributes"][3]["policies"].update(missing=[]), 'the policy "missing"'),
    (lambda f: f["rules"].append(7), "rules[2]"),
    (lambda f: f["rules"][0].update(op="like"), "op is none of"),
    (lambda f: f["rules"][0].update(right="Site"), "right is no attribute that is a number"),
    (lambda f: f["training"].update(label=["Status"]), "training.label"),
    (lambda f: f["training"]["label"].update(column="Site"), "would predict itself"),
    (lambda f: f["attributes"][0]["categories"][0].update(aliases=7), "aliases is no list"),
    (lambda f: f["attributes"][1].update(headers="Contract"), "headers are texts"),
    (lambda f: f["attributes"][13].update(groups=["old"]), "groups are numbers"),
    (lambda f: f["training"]["label"].update(negative="left"), "training.label"),
]


@pytest.mark.parametrize(("change", "words"), CHANGES)
def test_a_wrong_features_file_is_refused(tmp_path, change, words):
    root = json.loads((SECOND / "features.json").read_text(encoding="utf-8"))
    change(root)
    path = tmp_path / "features.json"
    path.write_text(json.dumps(root), encoding="utf-8")
    with pytest.raises(Problem) as found:
        read_features(path)
    assert words in str(found.value)


@pytest.mark.parametrize("text", ["", "[1, 2", '{"format": 1, "format": 2}', "[" * 100000, "7"])
def test_a_features_file_that_is_none_is_refused(tmp_path, text):
    path = tmp_path / "features.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Problem):
        read_features(path)
