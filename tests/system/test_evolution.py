# SPDX-License-Identifier: MIT
"""Producers of other people and of other times: their schema is older, newer or wider, their partitioner
another one, and people leave and come back."""
import copy
import json
import random
import uuid

from confluent_kafka import SerializingProducer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import StringSerializer

from audit import Scores, audit, rows_of
from support import ATTRIBUTES, CHANGES, EVENT_TIME, Writer, bits, change, decoded, partition_of, quiet

PEOPLE = 100


def numbers_as(kind):
    def edit(fields):
        for field in fields:
            if field["type"] == ["null", "int"]:
                field["type"] = ["null", kind]
        return fields
    return edit


def shuffled(fields):
    random.Random(20).shuffle(fields)
    return fields


def null_last(fields):
    for field in fields:
        if isinstance(field["type"], list):
            field["type"].reverse()
            field.pop("default", None)
    return fields


def never_null(fields):
    for field in fields:
        if isinstance(field["type"], list) and field["name"] != "requested_by":
            field["type"] = field["type"][1]
            field.pop("default", None)
    return fields


def with_more(fields):
    """Fields that nobody here knows, of every type, before, between and behind the known ones."""
    more = [
        {"name": "shift", "type": ["null", "string"], "default": None},
        {"name": "badge", "type": {"type": "fixed", "name": "Badge", "size": 5}},
        {"name": "phones", "type": {"type": "array", "items": "string"}},
        {"name": "labels", "type": {"type": "map", "values": ["null", "long", "double"]}},
        {"name": "manager", "type": ["null", {"type": "record", "name": "Manager", "fields": [
            {"name": "id", "type": "bytes"}, {"name": "since", "type": "float"},
            {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["a", "b"]}}]}]},
        {"name": "is_remote", "type": "boolean"},
    ]
    return [more[0], more[1], *fields[:9], more[2], more[3], *fields[9:], more[4], more[5]]


MORE = {"shift": "night", "badge": b"12345", "phones": ["1", "22"], "labels": {"a": 1, "b": 2.5, "c": None},
        "manager": {"id": b"\x00\xff", "since": 1.5, "kind": "b"}, "is_remote": True}
WRITERS = {
    "registered": lambda fields: fields,
    "added field": lambda fields: [*fields, {"name": "Shift", "type": ["null", "string"], "default": None}],
    "long": numbers_as("long"),
    "float": numbers_as("float"),
    "double": numbers_as("double"),
    "reordered": shuffled,
    "null last": null_last,
    "never null": never_null,
    "much more": with_more,
}


def edited(schema, edit):
    schema = copy.deepcopy(schema)
    schema["fields"] = edit(schema["fields"])
    return schema


def confluent_producer(world, schema, subject_suffix):
    """As an HR system with Confluent's own serializer would send: under a subject of its own, since
    the registry would refuse some of these under ours."""
    registry = SchemaRegistryClient({"url": world.stack.registry})
    serializer = AvroSerializer(registry, json.dumps(schema), conf={
        "subject.name.strategy": lambda context, record: f"{context.topic}-{subject_suffix}"})
    return SerializingProducer({
        **quiet(world.stack.kafka), "partitioner": "murmur2_random",
        "key.serializer": StringSerializer(), "value.serializer": serializer})


def send_all(producer, world, events):
    failed = []
    for event in events:
        producer.produce(world.topic(CHANGES), key=event["employee_id"], value=event,
                         on_delivery=lambda error, _: failed.append(error) if error else None)
    assert producer.flush(60) == 0 and not failed, failed[:3]


def test_any_version_of_the_writers_schema_is_scored_the_same(world):
    ours = Writer(world).schema
    world.scoring()
    for turn, (name, edit) in enumerate(WRITERS.items()):
        producer = confluent_producer(world, edited(ours, edit), name.replace(" ", "-"))
        send_all(producer, world, [
            {**change(f"{name}-{i}", ATTRIBUTES[i]), "Shift": "late", **MORE} for i in range(PEOPLE)])
    result = audit(world)
    assert len(result.predictions) == PEOPLE * len(WRITERS) and not result.dead_letters
    found = {}
    for record in result.predictions:
        name, _, person = record.value["employee_id"].rpartition("-")
        found.setdefault(name, {})[int(person)] = bits(record.value["churn_probability"])
    assert all(found[name] == found["registered"] for name in WRITERS)


