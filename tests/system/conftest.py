# SPDX-License-Identifier: MIT
"""What every system test gets.

`stack` is the shared set of real services (tests/system/services), `world` one test's own corner in it:
a topic prefix and a database nobody else uses, with tables, schemas and topics applied. Programs of
ours are subprocesses with a log file each; whatever a test leaves running is killed at its end, and the
ends of the logs are printed when it failed. Nothing here sleeps for luck: wait_for has a deadline.
"""
import contextlib
import fcntl
import os
import pathlib
import random
import re
import secrets
import shlex
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import psycopg
import pytest

REPO = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD_DIR", REPO / "build/dev"))


def services_directory():
    """ctest gives each test one of several sets of services (tests.cmake), so that tests can run side by side."""
    first = pathlib.Path(os.environ.get("SERVICES_DIR", BUILD / "services"))
    number = os.environ.get("CTEST_RESOURCE_GROUP_0_STACKS", "id:1").removeprefix("id:").partition(",")[0]
    return first if number == "1" else first.with_name(f"{first.name}-{number}")


SERVICES = services_directory()
EMPLOYEES_CSV = REPO / "models/data/employees.csv"
STOP_SECONDS = 5.0
# Sanitizers make programs some times slower; deadlines are for hangs, not for measuring.
SLOW = 5.0 if BUILD.name in ("asan", "tsan") else 1.0


def tell_time(what, began):
    if time.monotonic() - began > 1:
        print(f"{time.monotonic() - began:.1f} s for: {what}")


def wait_for(what, check, seconds=30.0, every=0.05):
    """Calls check() until it gives something true, which is returned. An AssertionError from check
    counts as "not yet" and is shown when time runs out. Long waits are told, to see what a test spends its
    time with (pytest -s)."""
    began = time.monotonic()
    end = began + seconds * SLOW
    last = None
    while True:
        try:
            last = check()
            if last:
                tell_time(what, began)
                return last
        except AssertionError as error:
            last = error
        if time.monotonic() >= end:
            raise AssertionError(f"{what}: not within {seconds * SLOW:.0f} s; last seen: {last!r}")
        time.sleep(every)


def free_port():
    """Below those that the kernel gives to clients, and that docker/local chooses from: still free a moment later."""
    while True:
        with socket.socket() as s, contextlib.suppress(OSError):
            s.bind(("127.0.0.1", random.randrange(10_000, 20_000)))
            return s.getsockname()[1]


class Stack:
    """The shared services, started when they are not there; one test file has them at a time. A test that stops
    or kills one must bring it back (start or `without`)."""

    def __init__(self):
        self.lock = open(f"{SERVICES}.lock", "w", encoding="ascii")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        if not SERVICES.exists():
            done = subprocess.run([REPO / "tests/system/services", "start", SERVICES], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600)
            assert done.returncode == 0, done.stdout
        self.environment = dict(word.split("=", 1) for word in shlex.split(self.local("env")))
        self.kafka = self.environment["KAFKA_BOOTSTRAP_SERVERS"]
        self.registry = self.environment["SCHEMA_REGISTRY_URL"]
        self.database_url = self.environment["DATABASE_URL"]

    def local(self, *arguments):
        began = time.monotonic()
        done = subprocess.run(
            [REPO / "docker/local", "--dir", SERVICES, *arguments],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180)
        assert done.returncode == 0, f"docker/local {' '.join(arguments)}:\n{done.stdout}{done.stderr}"
        tell_time(" ".join(arguments), began)
        return done.stdout

    def kafka_said(self, lines=60):
        """The end of its log, of the last start only: what its coordinators did."""
        log = (SERVICES / "log/kafka.log").read_text(errors="replace")
        return "\n".join(log[log.rfind("\n--- ") + 1:].splitlines()[-lines:])

    def pid(self, name):
        return int((SERVICES / f"run/{name}.pid").read_text().split()[0])

    def start(self, name):
        self.local("start", name)

    def stop(self, name):
        self.local("stop", name)

    def kill(self, name):
        self.local("kill", name)

    @contextlib.contextmanager
    def without(self, name, how="stop"):
        """The service is down inside the block, and back behind it whatever happened."""
        self.local(how, name)
        try:
            yield
        finally:
            self.start(name)

# Programs that are killed, or leave at once, have no status that tells of it.
SANITIZER = re.compile(rb"(WARNING|ERROR): \w+Sanitizer|: runtime error: ")


