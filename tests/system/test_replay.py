# SPDX-License-Identifier: MIT
"""The same things again: files that were imported, events that come late or twice, and source records
that are read a second time because their offsets were set back."""
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from audit import audit, rows_of
from conftest import wait_for
from support import (ATTRIBUTES, CHANGES, EVENT_TIME, HIGH_RISK, PARTITIONS, PREDICTIONS, Writer, bits, change,
                     decoded, lane_group, last_offsets, quiet, read_topic, write_csv)

TABLES = {"employee": "employee_id", "predictions_history": "id", "current_prediction": "employee_id",
          "risk_episode": "id", "stale_prediction": "employee_id", "high_risk_facts": "prediction_id"}


def tables(world):
    return {table: rows_of(world, table, order) for table, order in TABLES.items()}


def topics(world):
    return {name: [(r.place, r.key, r.raw, r.headers) for r in read_topic(world.stack, world.topic(name))]
            for name in (CHANGES, PREDICTIONS, HIGH_RISK, "dead-letters")}


def imported(world, path, **options):
    importer = world.hris(path, **options)
    assert importer.wait() == 0, importer.tail()
    return importer


def test_the_same_file_again_sends_nothing(world):
    path = write_csv(world.directory / "people.csv", 300)
    world.scoring()
    imported(world, path, source="plant")
    audit(world)
    before = topics(world), tables(world)
    imported(world, path, source="plant")
    audit(world)
    assert (topics(world), tables(world)) == before


def test_the_same_events_under_another_source_give_the_same_scores_and_states(world):
    """A repeated event is an event: it is scored and recorded, and changes nothing that counts."""
    path = write_csv(world.directory / "people.csv", 300)
    world.scoring()
    imported(world, path, source="plant")
    first = audit(world)
    episodes = rows_of(world, "risk_episode", "id")
    imported(world, path, source="archive")
    second = audit(world)
    assert len(second.predictions) == 600
    scores = {}
    for record in second.predictions:
        scores.setdefault(record.key, []).append(bits(record.value["churn_probability"]))
    assert all(len(found) == 2 and found[0] == found[1] for found in scores.values())
    assert rows_of(world, "risk_episode", "id") == episodes
    assert {row["event_time"] for row in second.employees.values()} == \
        {row["event_time"] for row in first.employees.values()}
    # At the same event time the later word of the HR system stands.
    assert {row["source"] for row in second.employees.values()} == {"archive"}


def test_an_older_event_is_recorded_but_replaces_nothing(world):
    writer = Writer(world)
    world.scoring()
    calm = min(range(200), key=lambda i: ATTRIBUTES[i]["OverTime"] == "Yes")
    people = [(f"late-{i}", ATTRIBUTES[i]) for i in range(200)]
    for employee, attributes in people:
        writer.send(change(employee, attributes))
    writer.flush()
    first = audit(world)
    before = tables(world)
    for employee, _ in people:
        writer.send(change(employee, ATTRIBUTES[calm], event_time=EVENT_TIME - 1))
    writer.flush()
    second = audit(world)
    after = tables(world)
    assert len(second.predictions) == 2 * len(first.predictions) == 400
    assert len(after["predictions_history"]) == 400
    for table in ("employee", "current_prediction", "risk_episode"):
        assert after[table] == before[table], table
    assert before["stale_prediction"] == []
    assert {row["employee_id"] for row in after["stale_prediction"]} == {employee for employee, _ in people}
    # The next event that is newer takes the note away.
    for employee, attributes in people[:50]:
        writer.send(change(employee, attributes, event_time=EVENT_TIME + 1))
    writer.flush()
    audit(world)
    assert len(rows_of(world, "stale_prediction", "employee_id")) == 150


def set_back(world, to):
    """The lane's committed offsets, as an operator would set them (the lane must be down)."""
    admin = AdminClient(quiet(world.stack.kafka))
    group = lane_group(world)
    partitions = [TopicPartition(world.topic(CHANGES), p, to, "gen=1") for p in range(PARTITIONS)]
    request = ConsumerGroupTopicPartitions(group, partitions)
    answer = admin.alter_consumer_group_offsets([request], request_timeout=20)[group].result()
    assert all(p.error is None for p in answer.topic_partitions), answer.topic_partitions


def leave_group(world):
    """A static member that stopped is a member until its session is over; an operator removes it."""
    admin = AdminClient(quiet(world.stack.kafka))

    def empty():
        described = admin.describe_consumer_groups([lane_group(world)])[lane_group(world)].result()
        return not described.members

    wait_for("the lane's group is empty", empty, 30, every=0.2)


def wait_recorded(world, count):
    """-> the predictions, once there are so many and all of them, and the high ones, have been recorded."""
    def is_recorded(name, records):
        place = dict(world.query("SELECT partition, next FROM kafka_offset WHERE topic = %s", world.topic(name)))
        return all(place.get(p, -1) > last for p, last in last_offsets(records).items())

    def all_there():
        records, high = (read_topic(world.stack, world.topic(name)) for name in (PREDICTIONS, HIGH_RISK))
        return len(records) >= count and is_recorded(PREDICTIONS, records) and is_recorded(HIGH_RISK, high)

    wait_for(f"{count} predictions recorded", all_there, 60, every=0.2)
    records = decoded(world, PREDICTIONS)
    assert len(records) == count
    return records


def test_predictions_that_the_recorder_reads_again_are_skipped(world):
    """Its positions are set back to the beginning: each row is there already, equal to the last bit."""
    writer = Writer(world)
    worker = world.scoring()
    for i in range(400):
        writer.send(change(f"twice-{i}", ATTRIBUTES[i], kind="created" if i % 2 else "updated"))
    writer.flush()
    audit(world)
    before = tables(world)
    worker.stop()
    world.query("UPDATE kafka_offset SET next = 0, last_applied = NULL, last_checksum = NULL,"
                " last_applied_at = NULL RETURNING 1")
    worker = world.scoring()
    high = len(audit(world).high_risk)
    assert tables(world) == before
    assert high > 0 and worker.metric("retentionai_recorder_duplicates_total") == 400 + high


def test_changes_that_the_lane_reads_again_change_no_table(world):
    """Its offsets are set back: the scores come a second time under the ids they had, with the same
    bits; only when they were scored is another time. The rows stay as they are, the others are kept
    aside for people to look at."""
    writer = Writer(world)
    worker = world.scoring()
    for i in range(400):
        writer.send(change(f"again-{i}", ATTRIBUTES[i], kind="created" if i % 2 else "updated"))
    writer.flush()
    audit(world)
    before = tables(world)
    worker.stop()
    leave_group(world)
    set_back(world, 0)
    worker = world.scoring()
    found = {}
    for record in wait_recorded(world, 800):
        found.setdefault(record.value["prediction_id"], []).append(record.value)
    assert len(found) == 400
    for first, second in found.values():
        assert bits(first["churn_probability"]) == bits(second["churn_probability"])
        assert {name for name in first if first[name] != second[name]} <= {"scored_at"}
    assert tables(world) == before
    high = {name for name, both in found.items() if both[0]["band"] == "high"}
    assert len(high) > 0
    for table, ids, scored_at in (("predictions_history", found, "timestamp"), ("high_risk_facts", high, "scored_at")):
        aside = world.query("SELECT prediction_id, incoming, stored FROM recorder_conflict WHERE table_name = %s", table)
        assert sorted(row[0] for row in aside) == sorted(ids)
        for _, incoming, stored in aside:
            assert {name for name in incoming if incoming[name] != stored[name]} == {scored_at}
    assert worker.metric("retentionai_recorder_conflicts_total") == 400 + len(high)
