# SPDX-License-Identifier: MIT
"""The HTTP interface in front of the queue: what people and scripts see of it."""
import json
import socket
import threading
import time
import urllib.parse

import pytest

from api import PASSWORD, USER, Api
from conftest import EMPLOYEES_CSV, wait_for
from support import ATTRIBUTES, CHANGES, PREDICTIONS, bits, decoded

# What the first RetentionAI sent to /predict.
OLD_FIELDS = """Age BusinessTravel Department Education EducationField EnvironmentSatisfaction Gender JobInvolvement
    JobLevel JobRole JobSatisfaction MaritalStatus MonthlyIncome OverTime PerformanceRating RelationshipSatisfaction
    StockOptionLevel TotalWorkingYears WorkLifeBalance YearsAtCompany YearsInCurrentRole YearsWithCurrManager""".split()
OLD_BODY = {name: ATTRIBUTES[0][name] for name in OLD_FIELDS}
INPUTS = 27  # of the shipped model: all but the three that are audited only


@pytest.fixture
def gateway(world):
    world.scoring()
    return world.gateway(PASSWORD_SCORE=1)


@pytest.fixture
def hr(gateway):
    return Api(gateway.url).register()


def recorded(world, prediction_id):
    return wait_for(f"row of {prediction_id}", lambda: world.query(
        "SELECT id, employee_id, probability, band, user_id, trigger FROM predictions_history WHERE id = %s",
        prediction_id))[0]


def test_the_four_calls_of_the_first_version_answer_with_its_keys(world, gateway):
    world.retention()
    nobody = Api(gateway.url)
    answer = nobody.post("/register", {"username": USER, "password": PASSWORD})
    assert answer.status == 201 and answer.json["username"] == USER and answer.json["role"] == "hr", answer
    assert "hash" not in answer.body.decode() and PASSWORD not in answer.body.decode()

    answer = nobody.post("/login", {"username": USER, "password": PASSWORD})
    assert answer.status == 200 and answer.json["token_type"] == "bearer" and answer.json["expires_in"] == 900
    hr = Api(gateway.url, answer.json["access_token"])

    answer = hr.post("/predict", OLD_BODY)
    assert answer.status == 200, answer
    score = answer.json
    assert 0 <= score["churn_probability"] <= 1 and isinstance(score["employe_id"], int)
    assert len(score["missing_inputs"]) == INPUTS - 19 and "DailyRate" in score["missing_inputs"]
    assert score["reasons"] and all(reason["words"] for reason in score["reasons"])

    # It is in Kafka and in the table, to the last bit, with who asked.
    on_topic = [r.value for r in decoded(world, PREDICTIONS)
                if r.value["prediction_id"] == score["prediction_id"]]
    assert [bits(p["churn_probability"]) for p in on_topic] == [bits(score["churn_probability"])]
    row = recorded(world, score["prediction_id"])
    assert row[1:] == (str(score["employe_id"]), score["churn_probability"], score["band"], "1", "request")

    high = hr.post("/predict", ATTRIBUTES[0]).json
    assert high["band"] == "high" and high["employe_id"] != score["employe_id"]
    answer = hr.post("/generate-retention-plan", {"churn_probability": 78.0, "employe_id": high["employe_id"]})
    assert answer.status == 200, answer
    plan = answer.json
    assert len(plan["retention_plan"]) == len(set(plan["retention_plan"])) == 3 and plan["status"] == "fallback"
    assert plan["prediction_id"] == high["prediction_id"] and plan["employe_id"] == high["employe_id"]
    stored = wait_for("plan", lambda: world.query(
        "SELECT action_1, action_2, action_3, requested_by, request_id FROM retention_plan WHERE plan_id = %s",
        plan["plan_id"]))
    assert stored == [(*plan["retention_plan"], "1", plan["request_id"])]


