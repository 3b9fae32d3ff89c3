# SPDX-License-Identifier: MIT
"""Scores that somebody asked for, and those of a re-score: the lanes of score-requests and employee-rescore beside
that of employee-changes. audit() has the last word: each request is answered once, at its address, with the
prediction that stands on the topic."""
import itertools
import os
import time
import uuid

import pytest

from asker import Asker, trace
from audit import audit
from conftest import SLOW, wait_for
from plans import at_risk
from support import (ATTRIBUTES, CHANGES, EVENT_TIME, LANES, PARTITIONS, REPLIES, REQUESTS, RESCORE, Stream, Writer, chance,
                     change, committed_offsets, decoded)

ALL = tuple(LANES)
ASKED = int(os.environ.get("ASKED", 5000))
BULK = int(os.environ.get("BULK", 20_000))
KILLS = int(os.environ.get("KILLS", 8))


@pytest.fixture
def asker(world):
    asker = Asker(world)
    yield asker
    asker.close()


def ask(employee, number=0, **other):
    """A request of somebody, who is written into it."""
    return change(employee, ATTRIBUTES[number % len(ATTRIBUTES)], **{"requested_by": "7", "source": "http:7", **other})


def test_a_request_is_answered_with_the_prediction_that_stands_on_the_topic(world, asker):
    world.scoring()
    mark = trace()
    event = at_risk("asked", requested_by="42")
    asker.ask(event, partition=5, headers=[mark])
    reply = asker.answer(event["event_id"])
    assert reply.partition == 5 and reply.header("traceparent") == mark[1].decode()
    told = reply.value
    assert (told["trigger"], told["requested_by"], told["employee_id"]) == ("request", "42", "asked")
    assert told["band"] == "high" and told["event_id"] == event["event_id"]
    result = audit(world, lanes=ALL)
    assert [record.header("traceparent") for record in (*result.predictions, *result.high_risk)] == [mark[1].decode()] * 2
    assert world.query("SELECT user_id, trigger, source_topic FROM predictions_history") == [
        ("42", "request", world.topic(REQUESTS))]


def test_what_was_missing_is_named_and_what_cannot_be_judged_has_no_number(world, asker):
    world.scoring()
    whole = ask("whole")
    partly = ask("partly", DailyRate=None, JobRole=None, Age=None)
    odd = ask("odd", Department="Astronautics")
    for event in (whole, partly, odd):
        asker.ask(event)
    assert asker.answer(whole["event_id"]).header("missing_inputs") == ""
    named = asker.answer(partly["event_id"]).header("missing_inputs").split(",")
    assert set(named) == {"DailyRate", "JobRole"}  # Age is no input of the model
    told = asker.answer(odd["event_id"]).value
    assert (told["band"], told["churn_probability"]) == ("unknown", None)
    audit(world, lanes=ALL)


def test_an_address_that_is_none_is_counted_and_the_score_is_made(world, asker):
    worker = world.scoring()
    topic, partition, correlation = asker.address("lost")
    bad = [asker.address("lost", topic="plan-replies"), [("kafka_replyTopic", b"prediction-replies"), partition, correlation],
           asker.address("lost", partition=PARTITIONS), asker.address("lost", partition=-1), asker.address(b""),
           asker.address(b"c" * 129), [topic, partition], [topic, correlation],
           [topic, ("kafka_replyPartition", b"3"), correlation]]
    for number, headers in enumerate(bad):
        asker.writer.send(ask(f"bad-{number}"), headers=headers)
    for number in range(3):
        asker.writer.send(ask(f"nobody-{number}"))
    good = ask("good")
    asker.ask(good)
    longest = ask("longest", event_id="x" * 128)
    asker.ask(longest)
    asker.writer.flush()
    assert asker.answer(good["event_id"]).value["employee_id"] == "good"
    result = audit(world, lanes=ALL)
    assert len(result.predictions) == len(bad) + 5 and len(result.replies) == 2
    page = worker.http("/metrics")[1]
    for outcome, count in (("prediction", 2), ("no-address", 3), ("bad-address", len(bad)), ("error", 0)):
        assert f'retentionai_replies_total{{lane="score-requests",outcome="{outcome}"}} {count}\n' in page, page


