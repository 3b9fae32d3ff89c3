# SPDX-License-Identifier: MIT
"""Kafka goes away under load and comes back. Nothing is lost or doubled, no program needs a hand."""
import time

from audit import audit
from conftest import SLOW, wait_for
from support import Stream, Writer, history, scored

SESSION_SECONDS = 10


def test_kafka_is_killed_twice_under_load(world):
    """The second time it is away for longer than a session of the group: the client forgets who it was
    then, and is taken for a stranger in its own place."""
    worker = world.scoring()
    stream = Stream(Writer(world), history(2000), 1000 / SLOW)
    for seconds in (0, SESSION_SECONDS + 2):
        before = scored(world)
        wait_for("scores arrive", lambda before=before: scored(world) > before, 60)
        with world.stack.without("kafka", how="kill"):
            end = time.monotonic() + seconds
            wait_for("the worker says so", lambda: worker.http("/readyz")[0] == 503, 20)
            assert worker.http("/livez")[0] == 200
            wait_for("the session is over", lambda end=end: time.monotonic() >= end, 20)
    sent = stream.stop()
    assert len(audit(world, seconds=120).predictions) == sent
    assert worker.running(), worker.tail()
    worker.wait_ready()


def test_an_idle_worker_says_that_kafka_is_away_and_goes_on(world):
    worker = world.scoring()
    writer = Writer(world)
    with world.stack.without("kafka", how="kill"):
        wait_for("the worker says so", lambda: worker.http("/readyz")[0] == 503, 20)
    worker.wait_ready()
    for event in history(200, 1):
        writer.send(event)
    writer.flush()
    assert len(audit(world).predictions) == 200