def test_a_plan_needs_a_high_risk_and_says_so(world, gateway, hr):
    world.retention()
    low = next(a for a in (hr.post("/predict", person).json for person in ATTRIBUTES[1:20]) if a["band"] == "low")
    # What the caller says of the probability is not believed.
    answer = hr.post("/generate-retention-plan", {"prediction_id": low["prediction_id"], "churn_probability": 0.99})
    assert answer.status == 200 and answer.json["retention_plan"] == [] and answer.json["status"] == "not-needed"
    answer = hr.post("/generate-retention-plan", {"prediction_id": world.topic("score-requests") + "/0/999999"},
                     Prefer="wait=0")
    assert (answer.status, answer.code) == (404, "no-such-prediction")
    answer = hr.post("/generate-retention-plan", {"prediction_id": "x"})
    assert answer.status == 422 and answer.fields() == {"prediction_id": "bad-value"}
    answer = hr.post("/generate-retention-plan", {})
    assert answer.status == 422 and answer.fields() == {"": "missing-field"}
    high = hr.post("/predict", ATTRIBUTES[0]).json
    answer = hr.post("/generate-retention-plan", {"prediction_id": high["prediction_id"], "language": "fr"})
    assert answer.json["language"] == "fr" and len(answer.json["retention_plan"]) == 3


def test_the_paths_of_the_first_version_answer_too(world, gateway):
    nobody = Api(gateway.url)
    body = {"email": "hr@example.org", "password": PASSWORD}
    assert nobody.post("/api/v1/auth/register", body).status == 201
    token = nobody.post("/api/v1/auth/login", body).json["access_token"]
    answer = Api(gateway.url, token).post("/api/v1/predict/predict", OLD_BODY)
    assert answer.status == 200 and "churn_probability" in answer.json
    answer = Api(gateway.url, token).post("/api/v1/retention/generate-retention-plan",
                                          {"churn_probability": 78.0, "employe_id": 7}, Prefer="wait=0")
    assert (answer.status, answer.code) == (404, "no-such-employee")


def test_an_id_means_the_whole_state_and_alone_the_stored_one(world, gateway, hr):
    first = hr.post("/predict", {"employee_id": "E/1 é", "attributes": ATTRIBUTES[0]})
    assert first.status == 200 and first.json["employe_id"] == "E/1 é", first
    path = "/employees/" + urllib.parse.quote("E/1 é", safe="")
    state = wait_for("employee", lambda: (lambda a: a if a.status == 200 else None)(hr.get(path))).json
    assert state["attributes"]["OverTime"] == ATTRIBUTES[0]["OverTime"] and state["requested_by"] == "1"
    # Nothing is merged.
    second = hr.post("/predict", {"employe_id": "E/1 é", "Age": 30})
    assert len(second.json["missing_inputs"]) == INPUTS
    recorded(world, second.json["prediction_id"])
    wait_for("new state", lambda: hr.get(path).json["attributes"]["OverTime"] is None)
    before = hr.get(path).json
    alone = hr.post("/predict", {"employee_id": "E/1 é"})
    assert bits(alone.json["churn_probability"]) == bits(second.json["churn_probability"])
    recorded(world, alone.json["prediction_id"])
    assert hr.get(path).json["attributes"] == before["attributes"]
    scores = hr.get(path + "/predictions").json
    assert [s["prediction_id"] for s in scores["items"]] == [
        a.json["prediction_id"] for a in (alone, second, first)] and scores["next_cursor"] is None
    answer = hr.post("/predict", {"employee_id": "nobody"})
    assert (answer.status, answer.code) == (404, "no-such-employee")


def test_who_has_left_is_not_scored(world, gateway, hr):
    assert hr.post("/employees/77", ATTRIBUTES[5]).status == 200
    answer = hr.post("/employees/77", {"change": "left"})
    assert answer.status == 200 and answer.json["employe_id"] == 77, answer
    wait_for("departure", lambda: world.query("SELECT 1 FROM employee WHERE employee_id = '77' AND left_at IS NOT NULL"))
    for body in ({"employee_id": 77}, {"employee_id": 77, **ATTRIBUTES[5]}):
        answer = hr.post("/predict", body)
        assert (answer.status, answer.code) == (409, "employee-left")
    wait_for("departure of the score", lambda: world.query(
        "SELECT 1 FROM current_prediction WHERE employee_id = '77' AND departed"))
    answer = hr.post("/generate-retention-plan", {"employee_id": 77})
    assert (answer.status, answer.code) == (409, "employee-left")