def test_a_request_that_can_never_work_is_answered_with_the_reason(world, asker):
    """It is a dead letter as well, and what is asked behind it in the same partition goes on."""
    world.scoring()
    key, bad = b"careful", {}
    good = ask("careful")
    whole = asker.writer.encode(good)
    cases = [(b"", {"short-frame"}), (b"\1" + whole[1:], {"bad-magic"}), (whole[:-3], None),
             (b"\0\xff\xff\xff\xff" + whole[5:], {"unknown-schema"}), (asker.writer.encode(ask("careless")), {"key-mismatch"}),
             (asker.writer.encode(ask("careful", event_time=int(time.time() * 1000) + 90_000_000)), {"event-time-in-future"}),
             (asker.writer.encode(ask("careful", MonthlyIncome=-1)), {"out-of-range"}),
             (asker.writer.encode(ask("careful", JobRole="a\tb")), {"not-printable"})]
    sent = []
    for value, codes in cases:
        correlation = uuid.uuid4().hex
        at = asker.writer.send_bytes(value, key, headers=asker.address(correlation))
        asker.ask(behind := ask("careful"))
        sent.append((at, correlation, codes, behind))
    asker.writer.flush()
    for at, correlation, codes, behind in sent:
        reply = asker.answer(correlation)
        assert reply.raw is None and (codes is None or reply.header("error") in codes), reply.headers
        assert len(reply.header("error_text")) > 10
        bad[(REQUESTS, *asker.writer.places[at])] = {reply.header("error")}
        assert asker.answer(behind["event_id"]).value["employee_id"] == "careful"
    result = audit(world, bad, lanes=ALL)
    assert len(result.dead_letters) == len(cases)


def test_who_asks_for_somebody_who_leaves_is_told_and_the_departure_counts(world, asker):
    world.scoring()
    first = ask("goes", kind="created")
    left = ask("goes", kind="left", event_time=EVENT_TIME + 1)
    erased = ask("gone", kind="erased")
    back = ask("goes", kind="created", event_time=EVENT_TIME + 2)
    for event in (first, left, erased, back):
        asker.ask(event)
    for event in (left, erased):
        reply = asker.answer(event["event_id"])
        assert (reply.raw, reply.header("error")) == (None, "employee-left")
    assert asker.answer(back["event_id"]).value["employee_id"] == "goes"
    audit(world, lanes=ALL)
    assert world.scalar("SELECT left_at IS NULL FROM employee WHERE employee_id = 'goes'")
    assert world.scalar("SELECT left_at IS NOT NULL FROM employee WHERE employee_id = 'gone'")


def test_the_hr_system_has_the_last_word_at_the_same_time_and_a_later_request_changes_the_state(world, asker):
    world.scoring()
    changes, rescores = Writer(world), Writer(world, name=RESCORE)
    asked_first = ask("both", 1)
    asker.ask(asked_first)
    asker.answer(asked_first["event_id"])
    changes.send(change("both", ATTRIBUTES[2]))
    changes.flush()
    audit(world, lanes=ALL)
    again = ask("both", 3)
    asker.ask(again)
    asker.answer(again["event_id"])
    audit(world, lanes=ALL)
    assert world.scalar("SELECT topic_rank FROM employee") == 2
    later = ask("both", 4, event_time=EVENT_TIME + 1000)
    asker.ask(later)
    asker.answer(later["event_id"])
    # A re-score says how things stand; it changes nothing.
    rescores.send(change("both", ATTRIBUTES[5], event_time=EVENT_TIME + 2000))
    rescores.flush()
    audit(world, lanes=ALL)
    assert world.query("SELECT topic_rank, event_id FROM employee") == [(1, later["event_id"])]
    assert world.query("SELECT trigger, count(*) FROM predictions_history GROUP BY 1 ORDER BY 1") == [
        ("change", 1), ("request", 3), ("rescore", 1)]


def test_each_lane_can_have_a_process_of_its_own(world, asker):
    for slot, lane in enumerate(("employee-changes", "score-requests", "employee-rescore", "recorder")):
        world.scoring(LANES=lane, WORKER_SLOT=slot)
    writers = [Writer(world), Writer(world, name=RESCORE)]
    asked = [ask(f"e{i}", i) for i in range(200)]
    for i, event in enumerate(asked):
        asker.ask(event, partition=i % PARTITIONS)
        for writer in writers:
            writer.send(change(f"e{i}", ATTRIBUTES[i + 300]))
    for writer in (asker.writer, *writers):
        writer.flush()
    for event in asked:
        asker.answer(event["event_id"])
    assert len(audit(world, lanes=ALL).predictions) == 600


def transactions(worker, lane):
    """(seconds that they were open, how many)"""
    found = {}
    for line in worker.http("/metrics")[1].splitlines():
        for part in ("sum", "count"):
            if line.startswith(f'retentionai_transaction_open_seconds_{part}{{lane="{lane}"}} '):
                found[part] = float(line.rsplit(" ", 1)[1])
    return found.get("sum", 0.0), found.get("count", 0.0)


