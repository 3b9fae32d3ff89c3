# SPDX-License-Identifier: MIT
"""Plans as tests see them: who is at high risk, requests of people, and audit_plans(), the whole truth about
the plans of one world, worked out from what stands on high-risk and plan-requests."""
import collections
import csv
import functools
import io
import subprocess
import time
import uuid

from confluent_kafka import TopicPartition

from conftest import BUILD, EMPLOYEES_CSV, REPO, wait_for
from support import (ATTRIBUTES, DEAD_LETTERS, HIGH_RISK, PARTITIONS, PLAN_REQUESTS, PLANS, Decoder, change,
                     committed_places, decoded, last_offsets, read_topic, settle, wait_readable)

COLUMNS = ("plan_id prediction_id employee_id status action_1 action_2 action_3 language generated_by model_name "
           "prompt_sha256 input_tokens output_tokens refusal request_id requested_by reused_from").split()
INPUTS = (HIGH_RISK, PLAN_REQUESTS)


@functools.cache
def people():
    """-> attributes of the real people by the band of their score: {"high": [..], "low": [..], ..}"""
    done = subprocess.run([BUILD / "bin/retentionctl", "score", "--csv", EMPLOYEES_CSV], cwd=REPO, check=True,
                          capture_output=True, text=True, timeout=60)
    bands = collections.defaultdict(list)
    for row, attributes in zip(csv.DictReader(io.StringIO(done.stdout)), ATTRIBUTES, strict=True):
        bands[row["band"]].append(attributes)
    return bands


def at_risk(employee, number=0, **other):
    """An event that puts somebody at high risk, with the attributes of one of the real people who are."""
    return change(employee, people()["high"][number % len(people()["high"])], **other)


def request(prediction, employee, **other):
    """One PlanRequested as a dict."""
    return {"request_id": str(uuid.uuid4()), "prediction_id": prediction, "employee_id": str(employee),
            "requested_by": "somebody", "language": None, "requested_at": int(time.time() * 1000), "anew": False, **other}


def predictions_of(world, employees):
    """{employee: id of the prediction}, once all are recorded."""
    wanted = [str(employee) for employee in employees]

    def recorded():
        rows = dict(world.query("SELECT employee_id, id FROM predictions_history WHERE employee_id = ANY(%s)", wanted))
        return rows if len(rows) == len(wanted) else None
    return wait_for(f"{len(wanted)} scores", recorded, 60)


def committed(world):
    """{(topic, partition): next offset} of the retention worker's group."""
    places = [TopicPartition(world.topic(name), p) for name in INPUTS for p in range(PARTITIONS)]
    found = committed_places(world, f"{world.prefix}retention", places)
    return {(place.topic, place.partition): place.offset for place in found}


def cut_off(world):
    """Claims of calls that brought no plan: a process died in them, or another had made the plan meanwhile."""
    return world.scalar("SELECT count(*) FROM llm_call WHERE outcome IS DISTINCT FROM 'accepted' AND copied_from IS NULL")


def settle_plans(world, seconds=60):
    """Waits until all that is on high-risk and plan-requests now, and will be when the scoring is done, is finished,
    and its plans are recorded. -> {name: records} of the inputs"""
    if any(program.name == "retentionai-scoring" and program.running() for program in world.programs):
        settle(world, seconds)
    wait_readable(world, *INPUTS, seconds=seconds)
    inputs = {name: decoded_or_not(world, name) for name in INPUTS}

    def finished():
        now = committed(world)
        behind = {(name, p): (now[world.topic(name), p], last + 1) for name, records in inputs.items()
                  for p, last in last_offsets(records).items() if now[world.topic(name), p] < last + 1}
        assert not behind, f"committed and wanted offsets: {behind}"
        return True
    wait_for("all plans published", finished, seconds)
    wait_readable(world, PLANS, DEAD_LETTERS, seconds=seconds)
    written = last_offsets(decoded(world, PLANS))

    def recorded():
        place = dict(world.query("SELECT partition, next FROM kafka_offset WHERE topic = %s", world.topic(PLANS)))
        assert all(place.get(p, -1) > last for p, last in written.items()), (place, written)
        return True
    wait_for("all plans recorded", recorded, seconds)
    return inputs


def decoded_or_not(world, name):
    """Records of an input; what is no Avro has no value."""
    decode, records = Decoder(world.stack), read_topic(world.stack, world.topic(name))
    for record in records:
        try:
            record.value = decode(record.raw)
        except Exception:  # whatever somebody wrote
            record.value = None
    return records


def audit_plans(world, seconds=60):
    """Each episode and each request has exactly one plan, whose record and row are equal, and plans stand in
    the order of what they answer. -> {plan id: plan}, without what is a dead letter"""
    inputs = settle_plans(world, seconds)
    refused = {(r.header("dlq.topic"), r.header("dlq.partition"), r.header("dlq.offset"))
               for r in decoded_or_not(world, DEAD_LETTERS)}
    episodes = {row[0] for row in world.query("SELECT opened_by FROM risk_episode")}
    expected = {}
    for name, records in inputs.items():
        for record in records:
            is_refused = (world.topic(name), str(record.partition), str(record.offset)) in refused
            if not is_refused and (name == PLAN_REQUESTS or record.value["prediction_id"] in episodes):
                expected[f"{world.topic(name)}/{record.partition}/{record.offset}"] = record
    published = decoded(world, PLANS)
    ids = [record.value["plan_id"] for record in published]
    assert len(set(ids)) == len(ids), [one for one, times in collections.Counter(ids).items() if times > 1]
    topic = {record.value["plan_id"]: {name: record.value[name] for name in COLUMNS} for record in published}
    assert set(topic) == set(expected), set(topic) ^ set(expected)
    rows = [dict(zip(COLUMNS, row)) for row in world.query(f"SELECT {', '.join(COLUMNS)} FROM retention_plan")]
    assert {row["plan_id"]: row for row in rows} == topic
    for one, record in expected.items():
        plan = topic[one]
        assert (plan["prediction_id"], plan["employee_id"]) == (record.value["prediction_id"], record.value["employee_id"])
        assert plan["request_id"] == record.value.get("request_id")
    check_order(published)
    return topic


def check_order(published):
    """Of each partition of an input, plans stand in the order of the offsets."""
    last = {}
    for record in published:
        topic, partition, offset = record.value["plan_id"].rsplit("/", 2)
        assert int(partition) == record.partition and record.key.decode() == record.value["employee_id"]
        assert last.get((topic, partition), -1) < int(offset), f"{record} comes behind {last[topic, partition]}"
        last[topic, partition] = int(offset)
