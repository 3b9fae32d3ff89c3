# SPDX-License-Identifier: MIT
"""The flow as an outsider sees it: the real employees go in as a file, and other people's clients
(confluent-kafka with its Avro deserializer, psycopg, scikit-learn) find each of them scored once, with
the same bits on Kafka and in PostgreSQL."""
import collections
import csv
import datetime
import json
import math
import uuid

import psycopg
import pytest
from confluent_kafka import Consumer, KafkaError, TopicPartition, OFFSET_BEGINNING
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext
from psycopg.rows import dict_row

from audit import HISTORY_NAME, MODEL_FILE, Scores, audit, bands_of, column_of
from conftest import EMPLOYEES_CSV
from support import FEATURES, attributes_of, bits, csv_rows, settle

EMPLOYEES = 1470


Message = collections.namedtuple("Message", "key value partition")


def consume_all(world, topic):
    """Every committed record of a topic, decoded by Confluent's own deserializer."""
    deserialize = AvroDeserializer(SchemaRegistryClient({"url": world.environment["SCHEMA_REGISTRY_URL"]}))
    consumer = Consumer({
        "bootstrap.servers": world.environment["KAFKA_BOOTSTRAP_SERVERS"], "group.id": uuid.uuid4().hex,
        "isolation.level": "read_committed", "enable.partition.eof": True, "enable.auto.commit": False,
        "auto.offset.reset": "error"})
    topic = world.topic(topic)
    open_partitions = set(consumer.list_topics(topic, timeout=30).topics[topic].partitions)
    consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in open_partitions])
    messages = []
    while open_partitions:
        message = consumer.poll(30)
        assert message is not None, f"{topic}: {len(messages)} messages, no end of {open_partitions}"
        if message.error() is None:
            value = deserialize(message.value(), SerializationContext(topic, MessageField.VALUE))
            messages.append(Message(message.key().decode(), value, message.partition()))
        else:
            assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
            open_partitions.discard(message.partition())
    consumer.close()
    return messages


def select(world, sql):
    with psycopg.connect(world.environment["DATABASE_URL"]) as db, \
            db.cursor(row_factory=dict_row, binary=True) as cursor:
        return cursor.execute(sql).fetchall()


@pytest.fixture(scope="module")
def rows():
    with open(EMPLOYEES_CSV, encoding="utf-8-sig", newline="") as file:
        found = list(csv.DictReader(file))
    assert len(found) == EMPLOYEES
    return found


@pytest.fixture(scope="module")
def flow(stack, tmp_path_factory):
    """The file imported, scored and recorded; the tests of this file read what came of it."""
    from conftest import World
    world = World(stack, "flow", tmp_path_factory.mktemp("flow"))
    failed = True
    try:
        world.apply()
        world.scoring()
        importer = world.hris(EMPLOYEES_CSV, source="head-office")
        assert importer.wait() == 0, importer.tail()
        settle(world)
        yield world
        failed = False
    finally:
        world.end(failed)


def test_each_employee_has_one_prediction_with_the_same_bits_on_kafka_and_in_postgresql(flow, rows):
    messages = consume_all(flow, "predictions")
    stored = {row["id"]: row for row in select(flow, "SELECT * FROM predictions_history")}
    assert sorted(m.key for m in messages) == sorted(row["EmployeeNumber"] for row in rows)
    assert len(stored) == len(messages)
    for message in messages:
        value = message.value
        row = stored[value["prediction_id"]]
        assert value["employee_id"] == message.key
        assert bits(value["churn_probability"]) == bits(row["probability"]), (value, row)
        assert {HISTORY_NAME.get(name, name) for name in value} == set(row)
        for name, here in value.items():
            there = row[HISTORY_NAME.get(name, name)]
            assert type(here) is type(there) and here == there, (name, here, there, value)
            if isinstance(here, float):
                assert bits(here) == bits(there), (name, here, there, value)


def test_each_probability_is_that_of_scikit_learn_on_the_same_artefact(flow, rows):
    scores = Scores()
    expected = dict(zip((row["EmployeeNumber"] for row in rows),
                        scores.reference.probabilities([attributes_of(row) for row in rows])))
    found = {m.key: m.value for m in consume_all(flow, "predictions")}
    worst = max(abs(found[key]["churn_probability"] - p) for key, p in expected.items())
    assert worst <= 1e-12, worst
    assert {v["model_id"] for v in found.values()} == {scores.model_id}
    # Not one number for all: the model tells people apart.
    assert len({bits(v["churn_probability"]) for v in found.values()}) > EMPLOYEES * 0.99


