# SPDX-License-Identifier: MIT
"""Starting and ending: a signal ends every program in time with nothing lost, and what cannot work is
refused with a sentence that says what to do."""
import json
import os
import signal
import subprocess
import time

import pytest
from confluent_kafka.admin import AdminClient

from audit import audit
from conftest import BUILD, SLOW, free_port, wait_for
from support import (ATTRIBUTES, CHANGES, PEOPLE, Stream, Writer, change, committed_offsets, ends, history,
                     lane_group, quiet, read_topic, scored, settle, wait_readable, write_csv)

EVENTS = int(os.environ.get("EVENTS", 20_000))
INTERRUPTED = 4


# ---- ending ---------------------------------------------------------------------------------------------


def test_an_idle_worker_ends_at_once(world):
    worker = world.scoring()
    assert worker.stop() < 3 * SLOW


def test_a_worker_that_is_stopped_again_and_again_in_mid_flow_loses_nothing(world):
    stream = Stream(Writer(world), history(EVENTS // 5, 5), EVENTS / (4 * SLOW))
    stops = 0
    while stream.is_alive() or stops < 3:
        worker = world.scoring()
        before = scored(world)
        wait_for("it works", lambda: scored(world) > before or not stream.is_alive(), 30, every=0.01)
        worker.stop()
        stops += 1
    stream.finish()
    world.scoring()
    assert len(audit(world).predictions) == EVENTS
    print(f"{stops} stops")


def test_a_worker_ends_in_time_while_its_servers_are_away(world):
    writer = Writer(world)
    worker = world.scoring()
    writer.send(change("a", ATTRIBUTES[0]))
    writer.flush()
    audit(world)
    with world.stack.without("postgres"):
        wait_for("it notices", lambda: worker.http("/readyz")[0] == 503, 20)
        said = "event=lane-waits lane=recorder for=postgresql"
        wait_for("it says so", lambda: said in worker.log.read_text(), 20)
        assert "facility=ASSIGN" not in worker.log.read_text()  # it is no word of Kafka's
        worker.stop()
    worker = world.scoring()
    with world.stack.without("kafka"):
        wait_for("it notices", lambda: worker.http("/readyz")[0] == 503, 20)
        worker.stop()
    world.scoring()
    writer.send(change("b", ATTRIBUTES[1]))
    writer.flush()
    assert len(audit(world).predictions) == 2


def test_workers_end_well_while_kafka_is_away_in_mid_flow(world):
    """Calls that end a transaction cannot be interrupted: a worker that is inside of one leaves all the
    same, and says so."""
    workers = [world.scoring(), world.retention(PLAN_PROVIDERS="rules")]
    stream = Stream(Writer(world), history(EVENTS // 50), 1000 / SLOW)
    wait_for("it works", lambda: scored(world) > 100, 30)
    with world.stack.without("kafka", how="kill"):
        end = time.monotonic() + 12  # behind what librdkafka waits for by itself
        wait_for("it is away for long enough", lambda: time.monotonic() >= end, 20)
        for worker in workers:
            worker.stop()
            assert "event=ended" in worker.tail(1) or "event=left status=0" in worker.tail(1), worker.tail()
    sent = stream.stop()
    world.scoring()
    assert len(audit(world, seconds=120).predictions) == sent


@pytest.mark.parametrize("name", ["scoring", "retention"])
def test_a_worker_that_never_saw_kafka_ends_in_time(world, name):
    settings = {"PLAN_PROVIDERS": "rules"} if name == "retention" else {}
    broker = f"127.0.0.1:{free_port()}"
    worker = world.start(f"retentionai-{name}", KAFKA_BOOTSTRAP_SERVERS=broker, **settings)
    wait_for("it says for what", lambda: f"waiting for Kafka at {broker}" in worker.http("/readyz")[1], 20)
    assert f"waiting for Kafka at {broker}" in worker.log.read_text()
    end = time.monotonic() + 5 * SLOW  # in the middle of a request
    wait_for("it still waits", lambda: time.monotonic() >= end, 20)
    worker.stop()
    assert "event=ended" in worker.tail(1), worker.tail()


def test_an_import_that_is_stopped_goes_on_where_it_was(world):
    path = write_csv(world.directory / "people.csv", EVENTS)
    topic, stopped = world.topic(CHANGES), 0
    while True:
        wait_readable(world, CHANGES)  # or the mark of the end of a transaction would be taken for a row
        before = ends(world, topic)
        importer = world.hris(path, source="stopped", TRANSACTION_ROWS=200)
        wait_for("rows arrive", lambda: ends(world, topic) > before or not importer.running(), 30,
                 every=0.005)
        if importer.running():
            importer.process.send_signal(signal.SIGTERM)
        if importer.wait(5) == 0:
            break
        assert importer.process.returncode == INTERRUPTED, importer.tail()
        stopped += 1
    assert stopped >= 2
    wait_readable(world, CHANGES)
    keys = [r.key for r in read_topic(world.stack, topic)]
    assert len(keys) == len(set(keys)) == EVENTS


# ---- the operator's tool ----------------------------------------------------------------------------------


@pytest.fixture
def scored_world(world):
    world.scoring()
    assert world.hris().wait() == 0
    settle(world)
    return world


def pipe(world, command):
    """A shell's pipeline -> (status of its first part, output)"""
    done = subprocess.run(["bash", "-c", f'{command}; echo "status=${{PIPESTATUS[0]}}"'],
                          env={**world.environment, "PATH": f"{BUILD}/bin:{os.environ['PATH']}"},
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60 * SLOW)
    *lines, status = done.stdout.splitlines()
    return int(status.removeprefix("status=")), lines, done.stderr


def test_consume_prints_decoded_records_and_ends_well_when_its_reader_does(scored_world):
    status, lines, stderr = pipe(scored_world, "retentionctl consume predictions --json | head -n 5")
    assert status == 0, stderr
    assert len(lines) == 5
    by_id = {row["EmployeeNumber"]: row for row in PEOPLE}
    for line in lines:
        text = json.dumps(json.loads(line))
        assert "churn_probability" in text and "reason_1" in text
        assert any(f'"{key}"' in text for key in by_id)


def test_lag_is_nothing_after_the_flow(scored_world):
    lines = [json.loads(line) for line in scored_world.ctl("lag", "--json").splitlines()]
    lane = [line for line in lines if "scoring" in line["group"]]
    assert len(lane) == 3 * 8  # as many lanes
    # What lies behind the last record can only be the mark of its transaction.
    assert all(line["lag"] <= 1 for line in lane), lane


def test_applying_again_changes_nothing(scored_world):
    end = ends(scored_world, scored_world.topic(CHANGES))
    wait_for("the lane's place is behind the marks of transactions", lambda: scored(scored_world) == end)
    before = committed_offsets(scored_world)
    scored_world.apply()
    assert committed_offsets(scored_world) == before
    audit(scored_world)


# ---- refusing ---------------------------------------------------------------------------------------------


def refused(world, name, *arguments, status=None, **settings):
    """Runs a program that must end by itself -> what it said."""
    program = world.start(name, *arguments, **settings)
    ended = program.wait(30)
    said = program.log.read_text()
    assert ended != 0 and (status is None or ended == status), f"{ended}:\n{said}"
    assert "Traceback" not in said and "Assertion" not in said
    return said


USAGE, FAILED = 2, 1


@pytest.mark.parametrize("settings, word, status", [
    ({"WORKER_SLOT": "-1"}, "WORKER_SLOT", USAGE), ({"WORKER_SLOT": "one"}, "WORKER_SLOT", USAGE),
    ({"COMMIT_INTERVAL": "soon"}, "COMMIT_INTERVAL", USAGE), ({"TRANSACTION_BYTES": "1"}, "TRANSACTION_BYTES", USAGE),
    ({"METRICS_PORT": "65536"}, "METRICS_PORT", USAGE), ({"LANES": "nonsense"}, "nonsense", USAGE),
    ({"LANES": ""}, "LANES", USAGE), ({"LANES": "recorder,recorder"}, "recorder twice", USAGE),
    ({"MODEL_FILE": "/nowhere/model.json"}, "/nowhere/model.json", FAILED),
    ({"FEATURES_FILE": "/nowhere/features.json"}, "/nowhere/features.json", FAILED),
    ({"SCHEMA_REGISTRY_URL": "gopher://127.0.0.1"}, "gopher://127.0.0.1", USAGE),
    ({"KAFKA_SECURITY_PROTOCOL": "carrier-pigeon"}, "security.protocol", USAGE),
    ({"KAFKA_ACKS": "0"}, "acks", USAGE), ({"LOG_LEVEL": "loud"}, "error, warn, info or debug", USAGE),
    ({"SCHEMA_REGISTRY_URL": "localhost:8081"}, "SCHEMA_REGISTRY_URL", USAGE),
    ({"KAFKA_BOOTSTRAP_SERVERS": "kafka:port"}, "KAFKA_BOOTSTRAP_SERVERS", USAGE),
    ({"TOPIC_PREFIX": "a b"}, "TOPIC_PREFIX", USAGE), ({"TOPIC_PREFIX": "a" * 101}, "0 to 100", USAGE),
])
def test_a_worker_refuses_a_broken_setting_and_names_it(bare_world, settings, word, status):
    assert word in refused(bare_world, "retentionai-scoring", status=status, **settings)


@pytest.mark.parametrize("settings, word", [
    ({"KAFKA_SECURITY_PROTOCOL": "carrier-pigeon"}, "security.protocol"), ({"KAFKA_ACKS": "0"}, "acks"),
    ({"LOG_LEVEL": "loud"}, "error, warn, info or debug"), ({"TOPIC_PREFIX": "a/b"}, "TOPIC_PREFIX"),
    ({"SCHEMA_REGISTRY_URL": "foo"}, "SCHEMA_REGISTRY_URL"),
    ({"KAFKA_BOOTSTRAP_SERVERS": "http://a:1"}, "KAFKA_BOOTSTRAP_SERVERS"),
])
def test_an_import_refuses_a_broken_setting_and_names_it(bare_world, settings, word):
    assert word in refused(bare_world, "retentionai-hris", "x.csv", status=USAGE, **settings)


def test_every_program_tells_its_version(bare_world):
    for name in ("retentionai-scoring", "retentionai-hris", "retentionctl"):
        told = subprocess.run([BUILD / "bin" / name, "--version"], capture_output=True, text=True, timeout=30)
        assert told.returncode == 0 and told.stdout.startswith(name + " 0.")


def test_a_worker_refuses_a_broken_model(world):
    whole = (BUILD.parents[1] / "models/attrition.json").read_text()
    for name, text in (("half.json", whole[:len(whole) // 2]), ("other.json", "{}"),
                       ("changed.json", whole.replace('"base": ', '"base": 1', 1))):
        path = world.directory / name
        path.write_text(text)
        assert name in refused(world, "retentionai-scoring", MODEL_FILE=path)


def test_missing_topics_are_refused_with_the_remedy(bare_world):
    bare_world.ctl("migrate")
    bare_world.ctl("schemas", "apply")
    assert "retentionctl topics apply" in refused(bare_world, "retentionai-scoring")


def test_a_database_without_tables_is_refused_with_the_remedy(bare_world):
    bare_world.ctl("schemas", "apply")
    bare_world.ctl("topics", "apply")
    assert "retentionctl migrate" in refused(bare_world, "retentionai-scoring")


def test_a_lane_without_committed_offset_is_refused_with_the_remedy(world):
    """A lost offset is not a new topic: starting anywhere would lose or repeat."""
    admin = AdminClient(quiet(world.stack.kafka))
    group = lane_group(world)
    admin.delete_consumer_groups([group], request_timeout=20)[group].result()
    said = refused(world, "retentionai-scoring")
    assert "no committed offset" in said and "retentionctl topics" in said
    world.ctl("topics", "apply")
    world.scoring()


def test_an_import_refuses_what_it_cannot_do(world):
    for arguments, word in (([world.directory / "nowhere.csv"], "nowhere.csv"), ([], "one file"),
                            (["--event-time", "tomorrow", "x.csv"], "event-time")):
        assert word in refused(world, "retentionai-hris", *arguments)
    empty = world.directory / "empty.csv"
    empty.write_text("")
    assert "empty" in refused(world, "retentionai-hris", empty)
