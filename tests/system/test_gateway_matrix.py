# SPDX-License-Identifier: MIT
"""Every route of the gateway, tried by everybody: without a token, with a broken one, with an expired one, and
by each role. What may be stands here once more, beside producers/gateway/routes.def: a route that is new, or
that somebody opened, fails until this table says so, too."""
import re

import jwt
import pytest

from callers import ROLES, Caller, House, add_verifying_key, call, claims_for, raw
from conftest import REPO

ROUTE = re.compile(r'^ROUTE\((\w+), (\w+), "([^"]+)", \w+, (\w+), (\w+), (\w+)\)', re.M)
ROUTES = {name: (method, path) for name, method, path, *_ in
          ROUTE.findall((REPO / "producers/gateway/routes.def").read_text())}
EVERYBODY = set(ROLES)
READERS = {"admin", "hr", "viewer"}
WRITERS = {"admin", "hr", "service"}
PLANNERS = {"admin", "hr"}
OPEN = None
NOBODY = {"username": "nobody.at.all", "password": "not the password of anybody"}
AT_ONCE = {"Prefer": "wait=0"}
LINES = {"Content-Type": "application/x-ndjson"}
UNKNOWN = {"prediction_id": "score-requests/0/987654"}

# route: (who may, the status for those who may, the path, the body, headers)
MATRIX = {
    "REGISTER": (OPEN, 422, "/register", {}, {}),
    "LOGIN": (OPEN, 401, "/login", NOBODY, {}),
    "REFRESH": (OPEN, 401, "/refresh", {"refresh_token": "A" * 43}, {}),
    "LOGOUT": (EVERYBODY, 422, "/logout", {"surprise": 1}, {}),
    "PASSWORD": (EVERYBODY, 422, "/password", {}, {}),
    "PREDICT": (WRITERS, 202, "/predict", {"Age": 41}, AT_ONCE),
    "PLAN": (PLANNERS, 404, "/generate-retention-plan", UNKNOWN, AT_ONCE),
    "EMPLOYEES": (WRITERS, 200, "/employees", b'{"employee_id": "m1", "Age": 41}\n', LINES),
    "EMPLOYEE_CHANGE": (WRITERS, 200, "/employees/m2", {"Age": 41}, {}),
    "EMPLOYEE": (READERS, 404, "/employees/m3", None, {}),
    "EMPLOYEE_PREDICTIONS": (READERS, 200, "/employees/m3/predictions", None, {}),
    "PREDICTIONS": (READERS, 200, "/predictions", None, {}),
    "PREDICTION": (EVERYBODY, 404, "/predictions/score-requests/0/987654", None, {}),
    "RETENTION_PLAN": (READERS, 404, "/retention-plans/predictions/0/987654", None, {}),
    "REQUEST": (EVERYBODY, 404, "/requests/nothing", None, {}),
    "MODEL": (READERS, 200, "/model", None, {}),
    "DOCS": (OPEN, 200, "/docs", None, {}),
    "DOCS_ASSET": (OPEN, 200, "/docs/init.js", None, {}),
    "OPENAPI": (OPEN, 200, "/openapi.json", None, {}),
    "ASYNCAPI": (OPEN, 200, "/asyncapi.json", None, {}),
    "JWKS": (OPEN, 200, "/.well-known/jwks.json", None, {}),
    "LIVEZ": (OPEN, 200, "/livez", None, {}),
    "READYZ": (OPEN, 200, "/readyz", None, {}),
    "REGISTER_V1": (OPEN, 422, "/api/v1/auth/register", {}, {}),
    "LOGIN_V1": (OPEN, 401, "/api/v1/auth/login", NOBODY, {}),
    "PREDICT_V1": (WRITERS, 202, "/api/v1/predict/predict", {"Age": 41}, AT_ONCE),
    "PLAN_V1": (PLANNERS, 404, "/api/v1/retention/generate-retention-plan", UNKNOWN, AT_ONCE),
}
CLOSED = [name for name, entry in MATRIX.items() if entry[0] is not OPEN]


@pytest.fixture(scope="module")
def house(module_world):
    return House(module_world)


@pytest.fixture(scope="module")
def strangers(house):
    """{who: their Authorization}, none of which counts."""
    key = add_verifying_key(house)
    good = house.tokens["admin"]
    header = {"typ": "at+jwt", "kid": key.kid}

    def signed(**other):
        return jwt.encode(claims_for(house, **other), key.secret, "EdDSA", headers=header)
    assert Caller(house.gateway, signed()).get("/model").status == 200  # only its time is over, below
    expired = signed(iat=1767323045, nbf=1767323045, exp=1767323945)
    return {"no token": None, "no scheme": good, "no bearer": f"Basic {good}", "an empty one": "Bearer ",
            "a broken one": f"Bearer {good[:-2]}", "a cut one": f"Bearer {good.rpartition('.')[0]}.",
            "an expired one": f"Bearer {expired}", "two in one": f"Bearer {good} {good}",
            "with commas": f"Bearer {good},{good}"}


