# SPDX-License-Identifier: MIT
"""retentionctl against real services."""
import base64
import json
import subprocess
import time

from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ConfigSource

from conftest import BUILD, SLOW, wait_for


def settings_of(admin, topic):
    """What is set on the topic itself."""
    resource = ConfigResource("topic", topic)
    entries = admin.describe_configs([resource])[resource].result(30)
    return {name: entry.value for name, entry in entries.items() if entry.source == ConfigSource.DYNAMIC_TOPIC_CONFIG.value}


def test_topics_apply_can_be_repeated_and_corrects_what_differs(bare_world):
    first = bare_world.ctl("topics", "apply")
    assert f"{bare_world.topic('employee-changes')}: created, first offset given" in first
    again = bare_world.ctl("topics", "apply")
    assert "created" not in again and again.count("as it should be") == len(again.splitlines())
    admin = AdminClient({"bootstrap.servers": bare_world.stack.kafka})
    wanted = settings_of(admin, bare_world.topic("high-risk"))
    entries = [ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
               for name, value in (("retention.ms", "1000"), ("min.insync.replicas", "1"), ("max.message.bytes", "1500000"))]
    topic = ConfigResource("topic", bare_world.topic("high-risk"), incremental_configs=entries)
    for future in admin.incremental_alter_configs([topic]).values():
        future.result()
    assert f"{bare_world.topic('high-risk')}: settings corrected" in bare_world.ctl("topics", "apply")
    others = {"min.insync.replicas": "1", "max.message.bytes": "1500000"}  # somebody's own, which stay
    assert settings_of(admin, bare_world.topic("high-risk")) == {**wanted, **others}
    bare_world.ctl("topics", "apply", "--partitions", "3", status=1)
    assert bare_world.ctl("topics", "apply", "--replicas", "2", status=1) == ""


def test_consume_tells_what_is_there(world):
    assert world.ctl("consume", "employee-changes") == ""
    assert world.hris(source="ibm").wait() == 0
    lines = world.ctl("consume", "employee-changes", "--meta", "--max", "5").splitlines()
    assert len(lines) == 5
    record = json.loads(lines[0])
    assert record["key"] == record["value"]["employee_id"] and record["headers"] == {}
    in_one = world.ctl("consume", "employee-changes", "--partition", record["partition"]).splitlines()
    rest = world.ctl("consume", "employee-changes", "--partition", record["partition"], "--from", "3").splitlines()
    assert rest == in_one[3:]
    assert world.ctl("consume", "employee-changes", "--from", "end") == ""
    assert len(world.ctl("consume", "employee-changes", "--since", record["timestamp"]).splitlines()) > 0
    assert world.ctl("consume", "employee-changes", "--since", "2100-01-01") == ""
    assert len(world.ctl("consume", "employee-changes", "--event-time", "2026-01-02T03:04:05Z").splitlines()) == 1470
    assert world.ctl("consume", "employee-changes", "--event-time", "2026-01-02T03:04:06Z") == ""
    world.ctl("consume", "no-such-topic", status=1)
    world.ctl("consume", "employee-changes", "--partition", "99", status=2)


