# SPDX-License-Identifier: MIT
"""What people who ask for a plan get, and what becomes of records that are none.

PATIENCE=1 waits the half minute for a prediction that nobody knows, too (tests/run plans)."""
import os
import signal
import struct
import time

import pytest

from conftest import World, wait_for
from plans import at_risk, audit_plans, people, predictions_of, request
from support import DEAD_LETTERS, HIGH_RISK, PLAN_REQUESTS, PLANS, Writer, change, decoded, partition_of, read_topic, wait_readable
from test_retention import gemini
from test_stub_llm import Stub

REPLIES = "plan-replies"


@pytest.fixture(scope="module")
def stub(tmp_path_factory):
    stub = Stub(tmp_path_factory.mktemp("stub"))
    yield stub
    stub.stop()


@pytest.fixture(scope="module")
def world(stack, request, tmp_path_factory):
    """One for all tests here: each has employees of its own."""
    world = World(stack, "requests", tmp_path_factory.mktemp("world")).apply()
    world.scores = world.scoring()
    world.changes, world.requests = Writer(world), Writer(world, name=PLAN_REQUESTS)
    yield world
    world.end(request.session.testsfailed > 0)


@pytest.fixture
def worker(world, stub):
    worker = world.retention(**gemini(stub))
    yield worker
    worker.stop()


def score(world, *events):
    """-> ids of the predictions"""
    for event in events:
        world.changes.send(event)
    world.changes.flush()
    ids = predictions_of(world, [event["employee_id"] for event in events])
    return [ids[event["employee_id"]] for event in events]


def ask(world, *requests, **other):
    """-> plans that answer them, in their order, once they are recorded"""
    for one in requests:
        world.requests.send(one, **other)
    world.requests.flush()
    return [answer(world, one) for one in requests]


def answer(world, one, seconds=30):
    def stored():
        with world.db() as db:
            cursor = db.execute("SELECT * FROM retention_plan WHERE request_id = %s", (one["request_id"],))
            rows = cursor.fetchall()
            return [dict(zip([c.name for c in cursor.description], row)) for row in rows]
    rows = wait_for("the answer", stored, seconds)
    assert len(rows) == 1
    return rows[0]


def actions(plan):
    return [plan[f"action_{i}"] for i in (1, 2, 3)]


def plan_for(world, prediction):
    """The plan of the episode that the score opened."""
    row = wait_for("the plan", lambda: world.query(
        "SELECT plan_id FROM retention_plan WHERE prediction_id = %s AND request_id IS NULL", prediction))
    return row[0][0]


def test_a_person_gets_the_plan_that_is_there_unless_a_new_one_is_asked_for(world, stub, worker):
    prediction, = score(world, at_risk("reuse"))
    first = plan_for(world, prediction)
    before = stub.stats()["calls"]
    plan, = ask(world, request(prediction, "reuse"))
    assert (plan["status"], plan["reused_from"], plan["language"]) == ("written", first, "en")
    assert plan["requested_by"] == "somebody"
    assert stub.stats()["calls"] == before
    anew, = ask(world, request(prediction, "reuse", anew=True))
    assert (anew["status"], anew["reused_from"]) == ("written", None)
    assert stub.stats()["calls"] == before + 1
    # Fresh is a plan in the language that is asked for, and the latest.
    french, = ask(world, request(prediction, "reuse", language="fr"))
    assert (french["language"], french["reused_from"]) == ("fr", None) and actions(french) != actions(anew)
    french_again, anew_again = ask(world, request(prediction, "reuse", language="fr"), request(prediction, "reuse"))
    assert french_again["reused_from"] == french["plan_id"] and actions(french_again) == actions(french)
    assert anew_again["reused_from"] == anew["plan_id"] and actions(anew_again) == actions(anew)
    assert stub.stats()["calls"] == before + 2


def test_requests_at_once_share_one_answer(world, stub, worker):
    """What the tables say is asked when it is a request's turn, so that the second finds what came of the
    first, here by its prompt."""
    worker.stop()
    prediction, = score(world, at_risk("thrice", 1))
    slow = [{"fault": "good", "times": 1, "delay_ms": 700}]
    worker = world.retention(**gemini(stub, PLAN_CACHE="1h"))
    plan_for(world, prediction)
    stub.script(*slow)
    before = stub.stats()["calls"]
    plans = ask(world, *(request(prediction, "thrice", language="fr") for _ in range(3)))
    assert len({tuple(actions(plan)) for plan in plans}) == 1
    assert stub.stats()["calls"] == before + 1
    # Equal people get equal plans, for an hour; who asks anew does not.
    other, = score(world, at_risk("twin", 1))
    plan_for(world, other)
    assert stub.stats()["calls"] == before + 1
    assert world.scalar("SELECT copied_from IS NOT NULL FROM llm_call JOIN retention_plan USING (plan_id)"
                        " WHERE employee_id = 'twin'")
    ask(world, request(other, "twin", anew=True))
    assert stub.stats()["calls"] == before + 2
    worker.stop()