def test_a_score_without_a_number_says_why_and_names_no_value(world):
    worker = world.scoring()
    writer = Writer(world)
    writer.send(change("astronaut", {**ATTRIBUTES[0], "JobRole": "Astronaut", "JobLevel": None}))
    writer.flush()
    (prediction,) = audit(world).predictions
    assert prediction.value["band"] == "unknown" and prediction.value["churn_probability"] is None
    said = [line for line in worker.log.read_text().splitlines() if "event=band-unknown" in line]
    assert len(said) == 1 and f"topic={world.topic(CHANGES)} partition=" in said[0]
    assert "JobRole is not known to the model" in said[0] and "JobLevel is missing" in said[0]
    assert "stronaut" not in worker.log.read_text()


def test_a_field_that_the_writer_left_out_is_scored_as_not_known(world):
    ours = Writer(world).schema
    without = {"DailyRate", "JobRole", "Age"}
    schema = edited(ours, lambda fields: [f for f in fields if f["name"] not in without])
    worker = world.scoring()
    send_all(confluent_producer(world, schema, "narrow"), world,
             [change(f"narrow-{i}", ATTRIBUTES[i]) for i in range(PEOPLE)])
    writer = Writer(world)
    for i in range(PEOPLE):
        writer.send(change(f"null-{i}", {**ATTRIBUTES[i], **dict.fromkeys(without)}))
    writer.flush()
    assert len(audit(world).predictions) == 2 * PEOPLE
    assert worker.metric("retentionai_scores_odd_inputs_total") == 2 * PEOPLE
    rows = {row["employee_id"]: row for row in rows_of(world, "predictions_history", "id")}
    states = {row["employee_id"]: row for row in rows_of(world, "employee", "employee_id")}
    for i in range(PEOPLE):
        assert bits(rows[f"narrow-{i}"]["probability"]) == bits(rows[f"null-{i}"]["probability"])
        assert rows[f"narrow-{i}"]["job_role"] is None
        assert states[f"narrow-{i}"]["daily_rate"] is None and states[f"narrow-{i}"]["age"] is None


def test_a_newer_version_under_our_own_subject_goes_with_the_older_one(world):
    """The registry keeps to BACKWARD: an added nullable field is accepted, and a worker that starts
    again registers its own version as before."""
    old = Writer(world)
    new = Writer(world, edited(old.schema, WRITERS["added field"]))
    assert new.schema_id != old.schema_id
    worker = world.scoring()
    for i in range(PEOPLE):
        (new if i % 2 else old).send({**change(f"mixed-{i}", ATTRIBUTES[i]), "Shift": "early"})
    old.flush(), new.flush()
    assert len(audit(world).predictions) == PEOPLE
    worker.stop()
    world.ctl("schemas", "apply")
    world.scoring()
    assert Writer(world).schema_id in (old.schema_id, new.schema_id)


def test_a_record_in_the_wrong_partition_is_scored_into_the_right_one(world):
    """librdkafka's own default partitioner is another one than Java's."""
    writer = Writer(world, partitioner="consistent_random")
    worker = world.scoring()
    for i in range(400):
        writer.send(change(f"foreign-{i}", ATTRIBUTES[i]))
    writer.flush()
    result = audit(world)
    foreign = sum(r.partition != partition_of(r.key) for r in result.inputs)
    assert foreign > 200
    assert all(r.partition == partition_of(r.key) for r in result.predictions)
    assert worker.metric("retentionai_foreign_partition_total") == foreign


def highest(world, count):
    """Attributes of people whose risk is high."""
    scores = Scores()
    scores.learn(ATTRIBUTES)
    found = [a for a in ATTRIBUTES if scores.of(a).band == "high"]
    assert len(found) >= count
    return found[:count]