class Program:
    """One running program of ours."""

    def __init__(self, name, arguments, environment, log, metrics_port):
        self.name, self.log, self.metrics_port = name, log, metrics_port
        with open(log, "ab") as out:
            self.process = subprocess.Popen(
                [BUILD / "bin" / name, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=out,
                stderr=out, env=environment)

    @property
    def pid(self):
        return self.process.pid

    def pids(self):
        """Of it and of the processes that it has started."""
        found = [self.pid]
        for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # ended meanwhile
                if int(path.read_text().rsplit(")", 1)[1].split()[1]) == self.pid:
                    found.append(int(path.parent.name))
        return found

    def running(self):
        return self.process.poll() is None

    def wait(self, seconds=60.0):
        """-> exit status"""
        try:
            return self.process.wait(seconds * SLOW)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} still runs after {seconds * SLOW:.0f} s") from None

    def http(self, path):
        """-> (status, body) of the metrics port, (0, "") when nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def wait_ready(self, seconds=30.0):
        def ready():
            assert self.running(), f"{self.name} ended with {self.process.returncode}:\n{self.tail()}"
            return self.http("/readyz")[0] == 200
        wait_for(f"{self.name} ready", ready, seconds)
        return self

    def metric(self, name):
        """Sum over all label sets of one metric."""
        total, found = 0.0, False
        for line in self.http("/metrics")[1].splitlines():
            if line.startswith((name + " ", name + "{")):
                total, found = total + float(line.rsplit(" ", 1)[1]), True
        assert found, f"{self.name} has no metric {name}"
        return total

    def resident_mb(self, field="VmRSS"):
        """With the processes that it has started, whose code is in memory once. Now; VmHWM: each at its highest."""
        kilobytes = 0
        for pid in self.pids():
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            found = dict(re.findall(r"^(\w+):\s+(\d+) kB$", status, re.MULTILINE))
            assert field in found, f"{self.name} has ended"
            kilobytes += int(found[field]) - (0 if pid == self.pid else int(found["RssFile"]))
        return kilobytes / 1024

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, status=0):
        """SIGTERM must end it within five seconds, with this status (None: any)."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            ended = self.process.wait(STOP_SECONDS * SLOW)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} still runs {STOP_SECONDS * SLOW:.0f} s after SIGTERM:\n"
                                 f"{self.tail()}") from None
        assert status is None or ended == status, (
            f"{self.name} ended with {ended}, not {status}:\n{self.tail()}")
        return time.monotonic() - began

    def tail(self, lines=30):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


