# SPDX-License-Identifier: MIT
"""The running gateway is what its document says: schemathesis makes calls of it, good and bad ones, and judges
every answer by it; with a token, and without."""
import json
import os
import subprocess
import urllib.error
import urllib.request

import pytest

from conftest import BUILD, REPO, SLOW, wait_for
from support import ATTRIBUTES, chance

PASSWORD = "correct horse battery staple"
TOKENS = 40
# Where a body or parameter may be refused though its schema takes it: a cursor that never was one, a password
# that is easily guessed, a state without any attribute.
MORE_THAN_SCHEMAS_SAY = ["/predictions", "/employees/{employee_id}/predictions", "/register", "/api/v1/auth/register",
                         "/login", "/api/v1/auth/login", "/logout", "/password", "/employees", "/employees/{employee_id}"]
FUZZING_SECONDS = 20


def call(gateway, method, path, body=None, token=None, **headers):
    """-> (status, value)"""
    request = urllib.request.Request(gateway.url + path, method=method)
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    if token is not None:
        request.add_header("Authorization", f"Bearer {token}")
    for name, value in headers.items():
        request.add_header(name.replace("_", "-"), value)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"null")


def register(gateway, name):
    status, user = call(gateway, "POST", "/register", {"username": name, "password": PASSWORD})
    assert status == 201 and user["role"] == "hr", user


def log_in(gateway, name, kind="access_token"):
    status, value = call(gateway, "POST", "/login", {"username": name, "password": PASSWORD})
    assert status == 200, value
    return value[kind]


def known_things(world, gateway, token):
    """Ids that calls can be made with: {name of a parameter: [value, ..]}"""
    found = {"employee_id": [], "prediction_id": [], "plan_id": [], "request_id": []}
    at_risk = {"OverTime": "Yes", "BusinessTravel": "Travel_Frequently", "JobLevel": 1, "StockOptionLevel": 0,
               "EnvironmentSatisfaction": 1, "JobSatisfaction": 1, "JobInvolvement": 1, "NumCompaniesWorked": 9,
               "JobRole": "Sales Representative", "Department": "Sales", "DistanceFromHome": 29}
    for i in (1, 7):  # those of the document's examples
        status, score = call(gateway, "POST", "/predict", {"employe_id": i, "attributes": {**ATTRIBUTES[i], **at_risk}}, token)
        assert status == 200 and score["band"] == "high", score
        status, plan = call(gateway, "POST", "/generate-retention-plan", {"prediction_id": score["prediction_id"]}, token)
        assert status == 200 and len(plan["retention_plan"]) == 3, plan
        for name, value in (("employee_id", score["employee_id"]), ("prediction_id", score["prediction_id"]),
                            ("plan_id", plan["plan_id"]), ("request_id", score["request_id"]),
                            ("request_id", plan["request_id"])):
            found[name].append(value)
    for path, name in (("/predictions/", "prediction_id"), ("/retention-plans/", "plan_id"), ("/requests/", "request_id"),
                       ("/employees/", "employee_id")):
        for value in found[name]:
            wait_for(f"{path}{value} recorded", lambda: call(gateway, "GET", path + value, token=token)[0] == 200)
    return found


def schemathesis(world, gateway, known, phases, tokens="", refresh_tokens="", seconds=None):
    """Runs it to its end: what it takes to try everything once, or for so long."""
    config = world.directory / f"schemathesis-{phases}.toml"
    lines = ["[auth]", "auto-signup = false",
             # QUERY is none of HTTP's own methods yet (501), and OPTIONS is answered everywhere.
             "[phases.coverage]", 'unexpected-methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"]']
    # 400: a text with a NUL in it is no JSON that is read, which schemas of texts do not say.
    lines += ["[checks.positive_data_acceptance]",
              'expected-statuses = ["2xx", "3xx", "400", "401", "403", "404", "409", "429"]']
    for name, values in known.items():
        lines += [f"[dictionaries.{name}]", f"values = {json.dumps(values)}"]
    bind = '"{}.{}" = {{ dictionary = "{}", probability = 0.5 }}'
    lines += ["[parameters]"] + [bind.format("path", name, name) for name in known]
    lines += [bind.format("body", name, name) for name in known if name in ("employee_id", "prediction_id")]
    # The same handlers under their first paths: their examples are enough.
    lines += ["[[operations]]", 'include-path-regex = "^/api/v1/"', "phases.coverage.enabled = false",
              "phases.fuzzing.enabled = false"]
    lines += ["[[operations]]", f"include-path = {json.dumps(MORE_THAN_SCHEMAS_SAY)}",
              "[operations.checks.positive_data_acceptance]",
              'expected-statuses = ["2xx", "3xx", "400", "401", "403", "404", "409", "422", "429"]']
    # Of several rows those that can be taken are.
    lines += ["[[operations]]", 'include-path = "/employees"', "[operations.checks.negative_data_rejection]",
              'expected-statuses = ["207", "400", "401", "403", "404", "405", "406", "409", "415", "422", "429"]']
    config.write_text("\n".join(lines) + "\n")
    random = chance({"SEED": "1", **os.environ})  # the same calls in each run; another SEED tries others
    command = [REPO / "build/venv/bin/st", "--config-file", config, "run", gateway.url + "/openapi.json",
               "--phases", phases, "--seed", str(random.randrange(1 << 32)),
               *(["--max-time", str(int(seconds * SLOW))] if seconds else []),
               "--continue-on-failure", "--max-failures", "30", "--request-timeout", str(30 * SLOW),
               "--generation-database", "none", "--warnings", "off", "--no-color"]
    environment = {**os.environ, "TOKENS": " ".join(tokens), "REFRESH_TOKENS": " ".join(refresh_tokens),
                   "KNOWN": " ".join(known.get("prediction_id", []) + known.get("employee_id", [])),
                   "SCHEMATHESIS_HOOKS": "openapi_hooks",
                   "PYTHONPATH": str(REPO / "tests/system"), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "160"}
    done = subprocess.run(command, env=environment, cwd=world.directory, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=300 * SLOW)
    print((done.stdout + done.stderr)[-20000:])
    assert done.returncode == 0, "see above"
    assert gateway.running()


@pytest.fixture
def gateway(world):
    world.scoring()
    world.retention()
    gateway = world.gateway()
    register(gateway, "somebody")
    return gateway


def test_every_answer_is_what_the_document_says(world, gateway):
    tokens = [log_in(gateway, "somebody") for _ in range(TOKENS)]
    known = known_things(world, gateway, tokens[0])
    register(gateway, "another")
    refresh_tokens = [log_in(gateway, "another", "refresh_token") for _ in range(5)]
    schemathesis(world, gateway, known, "examples,coverage", tokens, refresh_tokens)
    schemathesis(world, gateway, known, "fuzzing,stateful", tokens, seconds=FUZZING_SECONDS)
    gateway.stop()


def test_without_a_token_no_door_is_open_that_should_be_closed(world, gateway):
    schemathesis(world, gateway, {}, "examples,coverage")
    gateway.stop()
