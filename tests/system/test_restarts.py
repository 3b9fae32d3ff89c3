# SPDX-License-Identifier: MIT
"""PostgreSQL goes away under load and comes back. Nothing is lost or doubled, no program needs a hand."""
import time

from audit import audit
from conftest import SLOW, wait_for
from support import ATTRIBUTES, Stream, Writer, change, history, scored

PER_SECOND = 2500 / SLOW


def start_stream(world):
    return Stream(Writer(world), history(2000), PER_SECOND)


def stored(world):
    return world.scalar("SELECT count(*) FROM predictions_history")


def test_postgresql_is_killed_twice_under_load(world):
    """Scoring goes on without it; the recorder catches up."""
    worker = world.scoring()
    stream = start_stream(world)
    for _ in range(2):
        rows = stored(world)
        wait_for("rows arrive", lambda rows=rows: stored(world) > rows, 30)
        with world.stack.without("postgres", how="kill"):
            before = scored(world)
            wait_for("scoring goes on without PostgreSQL", lambda before=before: scored(world) > before, 20)
            wait_for("the worker says so", lambda: worker.http("/readyz")[0] == 503, 20)
    sent = stream.stop()
    assert len(audit(world, seconds=120).predictions) == sent
    assert worker.running()
    worker.wait_ready()


def test_postgresql_is_stopped_while_a_worker_starts(world):
    writer = Writer(world)
    with world.stack.without("postgres"):
        worker = world.start("retentionai-scoring")
        for i in range(500):
            writer.send(change(f"early-{i}", ATTRIBUTES[i]))
        writer.flush()
        wait_for("scoring needs no PostgreSQL", lambda: scored(world) >= 500, 30)
        assert worker.http("/readyz")[0] == 503
        assert worker.http("/livez")[0] == 200
    worker.wait_ready()
    assert len(audit(world).predictions) == 500


def test_sessions_of_the_recorder_are_ended_by_an_administrator(world):
    worker = world.scoring()
    stream = start_stream(world)
    ended = 0
    while ended < 5:
        ended += world.scalar(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()")
        time.sleep(0.3)
    sent = stream.stop()
    assert len(audit(world, seconds=120).predictions) == sent
    assert worker.running()


def test_a_table_is_locked_for_a_while(world):
    """Somebody's long transaction holds up the recorder: it waits, its memory does not grow."""
    worker = world.scoring()
    with world.db() as db:
        db.autocommit = False
        db.execute("LOCK TABLE predictions_history IN ACCESS EXCLUSIVE MODE")
        stream = start_stream(world)
        wait_for("scoring goes on", lambda: scored(world) > 5000, 60)
        wait_for("the worker says so", lambda: worker.http("/readyz")[0] == 503, 20)
        sent = stream.stop()
        if SLOW == 1:
            assert worker.resident_mb() < 80
        db.rollback()
    assert len(audit(world, seconds=120).predictions) == sent
