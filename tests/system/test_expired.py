# SPDX-License-Identifier: MIT
"""Records expire after they were read. What is left of a log then begins behind the marks of the transactions that
wrote them, and whoever starts again must begin there: nothing was lost."""
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from audit import audit
from conftest import wait_for
from support import (CHANGES, HIGH_RISK, PARTITIONS, Writer, asker, history, lane_group, last_offsets, quiet, read_topic, scored,
                     settle, write_csv)


def committed(world, group, topic):
    """{partition: offset}"""
    asked = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, p) for p in range(PARTITIONS)])
    admin = AdminClient(quiet(world.stack.kafka))
    answer = admin.list_consumer_group_offsets([asked])[group].result(30)
    return {place.partition: place.offset for place in answer.topic_partitions}


def expire(world, topic):
    """Everything that is there, as the retention time would do it. -> {partition: where the log begins}"""
    all_of_it = [TopicPartition(topic, p, -1) for p in range(PARTITIONS)]
    admin = AdminClient(quiet(world.stack.kafka))
    return {place.partition: future.result(30).low_watermark for place, future in admin.delete_records(all_of_it).items()}


def ends(world, topic):
    return {p: asker(world).get_watermark_offsets(TopicPartition(topic, p), timeout=20)[1] for p in range(PARTITIONS)}


def wait_until_covered(world, group, topic):
    """Not only behind the last record: there the mark of its transaction stands."""
    last = last_offsets(read_topic(world.stack, topic))
    found = ends(world, topic)
    assert all(found[partition] > last[partition] + 1 for partition in last) and last, "a log without marks shows nothing"
    wait_for("the ends are committed", lambda: committed(world, group, topic) == found, 30)


def test_a_lane_goes_on_where_all_that_it_read_has_expired(world):
    worker = world.scoring()
    importer = world.hris(write_csv(world.directory / "people.csv", 500))
    assert importer.wait() == 0, importer.tail()
    assert len(audit(world).predictions) == 500
    topic = world.topic(CHANGES)
    wait_until_covered(world, lane_group(world), topic)
    worker.stop()
    assert expire(world, topic) == ends(world, topic)
    worker, there = world.scoring(), scored(world)
    writer = Writer(world)
    for event in history(100, 1):
        writer.send(event)
    writer.flush()
    wait_for("the next events are scored", lambda: scored(world) == there + 100, 30)
    assert worker.running()


def test_a_lane_does_not_start_where_something_expired_unread(world):
    """An operator's decision."""
    world.scoring().stop()
    writer = Writer(world)
    for event in history(100, 1):
        writer.send(event)
    writer.flush()
    expire(world, world.topic(CHANGES))
    worker = world.start("retentionai-scoring")
    assert worker.wait(30) == 1
    assert "code=no-offset" in worker.tail() and "new-generation" in worker.tail()


def test_the_retention_worker_goes_on_where_all_that_it_read_has_expired(world):
    world.scoring()
    worker = world.retention(PLAN_PROVIDERS="rules")
    writer = Writer(world)
    for event in history(400, 1):
        writer.send(event)
    writer.flush()
    settle(world)
    facts = world.scalar("SELECT count(*) FROM high_risk_facts")
    wait_for("a plan for each", lambda: world.scalar("SELECT count(*) FROM retention_plan") == facts > 0, 30)
    topic = world.topic(HIGH_RISK)
    wait_until_covered(world, f"{world.prefix}retention", topic)
    worker.stop()
    assert expire(world, topic) == ends(world, topic)
    world.retention(PLAN_PROVIDERS="rules")
    for event in history(400, 1, first=900_000):
        writer.send(event)
    writer.flush()
    wait_for("the next plans are there", lambda: world.scalar("SELECT count(*) FROM retention_plan") > facts, 30)