def test_who_gets_no_plan_is_told_why(world, stub, worker):
    low, high, gone = score(world, change("low", people()["low"][0]), at_risk("leaver"), at_risk("no-facts"))
    plan_for(world, high), plan_for(world, gone)
    before = stub.stats()["calls"]
    plan, = ask(world, request(low, "low"))
    assert (plan["status"], plan["refusal"], actions(plan)) == ("refused", "not-needed", [None] * 3)

    leaving = {**dict.fromkeys(people()["high"][0]), **change("leaver", {}, kind="left")}
    leaving["event_time"] += 60_000
    world.changes.send(leaving)
    world.changes.flush()
    wait_for("the departure", lambda: world.scalar("SELECT departed FROM current_prediction WHERE employee_id = 'leaver'"))
    plan, = ask(world, request(high, "leaver"))
    assert (plan["status"], plan["refusal"]) == ("refused", "left")

    world.query("DELETE FROM high_risk_facts WHERE prediction_id = %s RETURNING 1", gone)
    plan, = ask(world, request(gone, "no-facts", anew=True))
    assert (plan["status"], plan["refusal"]) == ("refused", "facts-gone")
    assert stub.stats()["calls"] == before


def test_a_request_that_is_there_before_its_score_waits_for_it(world, worker):
    world.scores.process.send_signal(signal.SIGSTOP)
    try:
        world.changes.send(at_risk("early"))
        partition, offset = world.changes.flush().places[-1]
        early = request(f"{world.topic('employee-changes')}/{partition}/{offset}", "early")
        world.requests.send(early)
        world.requests.flush()
        wait_for("it is looked up", lambda: worker.metric("retentionai_plans_unfinished") > 0)
    finally:
        world.scores.process.send_signal(signal.SIGCONT)
    assert answer(world, early)["status"] == "written"


@pytest.mark.skipif("PATIENCE" not in os.environ, reason="takes half a minute")
def test_a_prediction_that_nobody_knows_is_waited_for_and_then_refused(world, worker):
    """Of the same partition, a later request waits for the earlier: its plan stands in the ledger."""
    known, = score(world, at_risk("patient"))
    plan_for(world, known)
    unknown = request("employee-changes/0/99999999", "patient", requested_at=int(time.time() * 1000))
    behind = request(known, "patient")
    world.requests.send(unknown)
    world.requests.send(behind)
    world.requests.flush()
    plan = answer(world, unknown, 45)
    assert (plan["status"], plan["refusal"]) == ("refused", "prediction-not-recorded")
    assert plan["created_at"].timestamp() * 1000 - unknown["requested_at"] >= 30_000
    assert answer(world, behind)["status"] == "written"


def address(world, partition=3, correlation=b"c-1", topic=REPLIES):
    return [("kafka_replyTopic", world.topic(topic).encode()), ("kafka_replyPartition", struct.pack(">i", partition)),
            ("kafka_correlationId", correlation)]


TRACE = ("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")


def test_the_answer_goes_where_the_asker_said(world, worker):
    prediction, = score(world, at_risk("asker"))
    good, bare = request(prediction, "asker"), request(prediction, "asker")
    ask(world, good, headers=[TRACE, *address(world, 3, b"\x00\xff binary")])
    ask(world, bare)
    wait_readable(world, REPLIES)
    replies = [reply for reply in decoded(world, REPLIES) if reply.value["employee_id"] == "asker"]
    assert [(reply.partition, reply.key) for reply in replies] == [(3, b"\x00\xff binary")]
    assert [value for name, value in replies[0].headers if name == "kafka_correlationId"] == [b"\x00\xff binary"]
    told = {plan.value["request_id"]: plan for plan in decoded(world, PLANS)}
    assert replies[0].value == told[good["request_id"]].value
    assert replies[0].header("traceparent") == told[good["request_id"]].header("traceparent") == TRACE[1].decode()
    assert told[bare["request_id"]].headers == []


def test_the_recorder_completes_the_request_that_a_plan_answers(world, worker):
    """Also one of a plan that was refused: it is there, and says why. An id that no row can have is nobody's row."""
    prediction, = score(world, at_risk("recorded", requested_by="7"))
    low, = score(world, change("safe", people()["low"][0]))
    good, refused = request(prediction, "recorded", requested_by="7"), request(low, "safe")
    ask(world, request(prediction, "recorded"), headers=address(world, correlation=b"\xff\x00"))
    for one in (good, refused):
        ask(world, one, headers=address(world, correlation=one["request_id"].encode()))

    def recorded():
        rows = world.query("SELECT id, kind, state, user_id, employee_id, error_code, result_id FROM http_request "
                           "WHERE id = ANY(%s)", [good["request_id"], refused["request_id"]])
        return {row[0]: row[1:] for row in rows} if len(rows) == 2 else None
    rows = wait_for("the rows", recorded)
    plans = {plan.value["request_id"]: plan.value["plan_id"] for plan in decoded(world, PLANS)}
    assert rows[good["request_id"]] == ("plan", "done", "7", "recorded", None, plans[good["request_id"]])
    assert rows[refused["request_id"]] == ("plan", "done", "somebody", "safe", None, plans[refused["request_id"]])
    assert 'topic="plan-replies",reason="bad-correlation-id"' in world.scores.http("/metrics")[1]


