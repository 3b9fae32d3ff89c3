# SPDX-License-Identifier: MIT
"""An allocation fails: the program ends at once and says so, and whoever starts it again finds everything as if it had
only been slow. For each place of its code that allocates (as many as ALLOC_PLACES says, drawn with SEED; all: every
one), the program is started with that allocation failing, in the middle of a flow of events."""
import os

import pytest

from audit import audit
from conftest import BUILD, wait_for
from support import Writer, chance, history, write_csv

PRELOADED = BUILD / "lib/alloc-fail.so"
PLACES = os.environ.get("ALLOC_PLACES", "12")
pytestmark = pytest.mark.skipif(not PRELOADED.exists(), reason="sanitizers have allocators of their own")


def drawn(random, told):
    """-> numbers of allocations, of those that are the first from their place"""
    numbers = [int(line) for line in told.read_text().split()]
    count = len(numbers) if PLACES == "all" else min(int(PLACES), len(numbers))
    print(f"{len(numbers)} places, {count} of them fail")
    return random.sample(numbers, count)


def check_ended(program):
    status = program.wait()
    assert status == 1 and "out of memory" in program.tail(), f"status {status}:\n{program.tail()}"


def test_a_scoring_worker_ends_and_nothing_is_lost_or_doubled(world, tmp_path):
    random = chance(os.environ)
    writer, events, sent = Writer(world), history(1_000_000, 1), 0

    def send(count):
        nonlocal sent
        for _ in range(count):
            writer.send(next(events))
        writer.flush()
        sent += count

    def is_scored():
        return world.scalar("SELECT count(*) FROM predictions_history") == sent

    told = tmp_path / "places"
    send(300)
    worker = world.scoring(LD_PRELOAD=PRELOADED, ALLOC_FAIL_LIST=told)
    wait_for("scores", is_scored)
    worker.stop()
    ended = 0
    numbers = drawn(random, told)
    for number in numbers:
        send(150)
        worker = world.start("retentionai-scoring", LD_PRELOAD=PRELOADED, ALLOC_FAIL_AT=number)
        send(150)
        wait_for("scores, or an end", lambda: not worker.running() or is_scored(), 60)
        if worker.running():
            worker.kill()
            continue
        check_ended(worker)
        ended += 1
    world.scoring()
    assert len(audit(world, seconds=120).predictions) == sent
    print(f"{ended} of {len(numbers)} ended")
    assert ended > len(numbers) // 3, "the failures did not hit the flow"


def test_an_import_ends_and_goes_on_where_it_was(world, tmp_path):
    random = chance(os.environ)
    told = tmp_path / "places"
    csv = write_csv(tmp_path / "all.csv", 50)
    assert world.hris(csv, source="counted", LD_PRELOAD=PRELOADED, ALLOC_FAIL_LIST=told).wait() == 0
    csv, sent = write_csv(tmp_path / "more.csv", 2000, first=200_000), 2050
    ended = 0
    for number in drawn(random, told):
        program = world.hris(csv, source="fails", LD_PRELOAD=PRELOADED, ALLOC_FAIL_AT=number)
        if program.wait() != 0:
            check_ended(program)
            ended += 1
    assert ended > 0, "no failure hit the import"
    assert world.hris(csv, source="fails").wait() == 0
    world.scoring()
    assert len(audit(world, seconds=120).predictions) == sent