def calmest():
    scores = Scores()
    scores.learn(ATTRIBUTES)
    return min(ATTRIBUTES, key=lambda a: scores.of(a).probability)


def test_who_leaves_gets_a_null_and_who_is_hired_again_starts_anew(world):
    writer = Writer(world)
    world.scoring()
    people = highest(world, 30)

    def say(kind, minute, who=range(30), attributes=None):
        for i in who:
            writer.send(change(f"person-{i}", attributes or people[i], EVENT_TIME + minute * 60_000, kind))
        writer.flush()
        return audit(world)

    first = say("created", 0)
    assert all(r.header("change") == "created" for r in first.predictions)
    assert len(rows_of(world, "risk_episode", "id")) == 30

    left = say("left", 1, range(20))
    nulls = [r for r in left.predictions if r.value is None]
    assert len(nulls) == 20 and all(r.raw is None for r in nulls)
    for record in nulls:
        assert record.header("change") == "left"
        assert record.header("event_time") == str(EVENT_TIME + 60_000)
        assert uuid.UUID(record.header("event_id"))
        assert record.header("scored_at").isdigit()
    episodes = rows_of(world, "risk_episode", "id")
    assert sum(e["closed_reason"] == "left" and e["closed_by"] is None for e in episodes) == 20
    states = {row["employee_id"]: row for row in rows_of(world, "employee", "employee_id")}
    assert sum(s["left_at"] is not None for s in states.values()) == 20
    departed = {r["employee_id"] for r in rows_of(world, "current_prediction", "employee_id") if r["departed"]}
    assert departed == {f"person-{i}" for i in range(20)}
    assert len(left.predictions) == 50 and len(left.high_risk) == 30

    # A change of somebody who left is scored and counts for nothing, whatever its time.
    late = say("updated", 2, range(10))
    states = {row["employee_id"]: row for row in rows_of(world, "employee", "employee_id")}
    assert sum(s["left_at"] is not None for s in states.values()) == 20
    assert len(late.high_risk) == 40
    assert len(rows_of(world, "stale_prediction", "employee_id")) == 10

    # Hired before they left (said too late): nothing. Hired after it: there again.
    say("created", 1, range(5))
    back = say("created", 3, range(10))
    states = {row["employee_id"]: row for row in rows_of(world, "employee", "employee_id")}
    assert {k for k, s in states.items() if s["left_at"]} == {f"person-{i}" for i in range(10, 20)}
    assert rows_of(world, "stale_prediction", "employee_id") == []
    # An episode was closed less than a week ago: the risk is known, no new one opens.
    assert len(rows_of(world, "risk_episode", "id")) == 30
    assert len(back.predictions) == 30 + 20 + 10 + 5 + 10


def test_a_risk_that_falls_ends_its_episode(world):
    writer = Writer(world)
    world.scoring()
    for i, attributes in enumerate(highest(world, 20)):
        writer.send(change(f"person-{i}", attributes))
    writer.flush()
    audit(world)
    for i in range(10):
        writer.send(change(f"person-{i}", calmest(), EVENT_TIME + 1))
    writer.flush()
    audit(world)
    episodes = {e["employee_id"]: e for e in rows_of(world, "risk_episode", "id")}
    for i in range(20):
        assert episodes[f"person-{i}"]["closed_reason"] == ("fell" if i < 10 else None)
    current = {r["employee_id"]: r for r in rows_of(world, "current_prediction", "employee_id")}
    assert all(episodes[f"person-{i}"]["closed_by"] == current[f"person-{i}"]["prediction_id"]
               for i in range(10))


def test_erased_is_treated_as_left(world):
    writer = Writer(world)
    world.scoring()
    writer.send(change("gone", ATTRIBUTES[0]))
    writer.send(change("gone", dict.fromkeys(ATTRIBUTES[0]), EVENT_TIME + 1, "erased"))
    writer.flush()
    result = audit(world)
    assert [r.header("change") for r in decoded(world, "predictions") if r.value is None] == ["erased"]
    assert result.employees["gone"]["left_at"] is not None
