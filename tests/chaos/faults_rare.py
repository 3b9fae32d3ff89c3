# SPDX-License-Identifier: MIT
"""Kinds of faults that take long, need the whole company, or a build that can be made to die at a chosen point."""
import glob
import pathlib
import resource
import signal
import time

from faults import KINDS, SESSION_SECONDS, kind, start, superuser
from scene import Missed

PLANTED = "retentionai-scoring-planted"
# CRASH_POINT(..) in the sources -> how often it may be passed before.
POINTS = {"polled": 200, "begun": 40, "sent": 3000, "before-commit": 40, "offsets-sent": 40, "committed": 40, "aborted": 2,
          "recorder-assigned": 2, "recorder-read": 40, "recorder-advanced": 40, "recorder-stored": 40, "recorder-committed": 40}
FAKETIME = "/usr/lib/*/faketime/libfaketimeMT.so.1"
FILE_BYTES = 200_000


@kind("workers")
def crash_point(scene, chance):
    """kill -9 of itself where it hurts."""
    worker, point = chance.choice(scene.workers), chance.choice(sorted(POINTS))
    return crash(scene, worker, point, chance.randint(1, POINTS[point]))


def crash(scene, worker, point, number):
    with worker.lock:
        worker.kill()
        worker.start(PLANTED, CRASH_AT=f"{point}:{number}")
        try:
            scene.until(f"{point} is passed {number} times", lambda: not worker.program.running(), 20)
        finally:
            if worker.program.running():
                worker.kill()
            status = worker.program.process.returncode
            worker.start()
    if status != -signal.SIGKILL:
        raise AssertionError(f"ended with {status}, not by itself at {point}")
    return f"slot {worker.slot}, {point} for the {number}th time"


def crash_at(point):
    # A second assignment seldom comes, and would be waited for in vain.
    most = 1 if point == "recorder-assigned" else POINTS[point]
    return lambda scene, chance: crash(scene, chance.choice(scene.workers), point, chance.randint(1, most))


for name in POINTS:
    KINDS[f"crash-{name}"] = "workers", crash_at(name)


@kind("workers")
def recorder_zombie(scene, chance):
    """Stopped between reading a block and storing it, beyond its session: what it then stores is another's already."""
    worker, number = chance.choice(scene.workers), chance.randint(10, 40)
    with worker.lock:
        worker.kill()
        worker.start(PLANTED, PAUSE_AT=f"recorder-read:{number}")
        stat = pathlib.Path(f"/proc/{worker.program.pid}/stat")
        try:
            scene.until(f"{number} blocks are read", lambda: stat.read_text().rsplit(")", 1)[1].split()[0] == "T", 20)
        except Missed:
            worker.kill()  # it would stop itself later on, and nobody would continue it
            worker.start()
            raise
        try:
            scene.wait(SESSION_SECONDS + chance.uniform(2, 4))
        finally:
            worker.signal(signal.SIGCONT)
    return f"slot {worker.slot}, block {number}"


@kind("workers")
def worker_doze(scene, chance):
    """Stopped for more than half of what a transaction may take, but not beyond the session."""
    worker, seconds = chance.choice(scene.workers), chance.uniform(7.8, 8.6)
    with worker.paused():
        scene.wait(seconds)
    return f"slot {worker.slot}, {seconds:.1f} s"


@kind("workers")
def clock_jump(scene, chance):
    """The wall clock of a process goes an hour on, back, and right again; its monotonic clock goes on."""
    library = glob.glob(FAKETIME)
    if not library:
        raise Missed("there is no libfaketime")
    worker, file = chance.choice(scene.workers), scene.world.directory / "clock"
    file.write_text("+0\n")
    with worker.lock:
        worker.kill()
        worker.start(LD_PRELOAD=library[0], FAKETIME_TIMESTAMP_FILE=file, FAKETIME_NO_CACHE=1, FAKETIME_DONT_FAKE_MONOTONIC=1)
        try:
            for jump in chance.sample(("+3600", "-3600", "+0"), 3):
                file.write_text(f"{jump}\n")
                scene.wait(chance.uniform(1, 3))
        finally:
            worker.kill()
            worker.start()
    return f"slot {worker.slot}"


@kind("network")
def held_group_offsets(scene, chance):
    """Offsets that go to the group outside of transactions come never, because the worker dies."""
    from faults import alone, replace
    with alone(scene, chance) as worker:
        scene.tell("hold 8")
        try:
            scene.until("offsets are held", lambda: scene.tell("status")["held"] == 1, 12)
        finally:
            replace(worker)
    return f"slot {worker.slot}"


@kind("servers")
def disk_full(scene, chance):
    """PostgreSQL may write no file beyond a small size, as under a quota: its log ends in a panic, its tables in errors."""
    seconds, postmaster = chance.uniform(1, 4), scene.stack.pid("postgres")
    with superuser(scene, autocommit=True) as db:
        backends = [pid for pid, in db.execute("SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()")]

    def limit(pids, soft):
        for pid in pids:
            try:
                hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft if soft is not None else hard, hard))
            except ProcessLookupError:
                pass
            except PermissionError:
                raise Missed("no right to set limits of PostgreSQL") from None
    try:
        limit([*backends, postmaster], FILE_BYTES)
        scene.wait(seconds)
    finally:
        limit([*backends, postmaster], None)
        # A start that had no room, either, has ended the server.
        if any(not is_alive(pid) for pid in (postmaster,)):
            scene.stack.stop("postgres")
        start(scene, "postgres")
    return f"{seconds:.1f} s"


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


@kind("servers")
def registry_restart(scene, chance):
    scene.stack.kill("registry")
    start(scene, "registry")
    return "-9"


# ---- the company around the workers --------------------------------------------------------------------------


@kind("company")
def retention_kill(scene, chance):
    worker = scene.company.retention
    with worker.lock:
        worker.kill()
        time.sleep(chance.choice((0, 0.5)))
        worker.start()
    return "-9"


@kind("company")
def retention_pause(scene, chance):
    seconds = chance.uniform(0.5, 12)
    with scene.company.retention.paused():
        scene.wait(seconds)
    return f"{seconds:.1f} s"


@kind("company")
def gateway_kill(scene, chance):
    worker = scene.company.gateway
    with worker.lock:
        worker.kill()
        worker.start()
    return "-9"


@kind("company")
def gateway_term(scene, chance):
    worker = scene.company.gateway
    with worker.lock:
        scene.until("the gateway has begun", lambda: worker.program.http("/livez")[0] == 200)
        worker.stop()
        worker.start()
    return "in order"


@kind("company")
def language_model(scene, chance):
    """The stand-in refuses, dawdles and talks nonsense for a while."""
    names = chance.sample(("rpm", "internal", "overloaded", "truncated", "bad_plan", "wire", "dressed", "thought_ate"), 3)
    scene.company.stub.script({"random": names, "seed": chance.randrange(1000)})
    scene.wait(chance.uniform(2, 6))
    scene.company.stub.script()
    return ", ".join(names)