def test_the_reasons_are_parts_of_the_log_odds(flow, rows):
    """The three told and the untold ones add up to the log-odds; none untold is greater than a told."""
    people = {row["EmployeeNumber"]: attributes_of(row) for row in rows}
    scores = Scores()
    for message in consume_all(flow, "predictions"):
        value = message.value
        parts = dict(scores.of(people[message.key]).contributions)
        p = value["churn_probability"]
        rest = math.log(p / (1 - p)) - value["base_log_odds"]
        for i in (1, 2, 3):
            reason, weight = value[f"reason_{i}"], value[f"weight_{i}"]
            assert abs(parts.pop(reason) - weight) <= 1e-12, value
            assert abs(weight) + 1e-12 >= max(map(abs, parts.values())), (value, parts)
            rest -= weight
        assert abs(rest - sum(parts.values())) < 1e-9, (value, rest, parts)


def test_a_score_is_explained_from_the_latest_state(flow):
    """retentionctl reads the state from the table and finds the score that stands in the other."""
    models = ["--model", MODEL_FILE, "--features", MODEL_FILE.with_name("features.json")]
    current = select(flow, "SELECT employee_id, probability FROM current_prediction ORDER BY 1 LIMIT 20")
    assert len(current) == 20
    for row in current:
        told = json.loads(flow.ctl("explain", "--employee", row["employee_id"], "--json", *models))
        assert bits(told["churn_probability"]) == bits(row["probability"])
        parts = sum(reason["log_odds"] for reason in told["reasons"]) + told["other_log_odds"]
        assert abs(told["base_log_odds"] + parts - told["log_odds"]) < 1e-12
    flow.ctl("explain", "--employee", "nobody", *models, status=1)


def test_the_table_of_employees_is_the_file_cell_for_cell(flow, rows):
    stored = {row["employee_id"]: row for row in select(flow, "SELECT * FROM employee")}
    assert len(stored) == EMPLOYEES
    for row in rows:
        found = stored[row["EmployeeNumber"]]
        for feature in FEATURES:
            cell = found[column_of(feature["name"])]
            assert str(cell) == row[feature["name"]], (row["EmployeeNumber"], feature["name"], cell)
            assert isinstance(cell, str if feature["type"] == "category" else int)
        assert found["event_time"] == datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
        assert found["source"] == "head-office" and found["left_at"] is None


def test_high_risk_holds_those_over_the_threshold_and_each_has_an_open_episode(flow):
    high = {m.key: m.value for m in consume_all(flow, "predictions") if m.value["band"] == "high"}
    assert 0 < len(high) < EMPLOYEES
    assert all(v["churn_probability"] > v["threshold"] for v in high.values())
    forwarded = {m.key: m.value for m in consume_all(flow, "high-risk")}
    told = {row["EmployeeNumber"]: bands_of(attributes_of(row)) for row in csv_rows()}
    assert {k: {**v, "facts": told[k]} for k, v in high.items()} == forwarded
    assert all(len(bands) == 17 and "Age" not in str(bands) for bands in told.values())
    episodes = select(flow, "SELECT * FROM risk_episode")
    assert {e["employee_id"]: e["opened_by"] for e in episodes} == \
        {k: v["prediction_id"] for k, v in high.items()}
    assert len(episodes) == len(high)
    assert all(e["closed_at"] is None and e["closed_by"] is None for e in episodes)
    assert {e["employee_id"]: e["opened_at"] for e in episodes} == {k: v["scored_at"] for k, v in high.items()}


def test_the_current_prediction_of_each_employee_is_the_only_one(flow):
    current = {row["employee_id"]: row["prediction_id"] for row in
               select(flow, "SELECT * FROM current_prediction WHERE NOT departed")}
    assert current == {m.key: m.value["prediction_id"] for m in consume_all(flow, "predictions")}


def test_an_employee_is_in_one_partition_number_everywhere(flow):
    places = collections.defaultdict(set)
    for topic in ("employee-changes", "predictions", "high-risk"):
        for message in consume_all(flow, topic):
            places[message.key].add(message.partition)
    assert len(places) == EMPLOYEES and all(len(found) == 1 for found in places.values())
    assert len(set.union(*places.values())) == 8


def test_nothing_was_refused_and_everything_else_agrees(flow):
    result = audit(flow)
    assert len(result.inputs) == len(result.predictions) == EMPLOYEES and not result.dead_letters


def test_a_file_that_is_half_bad_gives_its_good_half(world, rows):
    """The importer refuses rows itself: they are in a file beside the input and on no topic."""
    path = world.directory / "half.csv"
    with open(EMPLOYEES_CSV, encoding="utf-8-sig", newline="") as file:
        lines = file.read().splitlines()
    broken = [line + ",extra" if number % 2 else line for number, line in enumerate(lines[1:41])]
    path.write_text("\r\n".join([lines[0], *broken]) + "\r\n")
    world.scoring()
    importer = world.hris(path)
    assert importer.wait() == 1, importer.tail()
    result = audit(world)
    assert sorted(r.value["employee_id"] for r in result.inputs) == \
        sorted(row["EmployeeNumber"] for row in csv_rows()[0:40:2])
    beside = [p for p in world.directory.glob("half.csv*") if p != path]
    assert len(beside) == 1, beside
    told = beside[0].read_text()
    for number in range(1, 40, 2):
        assert str(number + 2) in told, f"line {number + 2} is not in {beside[0]}:\n{told}"
