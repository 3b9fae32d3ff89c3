# SPDX-License-Identifier: MIT
"""What schemathesis is taught about the gateway (SCHEMATHESIS_HOOKS of test_openapi.py): bodies of rows, answers
without undocumented fields, problems with their documented codes, and doors that must be closed."""
import itertools
import json
import os
import re
import secrets

import schemathesis

METHODS = ("get", "post", "put", "patch", "delete")
# One for all calls, and others to log out with.
TOKEN, *OTHERS = os.environ.get("TOKENS", "").split() or [""]
OTHERS = itertools.cycle(OTHERS)
KNOWN = os.environ.get("KNOWN", "").split()
REFRESH_TOKENS = os.environ.get("REFRESH_TOKENS", "").split()
IS_STRANGER = TOKEN == ""


def operations(document):
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, item[method]


def close(node):
    """Every object has the documented fields only: a client must not mind others, but we do."""
    if isinstance(node, dict):
        if node.get("type") == "object" and "properties" in node:
            node.setdefault("additionalProperties", False)
        for value in node.values():
            close(value)
    elif isinstance(node, list):
        for value in node:
            close(value)


@schemathesis.hook
def before_load_schema(context, raw_schema):
    close(raw_schema["components"]["schemas"])
    for _, operation in operations(raw_schema):
        content = operation.get("requestBody", {}).get("content", {})
        for media in content.values():
            if "x-item-schema" in media:
                media["schema"] = {"type": "array", "minItems": 1, "maxItems": 5, "items": media["x-item-schema"]}
                media.pop("example")
        # In CSV everything is a text: there is little that a schema could say.
        content.pop("text/csv", None)


@schemathesis.serializer("application/x-ndjson")
def lines(_, value):
    rows = value if isinstance(value, list) else [value]
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


if not IS_STRANGER:
    @schemathesis.auth()
    class Token:
        def get(self, case, context):
            return TOKEN

        def set(self, case, data, context):
            token = next(OTHERS) if case.operation.path == "/logout" else data
            case.headers["Authorization"] = f"Bearer {token}"


@schemathesis.hook
def before_call(context, case, kwargs):
    # A prediction that nobody knows is waited for: not here.
    if case.operation.path.endswith("/generate-retention-plan"):
        asked = case.body.values() if isinstance(case.body, dict) else ()
        case.headers["Prefer"] = "wait=20" if any(str(value) in KNOWN for value in asked) else "wait=0"
    # A key belongs to one body: a good one becomes one of its own.
    key = case.headers.get("Idempotency-Key")
    if isinstance(key, str) and re.fullmatch("[!-~]{1,128}", key):
        case.headers["Idempotency-Key"] = (secrets.token_hex(16) + key)[:len(key) if len(key) > 32 else None]
    # Nobody guesses a refresh token, and each works once.
    if case.operation.path == "/refresh" and len(REFRESH_TOKENS) > 1 and isinstance(case.body, dict) and "refresh_token" in case.body:
        case.body = {**case.body, "refresh_token": REFRESH_TOKENS.pop()}


@schemathesis.check
def problem_codes(context, response, case):
    """The code of a problem is one that the operation may answer with."""
    kind = response.headers.get("content-type", [""])[0]
    if response.status_code < 400:
        return
    assert kind == "application/problem+json", f"{response.status_code} with {kind!r}"
    problem = response.json()
    assert problem["status"] == response.status_code, problem
    assert problem["type"] == f"/docs#problem-{problem['code']}", problem
    document = case.operation.schema.raw_schema
    known = {entry["code"]: entry for entry in document["x-problems"]}
    assert problem["code"] in known, problem
    assert (known[problem["code"]]["status"], known[problem["code"]]["title"]) == (problem["status"], problem["title"])
    fields = {entry["code"] for entry in document["x-field-codes"]}
    assert {error["code"] for error in problem.get("errors", [])} <= fields, problem
    said = case.operation.definition.raw["responses"].get(str(response.status_code))
    while said is not None and "$ref" in said:
        said = document["components"]["responses"][said["$ref"].rsplit("/", 1)[1]]
    if said is not None:
        assert problem["code"] in said["x-codes"], problem


@schemathesis.check
class closed_doors:
    """Without a token: every operation that needs one says so, whatever else is wrong; but for what the
    server cannot read, and so belongs to no operation."""

    def after_response(self, context, response, case):
        if not IS_STRANGER or case.method.lower() != case.operation.method.lower():
            return
        if case.operation.definition.raw.get("security") == []:
            return
        if response.status_code == 400:
            assert response.json()["code"] == "bad-request", response.text
            return
        assert response.status_code == 401, f"{case.operation.label} answers {response.status_code} without a token"


@schemathesis.check
class every_operation_works:
    """Each operation has given a good answer at least once, at one of its paths."""

    def __init__(self):
        self.tried, self.worked = set(), set()

    def after_response(self, context, response, case):
        name = case.operation.definition.raw["operationId"].removesuffix("V1")
        # A right password would end every token.
        if name != "changePassword":
            self.tried.add(name)
        if response.status_code < 400:
            self.worked.add(name)

    def after_run(self, context):
        if REFRESH_TOKENS:  # the run that tries everything
            assert self.tried <= self.worked, f"never worked: {sorted(self.tried - self.worked)}"
