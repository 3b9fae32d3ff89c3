# SPDX-License-Identifier: MIT
"""kill -9 at random moments. What is there in the end must be what an undisturbed run would have made,
to the last bit: audit() works it out from the events alone.

KILLS and EVENTS make it larger (tests/run kill), SEED repeats a run."""
import os
import time

from audit import audit, values_of
from conftest import SLOW, wait_for
from support import Stream, Writer, chance, history, scored

KILLS = int(os.environ.get("KILLS", 8))
EVENTS = int(os.environ.get("EVENTS", 60_000))
EVENTS_EACH = 10


def test_a_killed_worker_loses_nothing_and_doubles_nothing(world):
    """Events flow until the last kill. Every third one comes anywhere after the start of the process, also
    while it takes over from its predecessor; the others while it works, seen by its commits."""
    random = chance(os.environ)
    writer = Writer(world)
    per_second = EVENTS / (KILLS * 2.5 * SLOW)
    stream = Stream(writer, history(EVENTS // EVENTS_EACH), per_second)
    in_flight = 0
    for kill in range(KILLS):
        before = scored(world)
        worker = world.start("retentionai-scoring")
        if kill % 3 == 0:
            time.sleep(random.uniform(0, 0.7) * SLOW)
        else:
            wait_for("the worker commits", lambda: scored(world) > before, 60, every=0.01)
            time.sleep(random.uniform(0, 0.4) * SLOW)
        assert worker.running(), f"it ended by itself with {worker.process.returncode}:\n{worker.tail()}"
        worker.kill()
        in_flight += stream.sent > scored(world)
    world.scoring()
    wait_for("the other events", lambda: stream.sent >= EVENTS, 120)
    sent = stream.stop()
    result = audit(world, seconds=120)
    assert sent == len(result.inputs) == len(result.predictions)
    assert len(result.employees) == EVENTS // EVENTS_EACH
    print(f"{KILLS} kills, {in_flight} of them with events on their way, {sent} events")
    assert in_flight >= KILLS // 2, "the kills did not hit the flow"


def test_two_workers_that_are_killed_in_turn_lose_nothing_and_double_nothing(world, calm_world):
    """The partitions of a killed worker go to the other one when its session is over; here it is back
    before that, or the other is killed too. The scores are those of a run that nothing disturbs, bit
    for bit."""
    random = chance(os.environ)
    kills = max(2, KILLS // 4)
    events = EVENTS // 4
    writer = Writer(world)
    stream = Stream(writer, history(events // EVENTS_EACH, EVENTS_EACH), events / (kills * 1.5 * SLOW))
    workers = [world.scoring(WORKER_SLOT=slot) for slot in (0, 1)]
    for kill in range(kills):
        time.sleep(random.uniform(0.2, 1.2) * SLOW)
        slot = random.randrange(2)
        workers[slot].kill()
        workers[slot] = world.scoring(WORKER_SLOT=slot)
    sent = stream.finish()
    result = audit(world, seconds=120)
    assert sent == len(result.inputs) == len(result.predictions)
    calm_world.scoring()
    writer = Writer(calm_world)
    for event in history(events // EVENTS_EACH, EVENTS_EACH):
        writer.send(event)
    writer.flush()
    undisturbed = values_of(audit(calm_world, seconds=120).predictions)
    assert len(undisturbed) == sent and values_of(result.predictions) == undisturbed