def test_what_is_wrong_in_a_body_is_named_by_its_field(gateway, hr):
    def refused(body, status, code, fields=None, **headers):
        answer = hr.post("/predict", body, **headers)
        assert (answer.status, answer.code) == (status, code), answer
        assert fields is None or answer.fields() == fields, answer

    refused({"attributes": {"Age": 7, "JobLevel": "two", "Shoe": 44, "OverTime": 1}}, 422, "invalid",
            {"attributes.Age": "out-of-range", "attributes.JobLevel": "wrong-type", "attributes.Shoe": "unknown-field",
             "attributes.OverTime": "wrong-type"})
    refused({**OLD_BODY, "MonthlyIncome": -1}, 422, "invalid", {"MonthlyIncome": "out-of-range"})
    refused({**OLD_BODY, "Age": 30.5}, 422, "invalid", {"Age": "not-an-integer"})
    refused({**OLD_BODY, "Age": True}, 422, "invalid", {"Age": "wrong-type"})
    refused({**OLD_BODY, "prediction": 1}, 422, "invalid", {"prediction": "unknown-field"})
    refused({**OLD_BODY, "employee_id": 1, "employe_id": 1}, 422, "invalid", {"employe_id": "conflicting-fields"})
    refused({**OLD_BODY, "attributes": {"Age": 30}}, 422, "invalid", {"attributes": "conflicting-fields"})
    refused({"employee_id": ""}, 422, "invalid", {"employee_id": "bad-employee-id"})
    refused({"employee_id": "x" * 129}, 422, "invalid", {"employee_id": "bad-employee-id"})
    refused({**OLD_BODY, "employe_id": 1 << 53}, 422, "invalid", {"employe_id": "out-of-range"})
    refused({**OLD_BODY, "employe_id": 1.5}, 422, "invalid", {"employe_id": "wrong-type"})
    refused({}, 422, "invalid", {"": "missing-field"})
    refused("[]", 422, "invalid", {"": "wrong-type"})
    refused('{"Age": 30, "Age": 31}', 400, "bad-json")
    refused('{"Age": 30', 400, "bad-json")
    refused('{"Age": 1e999}', 400, "bad-json")
    refused(b'{"OverTime": "\xff"}', 400, "bad-json")
    refused("[" * 1000, 400, "bad-json")
    refused("x" * 65537, 413, "body-too-large")
    refused(OLD_BODY, 415, "unsupported-media-type", Content_Type="text/plain")
    refused(OLD_BODY, 400, "bad-header", Idempotency_Key="two words")
    answer = hr.post("/predict?dry=1", OLD_BODY)
    assert answer.status == 422 and answer.fields() == {"dry": "unknown-parameter"}
    # A category that the model has never seen is no error.
    answer = hr.post("/predict", {**ATTRIBUTES[0], "Department": "Alchemy"})
    assert answer.status == 200 and answer.json["band"] == "unknown" and answer.json["churn_probability"] is None
    assert hr.post("/predict", {**OLD_BODY, "Age": 41.0, "Gender": "F"}).status == 200
    assert hr.post("/predict", {**OLD_BODY, "employe_id": 7.0}).json["employe_id"] == 7
    # Bare digits are no time: they could be a day as well as milliseconds.
    for time, status in ("20260331", 422), ("2026-03-31", 200), ("2026-03-31T08:30:00.5+02:00", 200):
        answer = hr.post("/employees/8", {"Age": 41, "event_time": time})
        assert answer.status == status and (status == 200 or answer.fields() == {"event_time": "bad-event-time"}), answer


def test_words_are_in_the_language_that_is_preferred(world, gateway, hr):
    answer = hr.post("/predict", ATTRIBUTES[0], Accept_Language="fr-CH, en;q=0.5")
    assert "augmente le risque" in answer.json["reasons"][0]["words"], answer
    recorded(world, answer.json["prediction_id"])
    path = "/predictions/" + answer.json["prediction_id"]
    english, french = hr.get(path), hr.get(path, Accept_Language="fr")
    assert "raises the risk" in english.json["reasons"][0]["words"]
    assert french.json["reasons"] == answer.json["reasons"]
    assert hr.get("/predictions/" + urllib.parse.quote(answer.json["prediction_id"], safe="")).json == english.json


