# SPDX-License-Identifier: MIT
"""schemas/openapi.json holds what it promises: it is OpenAPI 3.1, its examples are of its schemas, it says of
employees what the features file says, its codes of problems are one list, and its operations are the routes
of the gateway."""
import json
import pathlib
import re

import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

REPO = pathlib.Path(__file__).resolve().parents[2]
DOCUMENT = json.loads((REPO / "schemas/openapi.json").read_text())
FEATURES = json.loads((REPO / "models/features.json").read_text())
SCHEMAS = DOCUMENT["components"]["schemas"]
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
# Problems of the HTTP server itself.
SERVERS_OWN = {"method-not-allowed", "body-too-large", "bad-expectation", "head-too-large", "method-unknown"}
ROLES = {"admin", "hr", "viewer", "service"}
REGISTRY = Registry().with_resource("openapi", Resource(contents=DOCUMENT, specification=DRAFT202012))
NO_CONTROL = r"^[^\u0000-\u001f\u007f]*$"


def follow(node):
    """What a $ref stands for; itself where it is none."""
    while isinstance(node, dict) and "$ref" in node:
        found = DOCUMENT
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part.replace("~1", "/").replace("~0", "~")]
        node = found
    return node


def walk(node, place="#"):
    """(place, dict) of every object in the document."""
    if isinstance(node, dict):
        yield place, node
        for key, value in node.items():
            yield from walk(value, f"{place}/{key}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from walk(value, f"{place}/{index}")


def operations():
    """(path, method, operation with the parameters of its path)"""
    for path, item in DOCUMENT["paths"].items():
        for method in METHODS:
            if method in item:
                own = item[method]
                yield path, method, {**own, "parameters": item.get("parameters", []) + own.get("parameters", [])}


def absolute(node):
    """A copy whose references work outside of the document."""
    if isinstance(node, dict):
        return {key: "openapi" + value if key == "$ref" else absolute(value) for key, value in node.items()}
    return [absolute(value) for value in node] if isinstance(node, list) else node


def check(value, schema):
    jsonschema.Draft202012Validator(
        absolute(schema), registry=REGISTRY, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER).validate(value)


def examples_of(node):
    """[(name, value)] of a media type, a parameter or a header."""
    found = [("example", node["example"])] if "example" in node else []
    return found + [(name, example["value"]) for name, example in node.get("examples", {}).items()]


def test_it_is_openapi_3_1():
    OpenAPIV31SpecValidator(DOCUMENT).validate()
    assert DOCUMENT["openapi"].startswith("3.1.")


def test_every_reference_leads_somewhere_and_everything_shared_is_used():
    used = set()
    for place, node in walk(DOCUMENT):
        if "$ref" in node:
            assert isinstance(follow(node), (dict, list)), place
            used.add("/".join(node["$ref"].split("/")[:4]))
    for kind, entries in DOCUMENT["components"].items():
        unused = [name for name in entries if f"#/components/{kind}/{name}" not in used and kind != "securitySchemes"]
        # A line of JSON lines has no place in OpenAPI 3.1 but our own.
        assert not unused, f"{kind} that nothing refers to: {unused}"


def test_every_example_is_of_its_schema():
    checked = 0
    for place, node in walk(DOCUMENT):
        if not isinstance(node.get("schema"), dict):
            continue
        for name, value in examples_of(node):
            try:
                check(value, node["schema"])
            except jsonschema.ValidationError as error:
                pytest.fail(f"{place}, {name}: {error.message}")
            checked += 1
    for name, schema in SCHEMAS.items():
        for field, part in schema.get("properties", {}).items():
            for value in part.get("examples", []):
                check(value, part)
                checked += 1
    assert checked > 100


def test_the_lines_of_the_example_of_json_lines_are_rows():
    content = DOCUMENT["paths"]["/employees"]["post"]["requestBody"]["content"]
    lines = content["application/x-ndjson"]["example"].splitlines()
    assert len(lines) > 1
    for line in lines:
        check(json.loads(line), content["application/x-ndjson"]["x-item-schema"])


def test_the_events_of_the_example_of_a_stream_hold_requests():
    content = DOCUMENT["paths"]["/requests/{request_id}"]["get"]["responses"]["200"]["content"]
    data = [line.removeprefix("data: ") for line in content["text/event-stream"]["example"].splitlines()
            if line.startswith("data: ")]
    assert data
    for text in data:
        check(json.loads(text), content["application/json"]["schema"])


def test_links_lead_to_operations_with_their_parameters():
    known = {operation["operationId"]: operation for _, _, operation in operations()}
    links = [link for response in DOCUMENT["components"]["responses"].values() for link in response.get("links", {}).values()]
    assert links
    for link in links:
        names = {follow(parameter)["name"] for parameter in known[link["operationId"]]["parameters"]}
        assert set(link.get("parameters", {})) <= names, link


def test_bodies_of_requests_take_no_unknown_fields():
    for path, method, operation in operations():
        for kind, media in follow(operation.get("requestBody", {})).get("content", {}).items():
            schema = follow(media.get("x-item-schema", media["schema"]))
            if schema["type"] == "object":
                assert schema.get("additionalProperties") is False, f"{method} {path}, {kind}"
    for schema in ("PredictRequest", "EmployeeState", "EmployeeRow"):
        for body in ({"Age": 41, "Agee": 41}, {"attributes": {"Age": 41, "Agee": 41}}, {"attributes": {"Age": 41}, "Age": 41}):
            with pytest.raises(jsonschema.ValidationError):
                check({"employee_id": "1", **body} if schema != "EmployeeState" else body, SCHEMAS[schema])


def test_the_bounds_of_numbers_are_refused_outside_and_taken_inside():
    for attribute in FEATURES["attributes"]:
        if attribute["type"] == "category":
            check({"attributes": {attribute["name"]: "never heard of"}}, SCHEMAS["PredictRequest"])
            continue
        for value in (attribute["min"], attribute["max"], None):
            check({attribute["name"]: value}, SCHEMAS["PredictRequest"])
        for value in (attribute["min"] - 1, attribute["max"] + 1, attribute["min"] + 0.5, "1"):
            with pytest.raises(jsonschema.ValidationError):
                check({attribute["name"]: value}, SCHEMAS["PredictRequest"])


def documented(attribute):
    """What the document must say of an attribute of the features file."""
    words = attribute["words"]["en"]
    if attribute["type"] == "category":
        return {"type": ["string", "null"], "maxLength": 256, "pattern": NO_CONTROL, "description": words,
                "examples": [category["name"] for category in attribute["categories"]]}
    if "labels" in attribute:
        words += ": " + ", ".join(f"{label['value']} {label['words']['en']}" for label in attribute["labels"])
    return {"type": ["integer" if attribute["type"] == "integer" else "number", "null"],
            "minimum": attribute["min"], "maximum": attribute["max"], "description": words}


def test_attributes_are_those_of_the_features_file():
    names = [attribute["name"] for attribute in FEATURES["attributes"]]
    said = SCHEMAS["Attributes"]["properties"]
    assert list(said) == names
    for attribute in FEATURES["attributes"]:
        wanted = documented(attribute)
        assert {key: said[attribute["name"]].get(key) for key in wanted} == wanted, attribute["name"]
    for schema in ("PredictRequest", "EmployeeState", "EmployeeRow"):
        flat = {name: part for name, part in SCHEMAS[schema]["properties"].items() if name in names}
        assert flat == {name: {"$ref": f"#/components/schemas/Attributes/properties/{name}"} for name in names}, schema
    audit = [attribute["name"] for attribute in FEATURES["attributes"] if attribute["role"] == "audit"]
    assert f"{', '.join(audit[:-1])} and {audit[-1]} are taken, but are no inputs" in SCHEMAS["Attributes"]["description"]


def test_every_operation_is_open_or_says_who_may():
    for path, method, operation in operations():
        where = f"{method} {path}"
        if operation.get("security") == []:
            assert "x-roles" not in operation, where
            continue
        assert "security" not in operation, where
        roles = operation["x-roles"]
        assert roles and set(roles) <= ROLES and len(set(roles)) == len(roles), where
        assert "admin" in roles, where
        assert "401" in operation["responses"], where
        assert ("403" in operation["responses"]) == (set(roles) != ROLES) or "403" in operation["responses"], where
    assert DOCUMENT["security"] == [{"bearer": []}]


def test_problems_are_one_list():
    problems = {problem["code"]: problem for problem in DOCUMENT["x-problems"]}
    assert len(problems) == len(DOCUMENT["x-problems"])
    used = set()
    for path, method, operation in operations():
        for status, response in operation["responses"].items():
            response = follow(response)
            problem = response.get("content", {}).get("application/problem+json")
            assert (problem is not None) == (int(status) >= 400), f"{method} {path}, {status}"
            if problem is None:
                continue
            assert list(response["content"]) == ["application/problem+json"]
            assert problem["schema"] == {"$ref": "#/components/schemas/Problem"}
            for code in response["x-codes"]:
                assert problems[code]["status"] == int(status), f"{method} {path}, {status}: {code}"
            used |= set(response["x-codes"])
            said = problem["example"]
            assert said["code"] in response["x-codes"] and said["status"] == int(status)
            assert said["title"] == problems[said["code"]]["title"]
            assert said["type"] == f"/docs#problem-{said['code']}"
    # Anywhere: an address that is none has no operation here.
    assert set(problems) - used == SERVERS_OWN - {"body-too-large"} | {"internal"}
    fields = [field["code"] for field in DOCUMENT["x-field-codes"]]
    assert len(set(fields)) == len(fields)
    for place, node in walk(DOCUMENT):
        for error in node.get("errors", []) if isinstance(node.get("errors"), list) else []:
            assert error["code"] in fields, place
    call = re.compile(r'body_error_add\(\s*[^,]+,\s*[^,]+,\s*[^,]+,\s*"([a-z-]+)"')
    told = {code for file in GATEWAY.glob("*.c") for code in call.findall(file.read_text())}
    assert len(told) >= 8 and told <= set(fields)


def test_the_paths_of_the_first_version_take_and_give_the_same():
    twins = {"/api/v1/auth/register": "/register", "/api/v1/auth/login": "/login", "/api/v1/predict/predict": "/predict",
             "/api/v1/retention/generate-retention-plan": "/generate-retention-plan"}
    own = {"operationId", "tags", "summary", "description"}
    for path, twin in twins.items():
        a, b = ({key: value for key, value in DOCUMENT["paths"][p]["post"].items() if key not in own} for p in (path, twin))
        assert a == b, path
    assert {path for path in DOCUMENT["paths"] if path.startswith("/api/")} == set(twins)


# ---- the gateway's own tables

GATEWAY = REPO / "producers/gateway"


def table(name, kind):
    """The rows of a .def: [[argument, ..], ..] without the quotes."""
    text = re.sub(r"^\s*//.*$", "", (GATEWAY / name).read_text(), flags=re.MULTILINE)
    rows = re.findall(rf"^{kind}\((.*)\)$", text, flags=re.MULTILINE)
    assert rows and len(rows) == len(re.findall(rf"\b{kind}\(", text))
    return [[part.strip().strip('"') for part in re.findall(r'"[^"]*"|[^,]+', row)] for row in rows]


def who_may():
    """{name in routes.def: roles} of the enum in routes.c"""
    names = {}
    body = re.search(r"enum who \{(.*?)\};", (GATEWAY / "routes.c").read_text(), re.DOTALL).group(1)
    for name, value in re.findall(r"(\w+) = ([^,]+),", body):
        parts = [part.strip() for part in value.split("|")]
        roles = [names[part] if part in names else {part.removeprefix("1 << AUTH_ROLE_").lower()} for part in parts]
        names[name] = set() if value == "0" else set().union(*roles)
    assert set().union(*names.values()) == ROLES
    return names


def test_the_operations_are_the_routes_of_the_gateway_and_who_may_use_them():
    names = who_may()
    routes = {(row[1].lower(), row[2].replace("*}", "}")): names[row[4]] for row in table("routes.def", "ROUTE")}
    said = {(method, path): set(operation.get("x-roles", [])) for path, method, operation in operations()}
    assert said == routes


def test_problems_of_the_server_are_in_the_list():
    text = "".join(path.read_text() for path in (REPO / "lib/http").glob("*.c"))
    own = {code: (int(status), title) for status, code, title in
           re.findall(r'\.status = (\d+),\s*\.code = "([^"]+)",\s*\.title = "([^"]+)"', text)}
    assert len(own) == text.count(".code = ") > 5
    said = {problem["code"]: (problem["status"], problem["title"]) for problem in DOCUMENT["x-problems"]}
    assert {code: said.get(code) for code in own} == own
    assert SERVERS_OWN <= set(own)


def test_problems_are_those_of_the_gateway():
    # The HTTP server has some of its own: those that no handler is asked about.
    own = {code: (int(status), title) for _, status, code, title in table("problems.def", "PROBLEM")}
    said = {problem["code"]: (problem["status"], problem["title"]) for problem in DOCUMENT["x-problems"]}
    assert {code: said.get(code) for code in own} == own
    assert set(said) - set(own) <= SERVERS_OWN
