# SPDX-License-Identifier: MIT
"""The retention worker while its servers come and go, while partitions move, and while the language model
keeps it waiting. Nothing is lost or doubled, and no program needs a hand.

PLAN_CALLS makes the long flow longer, OUTAGES=1 adds what waits for servers and sessions (tests/run plans)."""
import os
import signal
import time

import pytest

from conftest import SLOW, wait_for
from plans import at_risk, audit_plans, cut_off
from support import EVENT_TIME, HIGH_RISK, PARTITIONS, PREDICTIONS, Stream, Writer, decoded, partition_of
from test_retention import gemini
from test_stub_llm import Stub, make_certificate

CALLS = int(os.environ.get("PLAN_CALLS", 1200))
BATCH = max(CALLS // 25, 200)
SESSION_SECONDS = 6
SHORT_SESSION = {"KAFKA_SESSION_TIMEOUT_MS": SESSION_SECONDS * 1000}
PER_SECOND = 60 / SLOW
LONG = pytest.mark.skipif("OUTAGES" not in os.environ, reason="waits for servers to come back: tests/run plans")


@pytest.fixture
def stub(tmp_path):
    stub = Stub(tmp_path, "--latency", "100ms-600ms")
    yield stub
    stub.stop()


def history(first=0):
    """High risk, one employee after the other, without end."""
    i = first
    while True:
        yield at_risk(900_000 + i, i)
        i += 1


def published(world):
    return world.scalar("SELECT count(*) FROM retention_plan")


def check(world, stub, sent, most_lost=0):
    """One written plan each, and no call beyond those that were cut off."""
    made = audit_plans(world, 120)
    assert {(plan["status"], plan["refusal"]) for plan in made.values()} == {("written", None)} and len(made) == sent
    calls, lost = stub.stats()["calls"], cut_off(world)
    assert sent <= calls <= sent + min(lost, most_lost), (calls, sent, lost)


def test_servers_go_away_while_plans_are_made(world, stub):
    scoring = world.scoring()
    worker = world.retention(**gemini(stub), **SHORT_SESSION)
    stream = Stream(Writer(world), history(), PER_SECOND)
    outages = [("postgres", "kill", 0)]
    if "OUTAGES" in os.environ:
        outages += [("kafka", "kill", 0), ("postgres", "stop", 0), ("registry", "kill", 0),
                    ("kafka", "kill", SESSION_SECONDS + 2)]
    for server, how, seconds in outages:
        before = published(world)
        wait_for("plans arrive", lambda before=before: published(world) > before, 60)
        with world.stack.without(server, how=how):
            end = time.monotonic() + seconds
            if server != "registry":  # which nobody needs for schemas that are known
                wait_for("the worker says so", lambda: worker.http("/readyz")[0] == 503, 20)
                said = worker.http("/readyz")[1]
                assert any(word in said for word in ("PostgreSQL", "Kafka", "transaction", "for an answer")), said
            assert worker.http("/livez")[0] == 200
            wait_for("the outage is over", lambda end=end: time.monotonic() >= end)
    before = published(world)
    wait_for("plans arrive", lambda: published(world) > before, 60)
    sent = stream.stop()
    # The group may take the partitions away after an outage, and what is in flight then is cut off.
    check(world, stub, sent, most_lost=64 * len(outages))
    assert worker.running() and scoring.running(), worker.tail()
    worker.wait_ready()


@LONG
def test_a_schema_that_is_not_known_waits_for_the_registry_and_nothing_else_does(world, stub):
    """What is finished is published meanwhile; and it may be a good one, so it is no dead letter."""
    world.scoring()
    worker = world.retention(**gemini(stub))
    changes, high = Writer(world), Writer(world, name=HIGH_RISK)
    changes.send(at_risk("known"))
    changes.flush()
    wait_for("a plan", lambda: published(world) == 1)
    newer = Writer(world, {**high.schema, "fields": [*high.schema["fields"], {
        "name": "note", "type": ["null", "string"], "default": None}]}, name=HIGH_RISK)
    record = decoded(world, HIGH_RISK)[0]
    stub.script({"fault": "good", "times": 1, "delay_ms": 2500})
    changes.send(at_risk("slow"))
    changes.flush()
    wait_for("its call", lambda: stub.stats()["in_flight"] == 1)
    with world.stack.without("registry", how="kill"):
        newer.send({**record.value, "note": "a score that opened no episode", "prediction_id": "employee-changes/0/0",
                    "source_topic": "employee-changes", "source_partition": 0, "source_offset": 0})
        newer.flush()
        wait_for("the worker says so", lambda: worker.http("/readyz")[0] == 503, 20)
        wait_for("the plan of the slow call", lambda: published(world) == 2, 20)
        assert worker.http("/readyz")[0] == 503
    worker.wait_ready()
    wait_for("it is read", lambda: worker.metric("retentionai_plans_refused_total") == 1)


def test_a_worker_stops_in_time_with_calls_in_flight(world, stub):
    """What ends within the drain is kept, the rest is made again."""
    world.scoring()
    stub.script({"fault": "good", "times": 32, "delay_ms": 1000}, {"fault": "good", "times": 32, "delay_ms": 60000})
    worker = world.retention(**gemini(stub, LLM_KEPT_PERCENT=0))
    writer = Writer(world)
    for event, _ in zip(history(), range(64)):
        writer.send(event)
    writer.flush()
    wait_for("calls", lambda: stub.stats()["in_flight"] == 64)
    assert worker.stop() < 5 * SLOW
    assert world.scalar("SELECT count(*) FROM llm_call WHERE outcome = 'accepted'") == 32
    assert cut_off(world) == 32
    world.retention(**gemini(stub))
    check(world, stub, 64, most_lost=32)


def two_workers(world, stub):
    """Both with calls in flight. -> workers, and the stream"""
    world.scoring()
    first = world.retention(WORKER_SLOT=0, **gemini(stub), **SHORT_SESSION)
    stream = Stream(Writer(world), history(), PER_SECOND)
    wait_for("calls", lambda: stub.stats()["in_flight"] > 5)
    second = world.retention(WORKER_SLOT=1, **gemini(stub), **SHORT_SESSION)
    for worker in (first, second):
        wait_for("calls of both", lambda worker=worker: worker.metric("retentionai_llm_calls_in_flight") > 0, 40)
    return first, second, stream


def test_a_slot_that_is_taken_is_left_to_the_new_process(world, stub):
    """The partitions were shared a moment before."""
    first, second, stream = two_workers(world, stub)
    rival = world.start("retentionai-retention", WORKER_SLOT=1, **gemini(stub), **SHORT_SESSION)
    assert second.wait() == 3, second.tail()
    assert "fenced" in second.tail()
    rival.wait_ready()
    before = published(world)
    wait_for("plans arrive", lambda: published(world) > before + PARTITIONS, 60)
    sent = stream.stop()
    check(world, stub, sent, most_lost=64 * 3)
    assert first.running() and rival.running()


@LONG
def test_a_worker_that_slept_finds_its_work_done(world, stub):
    """It sleeps until its partitions are the other's, which publishes what was unfinished here."""
    first, second, stream = two_workers(world, stub)
    first.process.send_signal(signal.SIGSTOP)
    wait_for("all partitions are the other's", lambda: "partitions=16" in second.log.read_text(), 40)
    before = published(world)
    wait_for("plans of all", lambda: published(world) > before + 2 * PARTITIONS, 60)
    first.process.send_signal(signal.SIGCONT)
    wait_for("it has partitions again", lambda: first.log.read_text().count("event=retention-assigned") > 3, 40)
    sent = stream.stop()
    check(world, stub, sent, most_lost=64 * 4)
    assert first.running() and second.running()
    assert first.stop() < 5 * SLOW
    wait_for("the other has all", lambda: second.log.read_text().count("partitions=16") > 1, 40)


def test_a_score_that_is_recorded_between_two_questions_is_not_missing(world, stub):
    """The test plays the scoring worker and the recorder. The worker has seen that the score is not there;
    the next time it asks where the recorder stands, the answer comes after the score is there."""
    writer = Writer(world, name=HIGH_RISK)
    prediction = f"{world.topic('employee-changes')}/0/7"
    partition = partition_of(b"late")
    worker = world.retention(**gemini(stub))
    writer.send({**dict.fromkeys(f["name"] for f in writer.schema["fields"]), "prediction_id": prediction,
                 "employee_id": "late", "event_id": "e-1", "event_time": EVENT_TIME, "scored_at": EVENT_TIME,
                 "churn_probability": 0.75, "band": "high", "threshold": 0.5, "model_id": "m", "base_log_odds": 0.0,
                 "trigger": "change", "source_topic": world.topic("employee-changes"), "source_partition": 0,
                 "source_offset": 7, "facts": {}})
    writer.flush()
    wait_for("it is looked up", lambda: worker.metric("retentionai_plans_unfinished") == 1)
    with world.db() as db, db.transaction():
        db.execute("LOCK TABLE kafka_offset IN ACCESS EXCLUSIVE MODE")
        wait_for("the worker asks where the recorder stands", lambda: world.scalar(
            "SELECT count(*) FROM pg_locks WHERE relation = 'kafka_offset'::regclass AND NOT granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"))
        db.execute("INSERT INTO predictions_history (id, timestamp, employee_id, probability, event_id, event_time, band,"
                   " threshold, model_id, base_log_odds, trigger, source_topic, source_partition, source_offset)"
                   " VALUES (%s, now(), 'late', 0.75, 'e-1', now(), 'high', 0.5, 'm', 0, 'change', 'employee-changes', 0, 7)",
                   (prediction,))
        db.execute("INSERT INTO risk_episode (employee_id, opened_by, opened_at) VALUES ('late', %s, now())", (prediction,))
        db.execute("INSERT INTO kafka_offset (topic, partition, next, owner) VALUES (%s, %s, 1, 'test')",
                   (world.topic(PREDICTIONS), partition))
    plans = wait_for("the plan", lambda: decoded(world, "retention-plans"))
    assert [(plan.value["status"], plan.value["refusal"]) for plan in plans] == [("written", None)]


def test_a_call_that_hangs_holds_up_its_own_partition_and_no_other(world, tmp_path):
    """The partition is read on until a bound, paused there, and goes on when the call has ended."""
    stub, hung = Stub(tmp_path), partition_of(b"hung")
    by_partition = [[name for name in map("w-{}".format, range(20_000)) if partition_of(name.encode()) == p]
                    for p in range(PARTITIONS)]
    others = [name for p in range(PARTITIONS) if p != hung for name in by_partition[p][:20]]
    behind = by_partition[hung][:1200]
    world.scoring()
    stub.script({"fault": "good", "times": 1, "delay_ms": 300_000})
    worker = world.retention(**gemini(stub, LLM_TIMEOUT="300s"))
    writer = Writer(world)
    writer.send(at_risk("hung"))
    writer.flush()
    wait_for("its call", lambda: stub.stats()["in_flight"] == 1)
    for i, name in enumerate(behind + others):
        writer.send(at_risk(name, i))
    writer.flush()
    wait_for("the plans of other partitions", lambda: published(world) == len(others), 60)
    wait_for("its partition is full", lambda: worker.metric("retentionai_plans_unfinished") >= 1000, 60)
    assert worker.metric("retentionai_plans_unfinished") <= 1500
    assert world.scalar("SELECT count(*) FROM retention_plan WHERE plan_id LIKE %s", f"%/{hung}/%") == 0
    # The call ends with its server, and is made again by the next.
    stub.process.kill()
    stub.process.wait()
    again = Stub(tmp_path, "--port", stub.port)
    try:
        made = audit_plans(world, 120)
        assert len(made) == len(behind) + len(others) + 1 and {plan["status"] for plan in made.values()} == {"written"}
    finally:
        again.stop()


@pytest.mark.parametrize("fault", ["untrusted", "other-name", "redirect"])
def test_a_server_that_cannot_be_trusted_is_refused(world, tmp_path, fault):
    """No plan, nothing told: the provider is stopped, and the reason stands on /readyz."""
    key, cert = make_certificate(tmp_path, "elsewhere.example" if fault == "other-name" else "localhost")
    tls = () if fault == "redirect" else ("--tls-key", key, "--tls-cert", cert)
    stub = Stub(tmp_path, *tls)
    try:
        settings = gemini(stub, PLAN_PROVIDERS="gemini,rules")
        if fault == "redirect":
            stub.script({"fault": "wire:redirect", "times": 1000})
        else:
            settings["GEMINI_BASE_URL"] = f"https://localhost:{stub.port}"
        if fault == "other-name":
            settings["LLM_CA_FILE"] = cert
        world.scoring()
        worker = world.retention(**settings)
        writer = Writer(world)
        for event, _ in zip(history(), range(20)):
            writer.send(event)
        writer.flush()
        made = audit_plans(world)
        assert {plan["status"] for plan in made.values()} == {"fallback"} and len(made) == 20
        wait_for("the worker says so", lambda: worker.http("/readyz")[0] == 503)
        said = worker.http("/readyz")[1]
        assert ("sends us elsewhere" if fault == "redirect" else "certificate") in said, said
        assert worker.metric("retentionai_llm_provider_stopped") == 1
        assert stub.stats()["calls"] <= 20 if fault == "redirect" else True
        assert "provider-stopped" in worker.log.read_text()
    finally:
        stub.stop()


def test_memory_is_flat_over_many_calls(world, tmp_path):
    """What is allocated, and what the process takes, each time that all is done."""
    stub, events, seen, most = Stub(tmp_path), history(), [], 0.0
    try:
        world.scoring()
        worker, writer = world.retention(**gemini(stub)), Writer(world)
        for done in range(BATCH, CALLS + 1, BATCH):
            for _ in range(BATCH):
                writer.send(next(events))
            writer.flush()
            wait_for("the plans", lambda done=done: published(world) >= done, 120)
            seen.append(worker.metric("retentionai_heap_bytes") / 2**20)
            most = max(most, worker.resident_mb())
        calls = stub.stats()["calls"]
    finally:
        stub.stop()
    print(f"{calls} calls; allocated {', '.join(f'{mb:.2f}' for mb in seen)} MB; resident at most {most:.1f} MB")
    assert calls == CALLS // BATCH * BATCH
    if SLOW == 1:
        assert seen[-1] < min(seen[:3]) + 1.0 and most < 64
