# SPDX-License-Identifier: MIT
"""Plans and requests on their topics, their copies in the tables, and the operator's commands for them.
The plans here are written by the test, as the retention worker writes them."""
import datetime
import json
import struct

import fastavro
from confluent_kafka import Producer
from confluent_kafka.schema_registry import SchemaRegistryClient

from audit import audit
from conftest import wait_for
from support import HIGH_RISK, PLAN_REQUESTS, PLANS, PREDICTIONS, decoded, partition_of

CREATED = datetime.datetime(2026, 3, 1, 8, 30, tzinfo=datetime.timezone.utc)


def plan(plan_id, employee="17", **other):
    return {"plan_id": plan_id, "request_id": None, "prediction_id": "employee-changes/0/1",
            "employee_id": employee, "status": "written", "action_1": "Limit overtime.",
            "action_2": "Plan the next step.", "action_3": "Offer a day at home.", "language": "en",
            "generated_by": "gemini", "model_name": "gemini-3.8-flash", "prompt_sha256": "9f86",
            "input_tokens": 512, "output_tokens": None, "created_at": CREATED, "requested_by": None,
            "refusal": None, "reused_from": None, **other}


def refused(plan_id, employee="17", **other):
    return plan(plan_id, employee, **{
        "status": "refused", "action_1": None, "action_2": None, "action_3": None, "generated_by": None,
        "model_name": None, "prompt_sha256": None, "input_tokens": None, "refusal": "left", **other})


class Plans:
    """Writes onto retention-plans, with the schema that schemas apply has registered."""

    def __init__(self, world):
        self.topic = world.topic(PLANS)
        self.producer = Producer({"bootstrap.servers": world.stack.kafka})
        latest = SchemaRegistryClient({"url": world.stack.registry}).get_latest_version(f"{self.topic}-value")
        self.id, self.schema = latest.schema_id, fastavro.parse_schema(json.loads(latest.schema.schema_str))

    def send(self, *plans, key=None):
        import io
        for one in plans:
            body = io.BytesIO()
            fastavro.schemaless_writer(body, self.schema, one)
            self.raw(key or one["employee_id"], b"\0" + struct.pack(">I", self.id) + body.getvalue())
        assert self.producer.flush(20) == 0

    def raw(self, key, value):
        self.producer.produce(self.topic, value, key, partition=partition_of(key.encode()))
        assert self.producer.flush(20) == 0


def stored(world):
    with world.db() as db:
        cursor = db.execute("SELECT * FROM retention_plan ORDER BY plan_id")
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row)) for row in cursor.fetchall()]


def test_plans_are_copied_into_the_table_as_they_are(world):
    plans = [plan("high-risk/0/1"), refused("high-risk/0/2"),
             plan("plan-requests/0/1", "18", request_id="r-1", requested_by="u1", reused_from="high-risk/0/1"),
             plan("high-risk/0/3", "19", status="fallback", generated_by="rules", model_name=None)]
    topic = Plans(world)
    topic.send(*plans)
    scoring = world.scoring()
    wait_for("the rows", lambda: len(stored(world)) == len(plans))
    assert stored(world) == sorted(plans, key=lambda one: one["plan_id"])

    # What comes again is skipped or kept aside, what is none is passed over, and the topic goes on.
    topic.send(plans[0], plan("high-risk/0/2"))
    topic.send(plan("high-risk/0/8"), key="another")
    topic.send(plan("high-risk/0/9", action_3=None))
    topic.raw("17", None)
    topic.raw("17", b"no avro")
    topic.send(plan("high-risk/0/4"))
    wait_for("the last", lambda: world.scalar("SELECT count(*) FROM retention_plan WHERE plan_id = 'high-risk/0/4'"))
    assert len(stored(world)) == len(plans) + 1
    assert world.query("SELECT table_name, incoming->>'plan_id', stored->>'refusal' FROM recorder_conflict") == [
        ("retention_plan", "high-risk/0/2", "left")]
    wait_for("the metrics", lambda: scoring.metric("retentionai_recorder_duplicates_total") >= 1)
    assert scoring.metric("retentionai_recorder_conflicts_total") == 1
    page = scoring.http("/metrics")[1]
    for reason in ("key-mismatch", "bad-plan", "bad-magic"):
        line = f'retentionai_recorder_skipped_total{{topic="{PLANS}",reason="{reason}"}} 1'
        assert line in page, (line, [found for found in page.splitlines() if "skipped" in found])