def test_consume_begins_at_an_offset_that_is_there_or_says_why_not(world):
    topic = world.topic("employee-changes")
    assert world.hris(source="ibm").wait() == 0
    places = sorted((record["partition"], record["offset"]) for record in (
        json.loads(line) for line in world.ctl("consume", "employee-changes", "--meta").splitlines()))
    lasts = dict(places)
    shortest, longest = min(lasts, key=lasts.get), max(lasts, key=lasts.get)
    assert lasts[shortest] < lasts[longest] - 5

    def consume(*arguments, status=0):
        """-> places printed, standard error"""
        done = subprocess.run([BUILD / "bin/retentionctl", "consume", "employee-changes", "--meta", *map(str, arguments)],
                              env=world.environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == status, done.stderr
        printed = [json.loads(line) for line in done.stdout.splitlines()]
        return sorted((record["partition"], record["offset"]) for record in printed), done.stderr

    # Behind the last record stands the mark of its transaction, and then the end.
    end = lasts[shortest] + 2
    assert consume("--partition", shortest, "--from", end) == ([], "")
    nothing, words = consume("--partition", shortest, "--from", end + 1, status=1)
    assert nothing == [] and all(
        word in words for word in (topic, f"partition {shortest}", f"offset {end}", f"offset {end + 1}"))
    # Of all partitions, those that reach so far.
    begin = lasts[longest] - 2
    assert consume("--from", begin) == ([place for place in places if place[1] >= begin], "")
    nothing, words = consume("--from", lasts[longest] + 3, status=1)
    assert nothing == [] and f"no offset {lasts[longest] + 3}" in words
    # What is no longer kept.
    admin = AdminClient({"bootstrap.servers": world.stack.kafka})
    for future in admin.delete_records([TopicPartition(topic, longest, 10)]).values():
        future.result()
    kept, words = consume("--partition", longest, "--from", 3)
    assert kept == [place for place in places if place[0] == longest and place[1] >= 10]
    assert words == f"partition {longest} begins at offset 10: what was before it is no longer kept\n"
    assert consume("--partition", longest) == (kept, "")


def test_a_reader_that_has_seen_enough_ends_it_quietly(world):
    assert world.hris(source="ibm").wait() == 0
    done = subprocess.run(
        ["bash", "-c", '"$0" consume employee-changes --json | head -1; echo "${PIPESTATUS[0]}"',
         BUILD / "bin/retentionctl"],
        env=world.environment, capture_output=True, text=True, timeout=60)
    line, status = done.stdout.splitlines()
    assert json.loads(line)["source"] == "ibm" and status == "0" and done.stderr == ""


def test_dead_letters_are_shown_as_they_came(world):
    producer = Producer({"bootstrap.servers": world.stack.kafka})
    producer.produce(world.topic("dead-letters"), b"\x00\xff bytes", "17",
                     headers=[("dlq.code", b"bad-magic"), ("twice", b"1"), ("twice", b"2"), ("odd", b"\xff")])
    producer.produce(world.topic("high-risk"), b"no avro", "18")
    assert producer.flush(20) == 0
    letter = json.loads(world.ctl("consume", "dead-letters"))
    assert letter["key"] == "17" and base64.b64decode(letter["value_base64"]) == b"\x00\xff bytes"
    assert letter["headers"] == {"dlq.code": "bad-magic", "twice": "2", "odd": "\ufffd"}
    # A record that cannot be decoded is named and not passed over in silence.
    world.ctl("consume", "high-risk", status=1)


def test_lag_is_what_nobody_has_read(world):
    assert world.hris(source="ibm").wait() == 0

    def lane_is_behind():
        lines = [json.loads(line) for line in world.ctl("lag", "--json").splitlines()]
        lane = [line for line in lines if line["group"] == f"{world.prefix}scoring-employee-changes"]
        assert len(lane) == 8 and all(line["committed"] == 0 for line in lane)
        # The mark of a commit takes an offset of its own in each partition, a little after the commit.
        return sum(line["lag"] for line in lane) == 1470 + 8

    wait_for("the lane's lag", lane_is_behind)
    shown = world.ctl("lag").splitlines()
    assert "COMMITTED" in shown[0] and shown[-1].startswith("A lag of 1 may be the mark of a transaction alone")


def test_lag_that_cannot_be_told_shows_no_table(bare_world):
    assert bare_world.ctl("lag", status=1) == ""


def test_nobody_waits_longer_for_brokers_than_was_said(bare_world):
    bare_world.environment["KAFKA_BOOTSTRAP_SERVERS"] = "127.0.0.1:1"
    for command in (["consume", "predictions"], ["topics", "apply"], ["lag"]):
        began = time.monotonic()
        assert bare_world.ctl(*command, "--wait", "1s", status=1) == ""
        assert time.monotonic() - began < 6 * SLOW, command


def test_every_command_has_help(bare_world):
    for command in (["--help"], ["topics", "apply", "--help"], ["topics", "list", "--help"], ["migrate", "--help"],
                    ["schemas", "apply", "--help"], ["consume", "--help"], ["lag", "--help"]):
        assert bare_world.ctl(*command).startswith("usage: retentionctl")
    assert "employee-changes" in bare_world.ctl("topics", "list")
    family = bare_world.ctl("topics", "--help")
    assert "topics apply" in family and "topics new-generation" in family and "migrate" not in family
    bare_world.ctl("no-such-command", status=2)
    bare_world.ctl("topics", "no-such-word", status=2)
    bare_world.environment["KAFKA_ACKS"] = "0"
    bare_world.ctl("lag", status=2)
    del bare_world.environment["KAFKA_ACKS"]
    bare_world.ctl("consume", status=2)
    for wrong in (["--from", "somewhere"], ["--since", "yesterday"], ["--event-time", "1900-01-01"], ["--max", "-1"]):
        bare_world.ctl("consume", "predictions", *wrong, status=2)
    bare_world.ctl("consume", "dead-letters", "--event-time", "2026-01-01", status=2)
    bare_world.ctl("topics", "list", "--wait", "1s", status=2)


def test_a_topic_that_was_made_again_is_read_as_a_new_generation(world):
    admin = AdminClient({"bootstrap.servers": world.stack.kafka})
    topic = world.topic("employee-changes")

    def recorded():
        return world.scalar("SELECT count(*) FROM predictions_history")

    def places():
        return world.query("SELECT DISTINCT generation, next FROM kafka_offset WHERE topic = %s", topic)

    scoring = world.scoring()
    assert world.hris(source="ibm").wait() == 0
    wait_for("1,470 rows", lambda: recorded() == 1470, 60)
    # A lane at work is not moved, and nothing else is.
    wait_for("states", lambda: world.scalar("SELECT count(*) FROM employee") == 1470, 60)
    before = world.query("SELECT * FROM kafka_offset WHERE topic = %s ORDER BY partition", topic)
    world.ctl("topics", "new-generation", "employee-changes", "--yes", "--wait", "2s", status=1)
    assert [row[:3] for row in before] == [
        row[:3] for row in world.query("SELECT * FROM kafka_offset WHERE topic = %s ORDER BY partition", topic)]
    scoring.stop()

    admin.delete_topics([topic], operation_timeout=20)[topic].result()
    wait_for("the topic gone", lambda: topic not in admin.list_topics(timeout=20).topics)
    # The stopped lane is a member of its group until its session is over.
    assert "created" in world.ctl("topics", "apply", seconds=90)
    # Told, but not done.
    told = world.ctl("topics", "new-generation", "employee-changes", status=1)
    assert "partition 7: offset 0 gen=1 -> offset 0 gen=2" in told and "generation 1 -> next 0 generation 2" in told
    assert all(generation == 1 and next > 0 for generation, next in places())
    # The name may stand with the prefix, as refusals print it.
    assert world.ctl("topics", "new-generation", topic, "--yes") == told
    assert places() == [(2, 0)]

    assert world.hris(source="again", event_time="2026-01-03").wait() == 0
    world.scoring()
    wait_for("2,940 rows", lambda: recorded() == 2940, 60)
    assert world.scalar("SELECT count(*) FROM predictions_history WHERE id LIKE %s", "%employee-changes@2/%") == 1470
    wait_for("newer states", lambda: world.query("SELECT DISTINCT generation FROM employee") == [(2,)], 60)
    world.ctl("topics", "new-generation", "no-such-topic", status=2)
    world.ctl("topics", "new-generation", "dead-letters", "--yes", status=1)