def ask(house, name, **headers):
    method, _ = ROUTES[name]
    _, _, path, body, own = MATRIX[name]
    return call(house.gateway, method, path, body, **{**own, **headers})


def test_every_route_of_the_table_has_its_row_here():
    assert len(ROUTES) > 20
    assert set(MATRIX) == set(ROUTES), "routes.def and MATRIX name other routes"
    lines = (REPO / "producers/gateway/routes.def").read_text().splitlines()
    assert sum(line.startswith("ROUTE(") for line in lines) == len(ROUTES), "a line that this test cannot read"
    for name, (_, _, path, _, _) in MATRIX.items():
        pattern = re.sub(r"\\{\w+\\\*\\}", ".+", re.sub(r"\\{\w+\\}", "[^/]+", re.escape(ROUTES[name][1])))
        assert re.fullmatch(pattern, path), f"{name}: {path} is not at {ROUTES[name][1]}"


@pytest.mark.parametrize("name", CLOSED)
def test_nobody_passes_without_a_token_that_counts(house, strangers, name):
    for who, authorization in strangers.items():
        answer = ask(house, name, **({} if authorization is None else {"Authorization": authorization}))
        none = who in ("no token", "no scheme", "no bearer", "an empty one")
        assert (answer.status, answer.code) == (401, "no-token" if none else "bad-token"), f"{who}: {answer}"
        assert answer.headers["www-authenticate"].startswith("Bearer"), who
        assert ('error="invalid_token"' in answer.headers["www-authenticate"]) is not none, who
        assert answer.headers["cache-control"] == "no-store", who


@pytest.mark.parametrize("name", CLOSED)
def test_each_role_may_what_it_may_and_nothing_else(house, name):
    may, status, *_ = MATRIX[name]
    for role in ROLES:
        answer = ask(house, name, Authorization=f"Bearer {house.tokens[role]}")
        if role in may:
            assert answer.status == status, f"{role}: {answer}"
        else:
            assert (answer.status, answer.code) == (403, "role-not-allowed"), f"{role}: {answer}"
            assert all(role_that_may in answer.json["detail"] for role_that_may in may)


@pytest.mark.parametrize("name", [name for name in MATRIX if name not in CLOSED])
def test_what_is_open_is_open_whatever_token_comes_along(house, strangers, name):
    for authorization in [None, *strangers.values(), *(f"Bearer {token}" for token in house.tokens.values())]:
        if name.startswith("LOGIN"):
            house.world.query("DELETE FROM login_throttle RETURNING 1")
        answer = ask(house, name, **({} if authorization is None else {"Authorization": authorization}))
        assert answer.status == MATRIX[name][1], f"{authorization}: {answer}"


@pytest.mark.parametrize("name", CLOSED)
def test_two_tokens_are_none(house, name):
    """A proxy may have looked at the other one."""
    method, _ = ROUTES[name]
    _, _, path, _, own = MATRIX[name]
    lines = [f"Authorization: Bearer {house.tokens[role]}" for role in ("admin", "viewer")]
    request = "\r\n".join([f"{method} {path} HTTP/1.1", "Host: gateway.test", *lines, "Connection: close", "", ""])
    (answer,), _ = raw(house.gateway, request.encode())
    assert (answer.status, answer.code) == (401, "no-token"), answer


def test_a_head_and_a_preflight_open_nothing(house):
    """HEAD is made of each GET; OPTIONS say what there is and do nothing."""
    for name in CLOSED:
        method, _ = ROUTES[name]
        path = MATRIX[name][2]
        if method == "GET":
            answer = call(house.gateway, "HEAD", path)
            assert (answer.status, answer.body) == (401, b""), f"{name}: {answer}"
        answer = call(house.gateway, "OPTIONS", path)
        assert (answer.status, answer.body) == (204, b"") and method in answer.headers["allow"], f"{name}: {answer}"


def test_who_is_refused_has_changed_nothing(house, strangers):
    before = house.world.query("SELECT count(*) FROM http_request UNION ALL SELECT count(*) FROM users")
    for name in CLOSED:
        ask(house, name, Authorization=strangers["an expired one"])
        if "viewer" not in MATRIX[name][0]:
            ask(house, name, Authorization=f"Bearer {house.tokens['viewer']}", **{"Idempotency-Key": f"key-{name}"})
    assert house.world.query("SELECT count(*) FROM http_request UNION ALL SELECT count(*) FROM users") == before