def test_facts_of_high_risk_are_copied_and_survive_a_kill(world):
    scoring = world.scoring()
    assert world.hris(source="ibm").wait() == 0
    wait_for("some facts", lambda: world.scalar("SELECT count(*) FROM high_risk_facts"))
    scoring.kill()
    world.scoring()
    result = audit(world)  # every row of every table, high_risk_facts among them
    assert len(result.high_risk) == world.scalar("SELECT count(*) FROM high_risk_facts") > 50


def test_a_plan_is_asked_for_by_the_id_of_a_prediction(world):
    world.scoring()
    assert world.hris(source="ibm").wait() == 0
    wait_for("a high one", lambda: world.query("SELECT id FROM predictions_history WHERE band = 'high'"), 60)
    prediction, employee = world.query(
        "SELECT id, employee_id FROM predictions_history WHERE band = 'high' ORDER BY id LIMIT 1")[0]
    first = world.ctl("plans", "retry", prediction).strip()
    second = json.loads(world.ctl("plans", "retry", prediction, "--language", "fr", "--anew", "--json"))["request_id"]
    requests = {record.value["request_id"]: record for record in decoded(world, PLAN_REQUESTS)}
    assert requests.keys() == {first, second} and first != second
    for request in requests.values():
        assert request.key == employee.encode() and request.partition == partition_of(request.key)
        assert request.value["prediction_id"] == prediction and request.value["employee_id"] == employee
        assert request.value["requested_by"] is None
    assert (requests[first].value["language"], requests[first].value["anew"]) == (None, False)
    assert (requests[second].value["language"], requests[second].value["anew"]) == ("fr", True)

    world.ctl("plans", "retry", "employee-changes/0/999999", status=1)
    world.ctl("plans", "retry", prediction, "--language", "de", status=2)
    world.ctl("plans", "retry", status=2)
    # Nobody answers; then somebody does.
    waited = world.ctl("plans", "retry", prediction, "--wait", "1s", status=1)
    assert len(waited.splitlines()) == 1
    waiting = world.start("retentionctl", "plans", "retry", prediction, "--wait", "60s", "--json")
    request = wait_for("its request", lambda: json.loads(waiting.log.read_text() or "{}").get("request_id"))
    Plans(world).send(plan("plan-requests/0/3", employee, request_id=request))
    assert waiting.wait() == 0
    answer = json.loads(waiting.log.read_text().splitlines()[1])
    assert answer["plan_id"] == "plan-requests/0/3" and answer["action_2"] == "Plan the next step."
    # A refusal is printed, and no success.
    waiting = world.start("retentionctl", "plans", "retry", prediction, "--wait", "60s")
    request = wait_for("its request", lambda: waiting.log.read_text().strip())
    Plans(world).send(refused("plan-requests/0/4", employee, request_id=request))
    assert waiting.wait() == 1
    assert "refused: left" in waiting.log.read_text() and "the plan was refused" in waiting.log.read_text()


def test_plans_are_listed_and_shown(world):
    assert world.ctl("plans", "list") == ""
    later = CREATED + datetime.timedelta(hours=1)
    Plans(world).send(plan("high-risk/0/1"), refused("high-risk/0/2", "18", created_at=later),
                      plan("plan-requests/0/1", "18", request_id="r-1", requested_by="u1",
                           action_1="Bell \x07 and \x1b[31m"))
    world.scoring(LANES="recorder")
    wait_for("the rows", lambda: len(stored(world)) == 3)
    listed = world.ctl("plans", "list").splitlines()
    assert listed[0].startswith("PLAN ") and listed[1].startswith("high-risk/0/2 ") and len(listed) == 4
    assert "refused" in listed[1] and "left" in listed[1] and "2026-03-01T09:30:00.000Z" in listed[1]
    assert listed[0].split()[-1] == "PREDICTION" and listed[1].split()[-1] == "employee-changes/0/1"
    one = [json.loads(line) for line in world.ctl("plans", "list", "--employee", "18", "--status", "written", "--json")
           .splitlines()]
    assert [found["plan_id"] for found in one] == ["plan-requests/0/1"]
    assert one[0]["created_at"] == "2026-03-01T08:30:00+00:00" and one[0]["input_tokens"] == 512
    assert len(world.ctl("plans", "list", "--limit", "1").splitlines()) == 2
    world.ctl("plans", "list", "--status", "good", status=2)

    with world.db() as db:
        db.execute("INSERT INTO llm_call (plan_id, attempt, provider, prompt_sha256, language, claimed_at, claimed_by,"
                   " finished_at, outcome, input_tokens, output_tokens, cost_microusd) VALUES"
                   " ('plan-requests/0/1', 1, 'gemini', '9f86', 'en', now(), 'me', now(), 'wrong-language', 512, 90, 1500)")
    shown = world.ctl("plans", "show", "plan-requests/0/1")
    assert "  2. Plan the next step." in shown and "asked for as r-1 by u1" in shown
    assert "attempt 1," in shown and "wrong-language" in shown and "0.001500 USD" in shown
    assert "\x1b" not in shown and "\x07" not in shown
    assert world.ctl("plans", "show", "r-1") == shown
    record = json.loads(world.ctl("plans", "show", "r-1", "--json"))
    assert record["action_1"] == "Bell \x07 and \x1b[31m" and len(record["calls"]) == 1
    assert record["calls"][0]["outcome"] == "wrong-language" and "claimed_by" not in record["calls"][0]
    world.ctl("plans", "show", "high-risk/0/9", status=1)