def test_a_key_makes_the_call_once(world, gateway, hr):
    first = hr.post("/predict", OLD_BODY, Idempotency_Key="k1")
    assert first.status == 200, first

    def again():
        answer = hr.post("/predict", OLD_BODY, Idempotency_Key="k1")
        assert answer.status == 200 or (answer.status, answer.code) == (409, "request-running"), answer
        return answer.status == 200 and answer
    assert wait_for("repeated answer", again).json == first.json
    answer = hr.post("/predict", {**OLD_BODY, "Age": 50}, Idempotency_Key="k1")
    assert (answer.status, answer.code) == (422, "idempotency-key-reused")
    # Another user's key is another key.
    other = Api(gateway.url).register("other_manager", PASSWORD)
    assert other.post("/predict", OLD_BODY, Idempotency_Key="k1").json["request_id"] != first.json["request_id"]
    # A refusal is repeated, too, and a failure before the record was sent takes no key.
    answer = hr.post("/predict", {"employee_id": "nobody"}, Idempotency_Key="k2")
    assert answer.status == 404
    assert hr.post("/predict", OLD_BODY, Idempotency_Key="k2").status == 200
    # Many at once with one key: one request.
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(
        Api(gateway.url, hr.token).post("/predict", OLD_BODY, Idempotency_Key="k3"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done = {a.json["request_id"] for a in answers if a.status == 200}
    assert len(done) == 1 and {a.status for a in answers} <= {200, 409}, answers
    wait_for("rows", lambda: world.scalar(
        "SELECT count(*) FROM http_request WHERE idempotency_key = 'k3' AND state = 'done'") == 1)
    assert world.scalar("SELECT count(*) FROM predictions_history WHERE event_id = %s", done.pop()) == 1


def test_what_takes_longer_is_accepted_and_found_later_at_any_gateway(world):
    gateway = world.gateway()
    hr = Api(gateway.url).register()
    began = time.monotonic()
    answer = hr.post("/predict", OLD_BODY, Prefer="wait=1")
    assert answer.status == 202 and 0.9 < time.monotonic() - began, answer
    assert answer.headers["Preference-Applied"] == "wait=1" and int(answer.headers["Retry-After"]) >= 1
    location, request_id = answer.headers["Location"], answer.json["request_id"]
    assert location == f"/requests/{request_id}"
    at_once = hr.post("/predict", OLD_BODY, Prefer="respond-async")
    assert at_once.status == 202 and at_once.headers["Preference-Applied"] == "wait=0"
    state = hr.get(location)
    assert state.status == 200 and state.json["state"] == "accepted" and state.json["result"] is None
    assert int(state.headers["Retry-After"]) >= 1
    gateway.kill()
    other = world.gateway()
    again = Api(other.url, hr.token)  # the same keys
    assert again.get(location).json["state"] == "accepted"
    # Server-sent events tell of the change.
    events = events_of(other.url, hr.token, location)
    assert next(events)["state"] == "accepted"
    world.scoring()
    last = next(events)
    assert last["state"] == "done" and next(events, None) is None
    done = again.get(location)
    assert done.json == last and done.json["result"]["request_id"] == request_id
    assert bits(done.json["result"]["churn_probability"]) == bits(world.scalar(
        "SELECT probability FROM predictions_history WHERE event_id = %s", request_id))
    assert again.get(location, If_None_Match=done.headers["ETag"]).status == 304
    assert again.get("/requests/none").code == "no-such-request"


def events_of(url, token, path):
    """The data of the events of a stream, until it ends."""
    parts = urllib.parse.urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nConnection: close\r\n"
                           f"Authorization: Bearer {token}\r\n\r\n".encode())
        stream = connection.makefile("rb")
        status = stream.readline()
        assert b" 200 " in status, status
        for line in stream:
            if line.startswith(b"data: "):
                yield json.loads(line[6:])


def test_a_request_that_is_refused_resolves_to_its_error(world, gateway, hr):
    retention = world.retention()
    high = hr.post("/predict", ATTRIBUTES[0]).json
    world.ctl("plans", "off")
    wait_for("plans off", lambda: retention.metric("retentionai_plans_on") == 0)
    answer = hr.post("/generate-retention-plan", {"prediction_id": high["prediction_id"], "anew": True},
                     Prefer="wait=30")
    assert (answer.status, answer.code) == (503, "plans-are-off"), answer
    request_id = wait_for("request", lambda: world.query("SELECT id FROM http_request WHERE kind = 'plan'"))[0][0]
    state = wait_for("failed", lambda: (lambda a: a if a.json["state"] != "accepted" else None)(
        hr.get(f"/requests/{request_id}"))).json
    assert state["state"] == "failed" and state["error"]["code"] == "plans-are-off" and state["result"] is None


def test_pages_hold_everybody_once_in_their_order(world, gateway, hr):
    people = 60
    rows = "\n".join(json.dumps({"employee_id": str(i), **ATTRIBUTES[i]}) for i in range(people))
    answer = hr.post("/employees", rows, Content_Type="application/x-ndjson")
    assert answer.status == 200 and answer.json["accepted"] == people, answer
    wait_for("scores", lambda: world.scalar("SELECT count(*) FROM current_prediction") == people)

    def pages(path):
        seen, cursor = [], None
        while True:
            joint = "&" if "?" in path else "?"
            answer = hr.get(path + joint + "limit=7" + (f"&cursor={cursor}" if cursor else ""))
            assert answer.status == 200, answer
            seen += answer.json["items"]
            cursor = answer.json["next_cursor"]
            if cursor is None:
                assert answer.headers["Link"] is None
                return seen
            link = answer.headers["Link"]
            assert link.endswith('>; rel="next"') and hr.get(link[1:link.index(">")]).status == 200, link

    everybody = pages("/predictions")
    assert len({p["employee_id"] for p in everybody}) == len(everybody) == people
    chances = [p["churn_probability"] for p in everybody]
    assert chances == sorted(chances, reverse=True)
    high = pages("/predictions?band=high")
    assert [p["employee_id"] for p in high] == [p["employee_id"] for p in everybody if p["band"] == "high"] != []
    name = "Research & Development"
    research = pages("/predictions?department=" + urllib.parse.quote(name))
    assert [p["employee_id"] for p in research] == [p["employee_id"] for p in everybody if p["department"] == name]
    for query, field in (("band=tall", "band"), ("limit=0", "limit"), ("limit=201", "limit"), ("cursor=AAAA", "cursor"),
                         ("order=up", "order"), ("band=low&band=high", "band"), ("department=", "department")):
        answer = hr.get("/predictions?" + query)
        assert answer.status == 422 and list(answer.fields()) == [field], answer
    # A cursor belongs to its list.
    cursor = hr.get("/predictions?limit=1").json["next_cursor"]
    assert hr.get(f"/predictions?limit=1&band=high&cursor={cursor}").fields() == {"cursor": "bad-cursor"}
    tag = hr.get("/predictions?limit=3").headers["ETag"]
    assert hr.get("/predictions?limit=3", If_None_Match=tag).status == 304


def test_rows_are_taken_or_refused_one_by_one(world, gateway, hr):
    csv = EMPLOYEES_CSV.read_text().splitlines()[:4]
    broken = csv[3].split(",")
    broken[0] = "forty"
    answer = hr.post("/employees", "\n".join([*csv[:3], ",".join(broken)]), Content_Type="text/csv; charset=utf-8")
    assert answer.status == 207, answer
    body = answer.json
    assert (body["rows"], body["accepted"], body["refused"]) == (3, 2, 1)
    assert [("event_id" in r, r["row"]) for r in body["results"]] == [(True, 1), (True, 2), (False, 3)]
    assert body["results"][2]["field"] == "Age" and body["results"][2]["code"] == "not-an-integer"
    sent = [r.value for r in decoded(world, CHANGES)]
    assert {r["event_id"] for r in body["results"] if "event_id" in r} == {e["event_id"] for e in sent}
    assert {(e["source"], e["requested_by"]) for e in sent} == {("http:1", "1")}

    lines = ['{"employee_id": 1, "Age": 30}', "", '{"Age": 30}', "nonsense", '{"employee_id": "2"}',
             '{"employee_id": "3", "change": "left", "event_time": "2026-03-31T00:00:00Z"}',
             '{"employee_id": "4", "Age": 30, "event_time": "2999-01-01T00:00:00Z"}']
    answer = hr.post("/employees", "\n".join(lines), Content_Type="application/x-ndjson")
    assert answer.status == 207, answer
    assert [r.get("code") for r in answer.json["results"]] == [
        None, "missing-field", "bad-row", "missing-field", None, "event-time-in-future"]
    answer = hr.post("/employees", '{"Age": 7}\n{"Age": 8}', Content_Type="application/x-ndjson")
    assert (answer.status, answer.code) == (422, "rows-refused")
    assert answer.fields() == {"rows[1].Age": "out-of-range", "rows[2].Age": "out-of-range"}
    assert hr.post("/employees", "a,b\n1,2", Content_Type="text/csv").status == 422
    answer = hr.post("/employees", '{"employee_id":1,"Age":30}\n' * 10001, Content_Type="application/x-ndjson")
    assert (answer.status, answer.code) == (413, "too-many-rows")
    answer = hr.post("/employees", '{"employee_id":1,"Age":30}\n' * 10000, Content_Type="application/x-ndjson")
    assert answer.status == 200 and answer.json["accepted"] == 10000
    # A repeated call says the same again, under the same ids.
    first = hr.post("/employees", lines[0], Content_Type="application/x-ndjson", Idempotency_Key="rows")
    again = hr.post("/employees", lines[0], Content_Type="application/x-ndjson", Idempotency_Key="rows")
    assert first.status == again.status == 200 and first.json == again.json


def test_tokens_end_when_they_should(world, gateway):
    nobody = Api(gateway.url)
    hr = nobody.register()
    # A refresh token is used once; used again it ends the login.
    answer = nobody.post("/refresh", {"refresh_token": hr.refresh_token})
    assert answer.status == 200 and answer.json["refresh_token"] != hr.refresh_token
    fresh = Api(gateway.url, answer.json["access_token"])
    assert fresh.get("/model").status == 200
    answer = nobody.post("/refresh", {"refresh_token": hr.refresh_token})
    assert (answer.status, answer.code) == (401, "bad-refresh-token")
    wait_for("tokens of the login", lambda: fresh.get("/model").status == 401)
    # Logout ends the token here at once, elsewhere within five seconds.
    other = world.gateway()
    time.sleep(1.1)  # a token of the same second as the revocation would be refused with the old ones
    hr = nobody.login()
    assert Api(other.url, hr.token).get("/model").status == 200
    assert hr.post("/logout", {"refresh_token": hr.refresh_token}).status == 204
    assert hr.get("/model").code == "bad-token"
    wait_for("logout elsewhere", lambda: Api(other.url, hr.token).get("/model").status == 401, 5)
    assert nobody.post("/refresh", {"refresh_token": hr.refresh_token}).status == 401
    # Another password ends everything, and only it works from then on.
    first, second = nobody.login(), nobody.login()
    answer = first.post("/password", {"current_password": "wrong" * 3, "new_password": "correct horse battery"})
    assert (answer.status, answer.code) == (403, "wrong-password")
    answer = first.post("/password", {"current_password": PASSWORD, "new_password": "short"})
    assert answer.status == 422 and list(answer.fields()) == ["new_password"]
    answer = first.post("/password", {"current_password": PASSWORD, "new_password": "correct horse battery"})
    assert answer.status == 204
    assert first.get("/model").status == second.get("/model").status == 401
    assert nobody.post("/login", {"username": USER, "password": PASSWORD}).code == "bad-credentials"
    wait_for("new password", lambda: nobody.login(USER, "correct horse battery").get("/model").status == 200)


def test_who_may_register_is_a_setting(world):
    closed, invited = world.gateway(REGISTRATION="off"), world.gateway(REGISTRATION="invite")
    body = {"username": "somebody", "password": "correct horse battery"}
    assert Api(closed.url).post("/register", body).code == "registration-off"
    assert Api(invited.url).post("/register", body).code == "invite-needed"
    answer = Api(invited.url).post("/register", {**body, "invite": "A" * 43})
    assert (answer.status, answer.code) == (403, "bad-invite")
    opened = world.gateway(PASSWORD_SCORE=3)
    answer = Api(opened.url).post("/register", {**body, "password": "password1234"})
    assert answer.status == 422 and list(answer.fields()) == ["password"]
    assert Api(opened.url).post("/register", body).status == 201
    assert Api(opened.url).post("/register", {**body, "username": "SomeBody"}).code == "username-taken"
    assert Api(opened.url).post("/register", {**body, "username": "a b"}).fields() == {"username": "bad-username"}


def test_bcrypt_hashes_are_replaced_at_the_first_login(world, gateway):
    # $2b$ of "securepassword", by another implementation (libxcrypt's vectors are those of OpenBSD).
    import crypt
    hashed = crypt.crypt(PASSWORD, crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16))
    with world.db() as db:
        db.execute("INSERT INTO users (username, password_hash, role) VALUES ('old', %s, 'viewer')", (hashed,))
    viewer = Api(gateway.url).login("old", PASSWORD)
    assert world.scalar("SELECT password_hash FROM users WHERE username = 'old'").startswith("$argon2id$")
    assert viewer.get("/model").status == 200
    assert viewer.post("/predict", OLD_BODY).code == "role-not-allowed"
    Api(gateway.url).login("old", PASSWORD)


