# SPDX-License-Identifier: MIT
"""The services that docker/local starts: they do their work, and come back from a kill -9 with what
they had acknowledged."""
import json
import urllib.request

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

SCHEMA = Schema(json.dumps({"type": "record", "name": "R", "fields": [{"name": "a", "type": "long"}]}), "AVRO")


def consume_one(kafka, topic):
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": topic, "auto.offset.reset": "earliest"})
    try:
        consumer.subscribe([topic])
        message = consumer.poll(30)
        assert message is not None and message.error() is None
        return message.value()
    finally:
        consumer.close()


def test_postgresql_keeps_a_committed_row_over_a_kill(stack, bare_world):
    with bare_world.db() as db:
        db.execute("CREATE TABLE kept (answer int)")
        db.execute("INSERT INTO kept VALUES (42)")
    with stack.without("postgres", how="kill"):
        pass
    assert bare_world.scalar("SELECT answer FROM kept") == 42


def test_kafka_keeps_an_acknowledged_message_over_a_kill(stack, bare_world):
    topic = bare_world.topic("kept")
    admin = AdminClient({"bootstrap.servers": stack.kafka})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(30)
    producer = Producer({"bootstrap.servers": stack.kafka, "acks": "all"})
    producer.produce(topic, b"still here")
    assert producer.flush(30) == 0
    with stack.without("kafka", how="kill"):
        pass
    assert consume_one(stack.kafka, topic) == b"still here"


def test_kafka_makes_no_topic_by_itself(stack, bare_world):
    admin = AdminClient({"bootstrap.servers": stack.kafka})
    topic = bare_world.topic("never-made")
    producer = Producer({"bootstrap.servers": stack.kafka, "message.timeout.ms": 3000})
    failed = []
    producer.produce(topic, b"x", on_delivery=lambda error, _: failed.append(error))
    producer.flush(30)
    assert failed[0] is not None
    assert topic not in admin.list_topics(timeout=20).topics


def test_the_registry_keeps_ids_over_a_kill(stack, bare_world):
    client = SchemaRegistryClient({"url": stack.registry})
    subject = bare_world.topic("kept-value")
    schema_id = client.register_schema(subject, SCHEMA)
    with stack.without("registry", how="kill"):
        pass
    with urllib.request.urlopen(f"{stack.registry}/schemas/ids/{schema_id}", timeout=20) as answer:
        assert json.loads(json.load(answer)["schema"])["name"] == "R"
    assert SchemaRegistryClient({"url": stack.registry}).register_schema(subject, SCHEMA) == schema_id

