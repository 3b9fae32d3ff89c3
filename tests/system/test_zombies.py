# SPDX-License-Identifier: MIT
"""Workers that sleep until everybody takes them for dead, and go on as if nothing had been. What they had begun then has
no effect, on topic or table: the audit works out from the events alone what must be there. ZOMBIES makes it larger
(tests/run zombies), SEED repeats a run."""
import os
import signal
import time

from audit import audit
from conftest import SLOW, wait_for
from support import Stream, Writer, chance, history, scored

ZOMBIES = int(os.environ.get("ZOMBIES", 6))
SLOTS = 4
AT_ONCE = 2
SESSION_MS = 2000
SETTINGS = {"KAFKA_SESSION_TIMEOUT_MS": SESSION_MS, "KAFKA_HEARTBEAT_INTERVAL_MS": 500}
PER_SECOND = 1500 / SLOW


def assignments(workers):
    """How often the group has dealt out its partitions, as those who are awake tell."""
    return sum(worker.log.read_text().count("event=lane-assigned") for worker in workers)


def test_a_worker_that_slept_beyond_its_session_has_no_effect(world):
    """Half of them find a successor in their slot, and must end; the others find their partitions given away, and must
    go on. A zombie that wakes pushes its successor out of the group before it ends: that one takes the place back."""
    random = chance(os.environ)
    workers = [world.scoring(WORKER_SLOT=slot, **SETTINGS) for slot in range(SLOTS)]
    stream = Stream(Writer(world), history(2000), PER_SECOND)
    replaced = slept = 0
    while slept < ZOMBIES:
        for worker in workers:
            assert worker.running(), worker.tail()
        before = scored(world)
        wait_for("scores arrive", lambda before=before: scored(world) > before, 60, every=0.01)
        time.sleep(random.uniform(0, 0.3) * SLOW)
        slots = random.sample(range(SLOTS), AT_ONCE)
        zombies = [workers[slot] for slot in slots]
        for zombie in zombies:
            zombie.process.send_signal(signal.SIGSTOP)
        slept += len(zombies)
        awake = [worker for worker in workers if worker not in zombies]
        asleep, dealt = time.monotonic(), assignments(awake)
        workers[slots[0]] = world.start("retentionai-scoring", WORKER_SLOT=slots[0], **SETTINGS)
        replaced += 1
        time.sleep(max(0.0, SESSION_MS / 1000 + random.uniform(0.3, 1.5) - (time.monotonic() - asleep)))
        wait_for("the partitions of those who sleep are given away",
                 lambda awake=awake, dealt=dealt: assignments(awake) > dealt)
        for zombie in zombies:
            zombie.process.send_signal(signal.SIGCONT)
        assert zombies[0].wait(30) == 3, f"its slot was another's:\n{zombies[0].tail()}"
    sent = stream.stop()
    for worker in workers:
        assert worker.running(), worker.tail()
    assert len(audit(world, seconds=120).predictions) == sent
    pushed_out = sum(worker.log.read_text().count("joining the group again") for worker in world.programs)
    print(f"{slept} slept beyond their session, {replaced} of them found a successor, {pushed_out} of which took their "
          f"place in a group back; {sent} events")
