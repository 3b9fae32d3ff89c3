# SPDX-License-Identifier: MIT
"""The features file as the training sees it. models/FORMAT.md describes it; what only the programs
use (words in plans, headers of other files) is checked by them."""

import json
import math
import re
from dataclasses import dataclass, field

from . import Problem

POLICIES = {
    "missing": ("impute", {"impute", "reject"}),
    "outside": ("clip", {"clip", "score", "reject"}),
    "unknown": ("reject", {"reject", "zero"}),
}
OPS = ("eq", "le", "ge")
OPERATORS = ("lt", "le", "eq", "ne", "ge", "gt")
# A slip in a name must not go unseen: what is not known here is refused, as the programs refuse it.
ROOT = {"format", "format_version", "training", "attributes", "rules", "facts"}
OF_ALL = {"name", "type", "role", "words", "headers", "policies", "actionable", "groups"}
OF_KIND = {"category": {"categories"}, "integer": {"min", "max", "steps", "labels"}, "real": {"min", "max", "steps"}}


@dataclass(frozen=True)
class Attribute:
    name: str
    type: str
    role: str
    min: float = -math.inf
    max: float = math.inf
    categories: tuple = ()
    spellings: dict = field(default_factory=dict)
    headers: tuple = ()
    policies: dict = field(default_factory=dict)
    steps: tuple = ()
    groups: tuple = ()

    @property
    def is_category(self):
        return self.type == "category"

    @property
    def is_input(self):
        return self.role == "input"


@dataclass(frozen=True)
class Features:
    attributes: tuple
    label: dict
    source: str
    fictional: bool
    horizon: object
    rules: tuple

    @property
    def inputs(self):
        return [a for a in self.attributes if a.is_input]

    @property
    def audits(self):
        return [a for a in self.attributes if not a.is_input]


def column_name(name):
    """MonthlyIncome -> monthly_income, as the table spells it."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def want(condition, where, what):
    if not condition:
        raise Problem(f"features file: {where}: {what}")


def only(node, known, where):
    unknown = sorted(set(node) - known)
    want(not unknown, where, f"has a member that is not known: {', '.join(unknown[:3])}")


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def read_categories(node, where):
    categories = node.get("categories")
    want(isinstance(categories, list) and categories, where, "a category lists its categories")
    names, spellings = [], {}
    for at, category in enumerate(categories):
        place = f"{where}.categories[{at}]"
        want(isinstance(category, dict) and isinstance(category.get("name"), str), place,
             "is no object with a name")
        want(isinstance(category.get("aliases", []), list), place, "aliases is no list")
        names.append(category["name"])
    for category in categories:
        for text in [category["name"], *category.get("aliases", [])]:
            want(isinstance(text, str) and text, where, "a spelling is a text")
            want(text not in spellings, where, f'"{text}" stands twice')
            spellings[text] = category["name"]
    return {"categories": tuple(names), "spellings": spellings}


def read_bounds(node, where):
    low, high = node.get("min"), node.get("max")
    want(is_number(low) and is_number(high) and low < high, where, "min and max are no bounds")
    return {"min": low, "max": high}


def read_policies(node, where, categories):
    given = node.get("policies", {})
    want(isinstance(given, dict), where, "policies is no object")
    of_other = "outside" if categories else "unknown"
    policies = {}
    for name, (usual, known) in POLICIES.items():
        policy = given.get(name, usual)
        known = [*known, *categories] if name == "unknown" else [*known]
        want(policy in known, where, f'the policy "{name}" cannot be "{policy}"')
        if name != of_other:
            policies[name] = policy
    want(set(given) <= set(policies), where, "has a policy that it cannot have")
    return policies


def read_steps(node, where):
    steps = node.get("steps", [])
    want(isinstance(steps, list), where, "steps is no list")
    for step in steps:
        want(isinstance(step, dict) and step.get("op") in OPS and is_number(step.get("value")), where,
             "a step has an op (eq, le, ge) and a value")
    return tuple((step["op"], step["value"]) for step in steps)


def read_attribute(node, where):
    want(isinstance(node, dict), where, "is no object")
    name, kind, role = node.get("name"), node.get("type"), node.get("role")
    want(isinstance(name, str) and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,62}", name), where,
         "name: letters, digits and underscores, no digit first")
    where = f"{where} ({name})"
    want(kind in [*OF_KIND], where, "type is none of integer, real, category")
    only(node, OF_ALL | OF_KIND[kind], where)
    want(role in ("input", "audit"), where, "role is neither input nor audit")
    more = read_categories(node, where) if kind == "category" else read_bounds(node, where)
    groups, headers = node.get("groups", []), node.get("headers", [])
    want(isinstance(headers, list) and all(isinstance(text, str) for text in headers), where,
         "headers are texts")
    want(isinstance(groups, list) and all(is_number(edge) for edge in groups), where,
         "groups are numbers")
    if role == "input":
        more["policies"] = read_policies(node, where, more.get("categories", ()))
    if kind != "category":
        more["steps"] = read_steps(node, where)
    return Attribute(name=name, type=kind, role=role, headers=tuple(headers),
                     groups=tuple(groups), **more)


def read_label(training, names):
    label = training.get("label", {})
    want(isinstance(label, dict), "training.label", "is no object")
    parts = [label.get(part) for part in ("column", "positive", "negative")]
    want(all(isinstance(part, str) and part for part in parts) and parts[1] != parts[2],
         "training.label", "names a column, its positive value and its negative value")
    want(parts[0] not in names, "training.label", f"{parts[0]} is an attribute too, it would predict itself")
    return dict(zip(("column", "positive", "negative"), parts))


def read_rules(rules, attributes):
    numbers = [attribute.name for attribute in attributes if not attribute.is_category]
    want(isinstance(rules, list), "rules", "is no list")
    for i, rule in enumerate(rules):
        where = f"rules[{i}]"
        want(isinstance(rule, dict) and isinstance(rule.get("id"), str), where, "is no object with an id")
        want(rule.get("op") in OPERATORS, where, f"op is none of {', '.join(OPERATORS)}")
        want(rule.get("left") in numbers, where, "left is no attribute that is a number")
        want(rule.get("right") is None or rule["right"] in numbers, where,
             "right is no attribute that is a number")
        want(is_number(rule.get("add", 0)), where, "add is no number")
    return tuple(rules)


def only_once(pairs):
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Problem("features file: a member stands twice in one object")
    return members


def read_features(path):
    try:
        root = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=only_once)
    except OSError as error:
        raise Problem(f"features file: {error}") from error
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise Problem(f"features file {path}: is no JSON: {error}") from error
    want(isinstance(root, dict) and root.get("format") == "employee-features", path,
         'format is not "employee-features"')
    want(root.get("format_version") == 1, path, "format_version is not 1")
    only(root, ROOT, path)
    nodes = root.get("attributes")
    want(isinstance(nodes, list) and nodes, path, "has no attributes")
    attributes = tuple(read_attribute(node, f"attributes[{i}]") for i, node in enumerate(nodes))
    names = [attribute.name for attribute in attributes]
    want(len({column_name(name) for name in names}) == len(names), path, "a name stands twice")
    want(any(a.is_input for a in attributes), path, "has no attribute of role input")
    training = root.get("training")
    want(isinstance(training, dict), path,
         'has no member "training", which names the column that says who left')
    return Features(attributes, read_label(training, names), str(training.get("source", path.name)),
                    bool(training.get("fictional", False)), training.get("horizon"),
                    read_rules(root.get("rules", []), attributes))