class World:
    """One test's corner of the services."""

    partition = None  # that it is narrowed to

    def __init__(self, stack, name, directory):
        self.stack, self.directory = stack, directory
        mark = secrets.token_hex(4)
        self.prefix = f"t{mark}-"
        self.database = f"t{mark}"
        self.programs, self.askers, self.asking = [], {}, None
        self.secret_key = secrets.token_urlsafe(48)
        self.environment = {key: value for key, value in os.environ.items()
                            if not key.startswith(("KAFKA_", "SCHEMA_REGISTRY_", "LOCAL_"))}
        parts = urllib.parse.urlsplit(stack.database_url)
        self.database_url = parts._replace(path="/" + self.database).geturl()
        self.environment.update(stack.environment, TOPIC_PREFIX=self.prefix,
                                DATABASE_URL=self.database_url, LOG_LEVEL="debug")
        with psycopg.connect(stack.database_url, autocommit=True) as db:
            db.execute(f'CREATE DATABASE "{self.database}"')

    def topic(self, name):
        return self.prefix + name

    def db(self):
        return psycopg.connect(self.database_url, autocommit=True)

    def query(self, sql, *values, **form):
        """On a connection that is kept, since tests ask again and again, and made anew when its server has gone."""
        def ask():
            with self.asking.cursor(**form) as cursor:
                return cursor.execute(sql, values).fetchall()
        if self.asking is not None:
            try:
                return ask()
            except psycopg.OperationalError:
                self.asking.close()
        self.asking = self.db()
        return ask()

    def scalar(self, sql, *values):
        return self.query(sql, *values)[0][0]

    def ctl(self, *arguments, seconds=60.0, status=0):
        """Runs retentionctl to its end -> its standard output."""
        done = subprocess.run([BUILD / "bin/retentionctl", *map(str, arguments)], env=self.environment,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=seconds * SLOW)
        assert done.returncode == status, (
            f"retentionctl {' '.join(map(str, arguments))} ended with {done.returncode}, not {status}:\n"
            f"{done.stdout[-4000:]}{done.stderr[-4000:]}")
        return done.stdout

    def apply(self):
        self.ctl("migrate")
        self.ctl("schemas", "apply")
        self.ctl("topics", "apply")
        return self

    def start(self, name, *arguments, **settings):
        """Starts a program; settings are more environment (WORKER_SLOT=1)."""
        port = free_port()
        environment = {**self.environment, "METRICS_PORT": str(port),
                       **{key: str(value) for key, value in settings.items()}}
        log = self.directory / f"{len(self.programs):02d}-{name}.log"
        program = Program(name, arguments, environment, log, int(environment["METRICS_PORT"]))
        self.programs.append(program)
        return program

    def scoring(self, **settings):
        return self.start("retentionai-scoring", **settings).wait_ready()

    def retention(self, **settings):
        return self.start("retentionai-retention", **settings).wait_ready()

    def gateway_settings(self, **settings):
        home = pathlib.Path(os.environ.get("RETENTIONAI_CACHE") or
                            pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") /
                            "retentionai")
        docs = next(iter(sorted(home.glob("swagger-ui-dist-*"))), "")
        return {"SECRET_KEY": self.secret_key, "REGISTRATION": "open", "PASSWORD_SCORE": 1, "DOCS_DIR": docs, **settings}

    def gateway(self, port=None, **settings):
        """-> the program, ready; its `url` is the HTTP interface."""
        port = port or free_port()
        program = self.start("retentionai-gateway", **self.gateway_settings(HTTP_PORT=port, **settings)).wait_ready()
        program.url = f"http://127.0.0.1:{port}"
        return program

    def hris(self, csv=EMPLOYEES_CSV, source="test", event_time="2026-01-02T03:04:05Z", **settings):
        return self.start("retentionai-hris", "--source", source, "--event-time", event_time, csv,
                          **settings)

    def end(self, failed):
        for asker in (*self.askers.values(), self.asking):
            if asker is not None:
                asker.close()
        for program in self.programs:
            if program.running():
                program.kill()
            if failed:
                print(f"\n--- {program.log.name}, status {program.process.returncode}\n{program.tail(40)}")
        if failed:
            print(f"\n--- kafka since its last start\n{self.stack.kafka_said()}")
        if failed and os.environ.get("KEEP_SERVICES"):
            print(f"--- kept: database {self.database}, topics {self.prefix}*")
            return
        self._delete_topics()
        with psycopg.connect(self.stack.database_url, autocommit=True) as db:
            db.execute(f'DROP DATABASE IF EXISTS "{self.database}" WITH (FORCE)')
        found = [program for program in self.programs if SANITIZER.search(program.log.read_bytes())]
        assert failed or not found, "\n".join(f"a sanitizer's finding in {p.log.name}:\n{p.tail(60)}" for p in found)

    def _delete_topics(self):
        from confluent_kafka.admin import AdminClient
        admin = AdminClient({"bootstrap.servers": self.stack.kafka})
        ours = [t for t in admin.list_topics(timeout=20).topics if t.startswith(self.prefix)]
        for future in admin.delete_topics(ours, operation_timeout=20).values() if ours else ():
            future.result()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == "call":
        item.call_failed = outcome.get_result().failed


@pytest.fixture(scope="session")
def stack():
    return Stack()


@pytest.fixture
def bare_world(stack, request, tmp_path):
    """Prefix and database, nothing applied."""
    world = World(stack, request.node.name, tmp_path)
    yield world
    world.end(getattr(request.node, "call_failed", True))


@pytest.fixture
def world(bare_world):
    return bare_world.apply()


@pytest.fixture
def calm_world(stack, request, tmp_path):
    """A second corner, for the run that nothing disturbs."""
    (tmp_path / "calm").mkdir()
    world = World(stack, request.node.name, tmp_path / "calm")
    yield world.apply()
    world.end(getattr(request.node, "call_failed", True))


@pytest.fixture(scope="module")
def module_world(stack, request, tmp_path_factory):
    """One corner for all tests of a file, for those that only ask."""
    failed = request.session.testsfailed
    world = World(stack, request.module.__name__, tmp_path_factory.mktemp(request.module.__name__)).apply()
    yield world
    world.end(request.session.testsfailed > failed)
