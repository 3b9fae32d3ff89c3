# SPDX-License-Identifier: MIT
"""Workers beside each other: one slot has one worker, two of them share the partitions; and what one
needs of memory."""
import os
import time

import pytest
from confluent_kafka.admin import AdminClient

from audit import audit
from conftest import SLOW, wait_for
from support import Stream, Writer, history, lane_group, quiet, scored, settle, write_csv

EVENTS = int(os.environ.get("EVENTS", 20_000))
FLOW = int(os.environ.get("FLOW", 100_000))
SLOT_TAKEN = 3


def test_a_slot_has_one_worker(world):
    """Whoever comes last takes the slot; the other one ends and says so, by its status too."""
    stream = Stream(Writer(world), history(EVENTS // 10, 5), EVENTS / (6 * SLOW))
    first = world.scoring()
    second = world.start("retentionai-scoring")
    one_ended = wait_for("one of them ends", lambda: [p for p in (first, second) if not p.running()], 60)
    assert one_ended[0].process.returncode == SLOT_TAKEN, one_ended[0].tail()
    stays = second if one_ended[0] is first else first
    stream.finish()
    result = audit(world)
    assert len(result.predictions) == len(result.inputs) == EVENTS // 2
    assert stays.running()
    stays.wait_ready()


def held(world):
    """{member: partitions} of the scoring lane's group."""
    admin = AdminClient(quiet(world.stack.kafka))
    group = lane_group(world)
    described = admin.describe_consumer_groups([group])[group].result()
    return {m.group_instance_id: len(m.assignment.topic_partitions) for m in described.members}


def test_two_workers_share_and_one_leaves(world):
    stream = Stream(Writer(world), history(EVENTS // 5, 5), EVENTS / (20 * SLOW))
    first = world.scoring(WORKER_SLOT=0)
    wait_for("it holds all", lambda: list(held(world).values()) == [8], 30, every=0.2)
    second = world.scoring(WORKER_SLOT=1)
    wait_for("they share", lambda: sorted(held(world).values()) == [4, 4], 30, every=0.2)
    # The metric is not there before the first commit; wait_for takes that for "not yet".
    wait_for("the second works", lambda: second.metric("retentionai_events_total") > 0, 30)
    second.stop()
    # A static member that stopped is waited for until its session is over.
    wait_for("the first holds all again", lambda: list(held(world).values()) == [8], 40, every=0.2)
    stream.finish()
    result = audit(world, seconds=90)
    assert len(result.predictions) == EVENTS
    assert first.running()


def test_a_block_is_cut_where_a_transaction_is_due(world):
    """Else a slow model keeps a transaction open until it is lost, and again, for ever."""
    least, slack = 65536, 32  # bytes that make a transaction due; events between two looks
    writer = Writer(world)
    events = list(history(EVENTS // 2, 1))
    for event in events:
        writer.send(event)
    writer.flush()
    size = sum(len(writer.encode(event)) + len(event["employee_id"]) for event in events) / len(events)
    worker = world.scoring(TRANSACTION_BYTES=least, COMMIT_INTERVAL="5s")
    assert len(audit(world).predictions) == len(events)
    commits = worker.metric('retentionai_transactions_total{lane="employee-changes",outcome="commit"}')
    assert commits >= len(events) / (least / size + slack), f"{len(events)} events of {size:.0f} bytes in {commits}"


@pytest.mark.skipif(SLOW != 1, reason="sanitizers need memory of their own")
def test_memory_is_small_when_idle_and_bounded_in_the_flow(world):
    worker = world.scoring()
    time.sleep(2)
    idle = worker.resident_mb()
    assert idle < 20, f"{idle:.1f} MB resident before any event"
    path = write_csv(world.directory / "many.csv", FLOW)
    began = time.monotonic()
    importer, most = world.hris(path, source="many"), 0.0
    while importer.running() or scored(world) < FLOW:
        most = max(most, worker.resident_mb())
        assert most < 80, f"{most:.1f} MB resident in the flow"
        assert time.monotonic() - began < 120
        time.sleep(0.05)
    assert importer.wait() == 0, importer.tail()
    settle(world)
    most = max(most, worker.resident_mb())
    after = worker.resident_mb()
    # What the flow needed goes back some seconds behind it.
    wait_for("memory is given back", lambda: worker.resident_mb() < idle + 25, 20, every=0.2)
    print(f"idle {idle:.1f} MB, in a flow of {FLOW} events at most {most:.1f} MB, "
          f"behind it {after:.1f} MB, then {worker.resident_mb():.1f} MB")
    assert most < 80