def test_a_user_has_so_many_requests_a_minute(world):
    gateway = world.gateway(RATE_LIMIT=5)
    first, second = Api(gateway.url).register(), Api(gateway.url).register("other_manager", PASSWORD)
    answers = [first.get("/model") for _ in range(6)]
    assert [a.status for a in answers] == [200] * 5 + [429] and answers[5].code == "rate-limited"
    assert 1 <= int(answers[5].headers["Retry-After"]) <= 60
    assert [a.headers["RateLimit"].split(";")[1] for a in answers] == ["r=4", "r=3", "r=2", "r=1", "r=0", "r=0"]
    assert answers[0].headers["RateLimit-Policy"] == '"default";q=5;w=60'
    assert second.get("/model").status == 200


def test_who_calls_behind_a_proxy_is_what_the_proxy_says(world):
    trusting, plain = world.gateway(TRUSTED_PROXIES="10.0.0.1,127.0.0.1"), world.gateway()
    for gateway, address in ((trusting, "203.0.113.7"), (plain, "127.0.0.1")):
        answer = Api(gateway.url).post("/login", {"username": "nobody", "password": "x" * 12},
                                       X_Forwarded_For="198.51.100.1, 203.0.113.7")
        assert answer.code == "bad-credentials"
        wait_for("the failure", lambda: world.query(
            "SELECT 1 FROM login_throttle WHERE scope = 'address' AND subject = %s", address))
    assert world.scalar("SELECT count(*) FROM login_throttle WHERE scope = 'address'") == 2