def test_a_reply_address_that_is_none_is_counted_and_the_plan_is_made(world, worker):
    prediction, = score(world, at_risk("lost"))
    topic, partition, correlation = address(world)
    bad = [address(world, topic="retention-plans"), [("kafka_replyTopic", b"plan-replies"), partition, correlation],
           address(world, partition=8), address(world, partition=-1), address(world, correlation=b""),
           address(world, correlation=b"c" * 129), [topic, partition], [topic, correlation],
           [topic, ("kafka_replyPartition", b"3"), correlation]]
    wait_readable(world, REPLIES)
    before = len(decoded(world, REPLIES))
    for headers in bad:
        plan, = ask(world, request(prediction, "lost"), headers=headers)
        assert plan["status"] == "written"
    assert worker.metric("retentionai_bad_reply_addresses_total") == len(bad)
    wait_readable(world, REPLIES)
    assert len(decoded(world, REPLIES)) == before


def test_what_can_never_work_is_a_dead_letter_in_its_place(world, worker):
    """Among good requests and scores of one partition, which are answered."""
    prediction, = score(world, at_risk("careful"))
    key = b"careful"
    plan_for(world, prediction)
    high = Writer(world, name=HIGH_RISK)
    record = [r for r in decoded(world, HIGH_RISK) if r.key == key][0]
    good = request(prediction, "careful")
    broken = [(b"", "frame"), (b"\0\0\0\0", "frame"), (b"\1" + world.requests.encode(good)[1:], "frame"),
              (world.requests.encode(good)[:-3], "avro"), (b"\0\xff\xff\xff\xff" + world.requests.encode(good)[5:], "schema"),
              (world.requests.encode(request(prediction, "careless")), "key"),
              (world.requests.encode(request(prediction, "careful", language="de")), "language"),
              (world.requests.encode(request(prediction, "careful", request_id="")), "request-id"),
              (world.requests.encode(request("", "careful")), "prediction-id")]
    sent = []
    for value, _ in broken:
        world.requests.send_bytes(value, key)
        sent.append(world.requests.send(request(prediction, "careful")))
    world.requests.flush()
    risks = [high.encode({**record.value, "employee_id": "careless"}), high.encode({**record.value, "band": "low"}),
             high.encode({**record.value, "churn_probability": 2.0}), record.raw[:-1], record.raw[:7]]
    for value in risks:
        high.send_bytes(value, key)
    high.flush()
    audit_plans(world)
    letters = [r for r in read_topic(world.stack, world.topic(DEAD_LETTERS)) if r.key == key]
    places = [(r.header("dlq.topic"), int(r.header("dlq.offset"))) for r in letters]
    of_requests = [offset for topic, offset in places if topic == world.topic(PLAN_REQUESTS)]
    of_risks = [offset for topic, offset in places if topic == world.topic(HIGH_RISK)]
    assert len(of_requests) == len(broken) and of_requests == sorted(of_requests)
    assert len(of_risks) == len(risks) and of_risks == sorted(of_risks)
    assert [r.raw for r in letters if r.header("dlq.topic") == world.topic(PLAN_REQUESTS)] == [value for value, _ in broken]
    assert all(r.header("dlq.program") == "retentionai-retention" and r.header("dlq.reason") for r in letters)
    assert worker.metric("retentionai_dead_letters_total") == len(broken) + len(risks)
    assert partition_of(key) == letters[0].partition


def test_who_asks_while_plans_are_off_is_told_though_the_episode_waits(world, stub, worker):
    world.ctl("plans", "off")
    try:
        wait_for("it is off", lambda: worker.metric("retentionai_plans_on") == 0)
        before = stub.stats()["calls"]
        prediction, = score(world, at_risk("eager"))
        plan, = ask(world, request(prediction, "eager"))
        assert (plan["status"], plan["refusal"]) == ("refused", "plans-are-off")
        assert stub.stats()["calls"] == before
    finally:
        world.ctl("plans", "on")
    plan_for(world, prediction)
    assert stub.stats()["calls"] == before + 1


def test_in_the_end_all_is_answered_once(world, worker):
    made = audit_plans(world)
    assert {plan["status"] for plan in made.values()} == {"refused", "written"}
