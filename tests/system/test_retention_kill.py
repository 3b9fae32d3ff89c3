# SPDX-License-Identifier: MIT
"""kill -9 of the retention worker at random moments, while the language model takes its time. Each episode has
one plan in the end, and what was paid for twice was in flight at a kill.

PLAN_KILLS and HIGH_RISK_EVENTS make it larger (tests/run kill), SEED repeats a run."""
import os
import signal
import time

import pytest

from conftest import SLOW, wait_for
from plans import at_risk, audit_plans, cut_off, people
from support import EVENT_TIME, Stream, Writer, chance
from test_retention import gemini
from test_stub_llm import Stub

KILLS = int(os.environ.get("PLAN_KILLS", 6))
EVENTS = int(os.environ.get("HIGH_RISK_EVENTS", 500))
IN_FLIGHT = 128
LATER = 20


@pytest.fixture
def stub(tmp_path):
    stub = Stub(tmp_path, "--latency", "200ms-2s")
    yield stub
    stub.stop()


def history(count):
    """High risk, twice each, the second time a little later: that score opens no episode."""
    for i in range(count // 2 + LATER):
        if i < count // 2:
            yield at_risk(700_000 + i, i)
        if i >= LATER:
            yield at_risk(700_000 + i - LATER, i, event_time=EVENT_TIME + 60_000)


def hold(worker, stub):
    """Stops the process -> calls that are in flight then, by the stub."""
    worker.process.send_signal(signal.SIGSTOP)
    return stub.stats()["in_flight"]


def check(world, stub, ends, in_flight):
    """`ends`: so many times calls may have been cut off."""
    made = audit_plans(world, 180)
    assert {plan["status"] for plan in made.values()} == {"written"}
    assert len(made) == EVENTS // 2
    calls, lost = stub.stats()["calls"], cut_off(world)
    print(f"{in_flight} calls in flight at kills; {calls} calls, {len(made)} plans, {lost} calls without a result")
    # A call has a claim, and a claim has a result, or it is one that a process died in.
    assert len(made) <= calls <= len(made) + lost
    assert lost <= ends * IN_FLIGHT
    assert world.query("SELECT DISTINCT outcome FROM llm_call WHERE outcome IS NOT NULL") == [("accepted",)]
    return lost


def test_a_killed_worker_makes_each_plan_once(world, stub):
    """Every third kill comes anywhere after the start, also while it takes over; the others while calls are
    in flight."""
    random = chance(os.environ)
    assert people()["high"]
    world.scoring()
    writer, events = Writer(world), list(history(EVENTS))
    settings = gemini(stub, GEMINI_CONCURRENCY=IN_FLIGHT)
    in_flight = hits = 0
    for kill in range(KILLS):
        # Each kill has scores of its own, however long a start takes.
        stream = Stream(writer, events[len(events) * kill // KILLS:len(events) * (kill + 1) // KILLS],
                        EVENTS / (KILLS * 1.5 * SLOW))
        worker = world.start("retentionai-retention", **settings)

        def wait_for_calls(stream=stream):
            wait_for("calls", lambda: stub.stats()["in_flight"] > 0 or not stream.is_alive(), 60, every=0.01)
        if kill % 3 != 0:
            wait_for_calls()
        time.sleep(random.uniform(0, 0.9) * SLOW)
        if kill % 3 != 0:
            wait_for_calls()
        assert worker.running(), f"it ended by itself with {worker.process.returncode}:\n{worker.tail()}"
        held = hold(worker, stub)
        worker.kill()
        in_flight, hits = in_flight + held, hits + (held > 0)
        stream.finish()
    world.retention(**settings)
    lost = check(world, stub, KILLS, in_flight)
    assert hits >= KILLS // 2 and lost > 0, "the kills did not hit the calls"


def test_two_workers_that_are_killed_in_turn_make_each_plan_once(world, stub):
    """The partitions of a killed worker go to the other one, or are its own again."""
    random = chance(os.environ)
    kills = max(2, KILLS // 4)
    settings = gemini(stub, GEMINI_CONCURRENCY=IN_FLIGHT)
    world.scoring()
    workers = [world.retention(WORKER_SLOT=slot, **settings) for slot in (0, 1)]
    stream = Stream(Writer(world), history(EVENTS), EVENTS / (kills * 3 * SLOW))
    in_flight = 0
    for _ in range(kills):
        time.sleep(random.uniform(0, 0.9))
        slot = random.randrange(2)
        wait_for("its calls", lambda slot=slot: not stream.is_alive() or
                 workers[slot].metric("retentionai_llm_calls_in_flight") > 0, 60)
        in_flight += hold(workers[slot], stub)
        workers[slot].kill()
        workers[slot] = world.retention(WORKER_SLOT=slot, **settings)
    stream.finish()
    # Partitions went to and fro: what was in flight then was let end, or made again.
    lost = check(world, stub, kills + 2 * (kills + 1), in_flight)
    assert lost > 0, "the kills did not hit the calls"