def test_plans_are_switched_off_and_on(world):
    assert world.ctl("plans", "status").startswith("plans are on since ")
    assert world.ctl("plans", "off").startswith("plans are off since ")
    before = json.loads(world.ctl("plans", "status", "--json"))
    assert before["is_on"] is False and before["changed_by"]
    # What stands already is not changed again.
    assert json.loads(world.ctl("plans", "off", "--json")) == before
    assert world.ctl("plans", "on").startswith("plans are on since ")
    assert world.query("SELECT is_on FROM plan_switch") == [(True,)]


def test_usage_and_stops_of_language_models(world):
    assert world.ctl("llm", "usage") == "" and world.ctl("llm", "resume") == "no provider is stopped\n"
    with world.db() as db:
        db.execute(
            "INSERT INTO llm_call (plan_id, attempt, provider, prompt_sha256, language, claimed_at, claimed_by, copied_from,"
            " finished_at, outcome, action_1, action_2, action_3, input_tokens, output_tokens, cost_microusd) VALUES"
            " ('a', 1, 'gemini', 'h', 'en', now(), 'me', NULL, now(), 'bad', NULL, NULL, NULL, 100, 10, 5),"
            " ('a', 2, 'gemini', 'h', 'en', now(), 'me', NULL, now(), 'accepted', '1', '2', '3', 200, 20, 6),"
            " ('b', 1, 'gemini', 'h', 'en', now(), 'me', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),"
            " ('c', 1, 'gemini', 'h', 'en', now(), 'me', 'a', now(), 'accepted', '1', '2', '3', 0, 0, 0),"
            " ('d', 1, 'rules', 'h', 'en', now() - interval '3 days', 'me', NULL, now(), 'accepted', '1', '2', '3', 0, 0, 0)")
        db.execute("INSERT INTO llm_provider VALUES ('gemini', 'key-refused', now(), NULL, NULL),"
                   " ('openai-compatible', 'credits', now(), now() + interval '1 day', NULL)")
    rows = [json.loads(line) for line in world.ctl("llm", "usage", "--json").splitlines()]
    assert [row["provider"] for row in rows] == ["gemini", "rules"]
    assert {name: rows[0][name] for name in ("calls", "accepted", "unfinished", "input_tokens", "output_tokens",
                                             "cost_microusd")} == {
        "calls": 3, "accepted": 1, "unfinished": 1, "input_tokens": 300, "output_tokens": 30, "cost_microusd": 11}
    assert len(world.ctl("llm", "usage", "--days", "1").splitlines()) == 2
    assert "0.000011" in world.ctl("llm", "usage")
    assert world.ctl("llm", "resume", "rules") == "it is not stopped\n"
    assert world.ctl("llm", "resume", "gemini") == "gemini: called again, was stopped for key-refused\n"
    assert world.ctl("llm", "resume") == "openai-compatible: called again, was stopped for credits\n"


def test_the_retention_worker_has_a_place_in_both_of_its_topics(world):
    places = {(line["topic"], line["partition"]): line["committed"] for line in (
        json.loads(text) for text in world.ctl("lag", "--json").splitlines())
        if line["group"] == f"{world.prefix}retention"}
    assert places == {(world.topic(name), p): 0 for name in (HIGH_RISK, PLAN_REQUESTS) for p in range(8)}
    told = world.ctl("topics", "new-generation", "plan-requests", status=1)
    assert "partition 7: offset 0 gen=1 -> offset 0 gen=2" in told
    assert world.topic(PREDICTIONS) not in told
