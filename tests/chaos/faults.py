# SPDX-License-Identifier: MIT
"""The kinds of faults. Each is a function of the scene and of chance that does it, lasts as long as it does, undoes it,
and says what it was; it raises Missed where it did not come about. Faults of one track come one after the other, the
tracks run side by side."""
import contextlib
import os
import signal
import time

import psycopg

from proxy import END_TXN, PRODUCE, TXN_OFFSET_COMMIT
from scene import SOCKET_TIMEOUT_MS, Missed

KINDS = {}  # name -> (track, function)
SESSION_SECONDS = 10
LATE_MS = 60  # between a request and what a held one is to come behind


def kind(track):
    def add(function):
        KINDS[function.__name__.replace("_", "-")] = track, function
        return function
    return add


# ---- workers, each with its recorder ---------------------------------------------------------------------


@kind("workers")
def worker_kill(scene, chance):
    worker = chance.choice(scene.workers)
    with worker.lock:
        worker.kill()
        time.sleep(chance.choice((0, 0, 0.3, 1.5)))
        worker.start()
    return f"slot {worker.slot}"


@kind("workers")
def worker_term(scene, chance):
    worker = chance.choice(scene.workers)
    with worker.lock:
        # Before it has begun a signal ends it as it ends anybody.
        scene.until("the worker has begun", lambda: worker.program.http("/livez")[0] == 200)
        worker.stop()
        worker.start()
    return f"slot {worker.slot}"


@kind("workers")
def worker_pause(scene, chance):
    worker, seconds = chance.choice(scene.workers), chance.uniform(0.3, 3)
    with worker.paused():
        scene.wait(seconds)
    return f"slot {worker.slot}, {seconds:.1f} s"


@kind("workers")
def worker_zombie(scene, chance):
    """Stopped beyond its session: its partitions go to the other one, then it comes back and knows nothing of that."""
    worker = chance.choice(scene.workers)
    with worker.paused():
        scene.wait(SESSION_SECONDS + chance.uniform(2, 4))
    return f"slot {worker.slot}"


@kind("workers")
def rebalance_storm(scene, chance):
    """A further worker comes and goes, in order and without."""
    worker = scene.extra
    times = chance.randint(3, 4)
    for turn in range(times):
        with worker.lock:
            worker.start()
            scene.wait(chance.uniform(0.5, 2))
            worker.kill() if turn % 2 else worker.stop(None)
            worker.program = None
    return f"{times} times"


# ---- the network ---------------------------------------------------------------------------------------------


def proxy_of(scene, chance, is_database):
    return chance.choice(scene.database_proxies) if is_database else scene.kafka_proxy


def network(name, is_database, act):
    def fault(scene, chance):
        proxy = proxy_of(scene, chance, is_database)
        try:
            return act(scene, chance, lambda command: scene.tell(command, proxy))
        finally:
            scene.tell("heal", proxy)
    fault.__name__ = name
    kind("network")(fault)


def delay(scene, chance, tell):
    ms, seconds = chance.choice((20, 50, 100)), chance.uniform(2, 4)
    tell(f"delay {ms} {ms}")
    scene.wait(seconds)
    return f"{ms} ms and up to as much more, {seconds:.1f} s"


def cut(scene, chance, tell):
    times = chance.randint(1, 4)
    for _ in range(times):
        tell("cut")
        scene.wait(chance.uniform(0.05, 0.5))
    return f"{times} times"


def blackhole(scene, chance, tell):
    seconds = chance.uniform(1, 5)
    tell("blackhole on")
    scene.wait(seconds)
    return f"{seconds:.1f} s"


def half_close(scene, chance, tell):
    side = chance.choice(("client", "server"))
    tell(f"end {side}")
    scene.wait(0.5)
    return f"by the {side}"


def refusal(scene, chance, tell):
    seconds = chance.uniform(0.5, 3)
    tell("refuse on")
    tell("cut")
    scene.wait(seconds)
    return f"{seconds:.1f} s"


for act in (delay, cut, blackhole, half_close, refusal):
    network(f"kafka_{act.__name__}", False, act)
    network(f"database_{act.__name__}", True, act)


def scored(worker):
    """What the process has committed so far."""
    try:
        return worker.program.metric("retentionai_events_total")
    except AssertionError:  # nothing yet
        return 0


@contextlib.contextmanager
def alone(scene, chance):
    """One worker, with the other stopped meanwhile: what passes the proxy is of this one."""
    slot = chance.randrange(2)
    one, other = scene.workers[slot], scene.workers[1 - slot]
    with scene.kafka, scene.workers[0].lock, scene.workers[1].lock:
        with other.paused():
            try:
                # It must be at work, or there is nothing to be held.
                before = scored(one)
                scene.until("the worker scores", lambda: scored(one) > before, 15)
                yield one
            finally:
                scene.tell("heal")