def test_requests_are_answered_while_a_bulk_is_scored(world, asker):
    """A re-score of many people goes on while others ask, who are answered between two of its transactions. That
    these are short then is decide_is_due's: by the settings here one would hold all of it."""
    worker = world.scoring(COMMIT_INTERVAL="5s", TRANSACTION_BYTES="256M")
    bulk = Writer(world, name=RESCORE)
    encoded = [(bulk.encode(event), event["employee_id"].encode()) for event in
               (change(f"bulk-{i}", ATTRIBUTES[i % len(ATTRIBUTES)]) for i in range(2000))]
    waits = []

    def ask_one():
        event = ask(f"waits-{len(waits)}", len(waits))
        began = time.monotonic()
        asker.ask(event)
        asker.answer(event["event_id"])
        waits.append(time.monotonic() - began)

    ask_one()
    for value, key in itertools.islice(itertools.cycle(encoded), BULK):
        bulk.send_bytes(value, key)
    while sum(committed_offsets(world, RESCORE).values()) < BULK:
        ask_one()
        assert waits[-1] < 5 * SLOW
    bulk.flush()
    waits.sort()
    seconds, count = transactions(worker, RESCORE)
    print(f"{len(waits)} requests beside the bulk of {BULK}, answered after {waits[len(waits) // 2] * 1e3:.1f} ms "
          f"(median), {waits[-1] * 1e3:.1f} ms (most); {count:.0f} bulk transactions, open for {seconds / count * 1e3:.1f} ms")
    assert count >= 5
    audit(world, lanes=ALL, seconds=120)


def requests_of(world, asker):
    """A writer that asks, for a Stream."""
    class Requests(Writer):
        def send(self, event):
            return asker.ask(event, partition=int(event["employee_id"][1:]) % PARTITIONS, headers=[trace()])

    return Requests(world, name=REQUESTS)


def test_requests_are_answered_once_when_kafka_was_away(world, asker):
    worker = world.scoring()
    asked = (ask(f"e{i % 500}", i, event_time=EVENT_TIME + i) for i in itertools.count())
    stream = Stream(requests_of(world, asker), asked, 300 / SLOW)
    wait_for("answers come", lambda: asker.answered() > 100, 60)
    with world.stack.without("kafka", how="kill"):
        wait_for("the worker says so", lambda: worker.http("/readyz")[0] == 503, 20)
    before = asker.answered()
    wait_for("answers come again", lambda: asker.answered() > before + 100, 120)
    sent = stream.stop()
    asker.writer.flush(120)
    assert len(audit(world, lanes=ALL, seconds=120).replies) == sent
    assert worker.running(), worker.tail()
    worker.wait_ready()


def test_a_killed_worker_answers_each_request_once(world, asker):
    """Every third kill comes anywhere after the start; the others while requests are on their way."""
    random = chance(os.environ)
    per_second = ASKED / (KILLS * 1.5 * SLOW)
    asked = [ask(f"e{i % 700}", i, event_time=EVENT_TIME + i) for i in range(ASKED)]

    in_flight = sent = 0
    for kill in range(KILLS):
        # Each kill has requests of its own, however long a start takes.
        stream = Stream(requests_of(world, asker), asked[ASKED * kill // KILLS:ASKED * (kill + 1) // KILLS], per_second)
        worker = world.start("retentionai-scoring")
        before = asker.answered()
        if kill % 3 == 0:
            time.sleep(random.uniform(0, 0.7) * SLOW)
        else:
            wait_for("it answers", lambda before=before: asker.answered() > before, 60, every=0.01)
            time.sleep(random.uniform(0, 0.4) * SLOW)
            wait_for("requests are on their way", lambda sent=sent, stream=stream:
                     sent + stream.sent > asker.answered() or not stream.is_alive(), 60, every=0.001)
        assert worker.running(), worker.tail()
        worker.kill()
        in_flight += sent + stream.sent > asker.answered()
        sent += stream.finish()
    world.scoring()
    asker.writer.flush()
    result = audit(world, lanes=ALL, seconds=120)
    assert len(result.replies) == len(result.predictions) == ASKED
    # The reader that was there all the time has seen the same, and nothing twice.
    wait_for("all replies read", lambda: asker.answered() == ASKED, 30)
    assert all(len(records) == 1 for records in asker.replies.values())
    assert {record.key: record.raw for record in result.replies} == {
        records[0].key: records[0].raw for records in asker.replies.values()}
    print(f"{KILLS} kills, {in_flight} of them with requests on their way, {ASKED} requests")
    assert in_flight >= KILLS // 2, "the kills did not hit the requests"