def test_documents_need_no_token_and_ask_nobody(world, gateway):
    nobody = Api(gateway.url)
    for path, start in (("/docs", b"<!doctype html>"), ("/docs/init.js", b"//"), ("/openapi.json", b"{"),
                        ("/asyncapi.json", b"{"), ("/docs/swagger-ui.css", b".swagger"), ("/docs/LICENSE", b"")):
        answer = nobody.get(path)
        assert answer.status == 200 and answer.body.lstrip().startswith(start), (path, answer)
        assert nobody.get(path, If_None_Match=answer.headers["ETag"]).status == 304
        packed = nobody.get(path, Accept_Encoding="gzip")
        assert packed.headers["Content-Encoding"] == "gzip" and packed.body[:2] == b"\x1f\x8b"
    assert nobody.get("/docs/../main.c").status in (400, 404)
    keys = nobody.get("/.well-known/jwks.json").json["keys"]
    assert len(keys) == 1 and keys[0]["alg"] == "EdDSA" and set(keys[0]) == {"kty", "crv", "x", "kid", "use", "alg"}
    assert nobody.get("/model").code == "no-token"
    card = nobody.register().get("/model").json
    assert card["kind"] == "linear-logistic" and len(card["inputs"]) == INPUTS and card["fairness"]["groups"]
    assert nobody.get("/livez").json == nobody.get("/readyz").json == {"status": "ok"}