def passed(scene, key, count):
    return scene.until(f"request {key} number {count}", lambda: scene.tell("status").get(key, 0) >= count)


def hold(scene, key):
    """Keeps the next request of that kind back until the client has repeated it."""
    before = scene.tell(f"hold {key}").get(key, 0)
    scene.until(f"request {key} is held", lambda: scene.tell("status")["held"] == 1)
    ended = scene.tell("status").get(END_TXN, 0)
    if scene.company is not None:  # other lanes are at work, too, and send such requests
        scene.wait(SOCKET_TIMEOUT_MS / 1000 + 1.2)
    passed(scene, key, before + 2)
    return before + 2, ended


def release(scene):
    late = scene.tell("release")["late"]
    scene.until("the held request is answered", lambda: scene.tell("status")["late"] > late)


def replace(worker):
    worker.kill()
    worker.start()


@kind("network")
def held_end(scene, chance):
    """The end of a transaction comes late, while the next one is open; then the worker dies."""
    with alone(scene, chance) as worker:
        hold(scene, END_TXN)
        passed(scene, PRODUCE, scene.tell("status").get(PRODUCE, 0) + 1)
        worker.signal(signal.SIGSTOP)
        try:
            release(scene)
        finally:
            replace(worker)
    return f"slot {worker.slot}"


@kind("network")
def held_offsets(scene, chance):
    """The offsets of a transaction come late, between those of the next one and its end; then the worker dies."""
    with alone(scene, chance) as worker:
        sent, ended = hold(scene, TXN_OFFSET_COMMIT)
        scene.tell(f"delay {LATE_MS}")
        try:
            passed(scene, TXN_OFFSET_COMMIT, sent + 1)
            time.sleep(LATE_MS / 1000)
            release(scene)
            passed(scene, END_TXN, ended + 2)
            time.sleep(2 * LATE_MS / 1000)
        finally:
            replace(worker)
    return f"slot {worker.slot}"


# ---- the servers ---------------------------------------------------------------------------------------------


def start(scene, name):
    """On a busy machine a server may need longer than its start waits for it."""
    for more in (True, True, False):
        try:
            return scene.stack.start(name)
        except AssertionError:
            if not more:
                raise


@kind("servers")
def broker_kill(scene, chance):
    with scene.kafka:
        scene.stack.kill("kafka")
        start(scene, "kafka")
    return "-9"


@kind("servers")
def broker_restart(scene, chance):
    with scene.kafka:
        scene.stack.stop("kafka")
        start(scene, "kafka")
    return "in order"


@kind("servers")
def broker_pause(scene, chance):
    seconds, pid = chance.uniform(2, 6), scene.stack.pid("kafka")
    with scene.kafka:
        os.kill(pid, signal.SIGSTOP)
        try:
            scene.wait(seconds)
        finally:
            os.kill(pid, signal.SIGCONT)
    return f"{seconds:.1f} s"


@kind("servers")
def database_kill(scene, chance):
    scene.stack.kill("postgres")
    start(scene, "postgres")
    return "-9"


@kind("servers")
def database_immediate(scene, chance):
    """As pg_ctl stop -m immediate does it."""
    os.kill(scene.stack.pid("postgres"), signal.SIGQUIT)
    scene.stack.stop("postgres")
    start(scene, "postgres")
    return "SIGQUIT"


def superuser(scene, **options):
    try:
        return psycopg.connect(scene.world.database_url, connect_timeout=5, **options)
    except psycopg.OperationalError as error:
        raise Missed(f"PostgreSQL: {error}") from None


@kind("servers")
def backends_terminated(scene, chance):
    with superuser(scene, autocommit=True) as db:
        count = len(db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                               "WHERE datname = current_database() AND pid <> pg_backend_pid()").fetchall())
    if count == 0:
        raise Missed("nobody is connected")
    return f"{count} backends"


@kind("servers")
def table_locked(scene, chance):
    table = chance.choice(("predictions_history", "kafka_offset", "current_prediction", "employee"))
    seconds = chance.uniform(2, 6)
    with superuser(scene) as db:
        db.execute("SET lock_timeout = '20s'")
        db.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        scene.wait(seconds)
        db.rollback()
    return f"{table}, {seconds:.1f} s"


# ---- what is worked on ----------------------------------------------------------------------------------------


@kind("work")
def model_swap(scene, chance):
    scene.use_model(1 - scene.model_number)
    scene.wait(3)  # it is taken once the file has stood still between two looks
    return f"to the {('first', 'second')[scene.model_number]}"


@kind("work")
def poison_burst(scene, chance):
    count = chance.randint(100, 400)
    scene.until("the last burst is sent", lambda: scene.load.burst.value == 0)
    scene.load.burst.value = count
    return f"{count} records"
