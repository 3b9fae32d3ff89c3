# SPDX-License-Identifier: MIT
"""What must hold in the end. Most of it is the audit that every system test has, partition by partition in processes
of their own; beside it what a reader saw meanwhile, and what the database noted."""
import collections
import gc
import os

from confluent_kafka import TopicPartition

from audit import PARTITION, Part, Scores, audit_part, check_positions
from load import CODES
from reader import compare
from scene import Violation
from support import (CHANGES, DEAD_LETTERS, HIGH_RISK, PARTITIONS, PREDICTIONS, asker, committed_offsets, read_topic)

READ = (PREDICTIONS, HIGH_RISK, DEAD_LETTERS)


def refused(inputs):
    """Of each record that says in a header that it is poison: {its place: codes}"""
    found = {}
    for record in inputs:
        codes = record.header(CODES)
        if codes is not None:
            found[record.source] = set(codes.split(","))
    return found


def check_input(inputs, bad):
    """What the load has sent is there at most once and in order: the events of each employee count up.
    -> {employee: his numbers}"""
    numbers = collections.defaultdict(list)
    for record in inputs:
        if record.source in bad or not record.topic.endswith(CHANGES):
            continue
        employee, number = map(int, record.value["event_id"].split("-"))
        if record.key != str(employee).encode() or numbers[employee] and number <= numbers[employee][-1]:
            raise AssertionError(f"behind event {numbers[employee][-1:]} of {employee} stands {record}")
        numbers[employee].append(number)
    return dict(numbers)


def check_load(sent, found):
    """Everything that was acknowledged has arrived, and nothing else."""
    unknown = collections.Counter(sent["unknown"])
    missing = {employee: missing for employee, count in sent["numbers"].items() if (
        missing := [n for n in set(range(count)) - set(found["numbers"].get(employee, ())) if (employee, n) not in unknown])}
    added = {employee: numbers[-1] for employee, numbers in found["numbers"].items() if numbers[-1] >= sent["numbers"].get(employee, 0)}
    bad = sent["poison"] - unknown[None] <= found["bad"] <= sent["poison"]
    if missing or added or not bad or sent["left"]:
        raise Violation("the load arrives once and in order",
                        f"sent {sent['sent']} good and {sent['poison']} bad, {sent['left']} not acknowledged; found {found['good']} and "
                        f"{found['bad']}; missing {list(missing.items())[:5]}, not sent {list(added.items())[:5]}")


def check_part(whole, partition, models, seen, lanes):
    """-> what was counted, or a Violation as (invariant, text)"""
    world, step = Part(whole, partition), "one prediction, row and dead letter per event, in order, with equal bits"
    try:
        result = audit_part(world, models, lanes, refused)
        step, bad = "the load arrives once and in order", refused(result.inputs)
        numbers = check_input(result.inputs, bad)
        step = "what a reader saw never vanishes"
        compare(f"predictions/{partition}", seen[PREDICTIONS], result.predictions)
        compare(f"high-risk/{partition}", seen[HIGH_RISK], result.high_risk)
    except AssertionError as error:
        return step, str(error)
    by_model = collections.Counter(record.value["model_id"] for record in result.predictions if record.value is not None)
    return {"good": sum(map(len, numbers.values())), "bad": len(bad), "numbers": numbers, "high_risk": len(result.high_risk), "by_model": by_model}


def check_parts(whole, partitions, models, seen, lanes, pipe):
    """In a process of its own, which ends behind it."""
    gc.disable()  # hundred thousands of records, none in a ring; each part is freed as it is left
    scores = {one.model_id: one for one in map(Scores, models)}
    for partition in partitions:
        found = check_part(whole, partition, scores, seen[partition], lanes)
        pipe.send((partition, found))
        if isinstance(found, tuple):
            break
    pipe.send(None)


def check_all(context, scene, seen, lanes):
    """Every partition. -> the sums of what was counted"""
    world = scene.world
    by_partition = {p: {name: seen[world.topic(name), p] for name in READ} for p in range(PARTITIONS)}
    crew = []
    share = max(1, min(4, os.cpu_count() or 1))
    for first in range(share):
        ours, theirs = context.Pipe()
        partitions = list(range(first, PARTITIONS, share))
        process = context.Process(target=check_parts, daemon=True,
                                  args=(Part(world), partitions, list(scene.models), {p: by_partition[p] for p in partitions},
                                        lanes, theirs))
        process.start()
        theirs.close()
        crew.append(ours)
    results = []
    for pipe in crew:
        while (told := pipe.recv()) is not None:
            partition, found = told
            if isinstance(found, tuple):
                raise Violation(found[0], f"partition {partition}: {found[1]}")
            results.append(found)
    letters = read_topic(world.stack, world.topic(DEAD_LETTERS))
    for partition in range(PARTITIONS):
        check("what a reader saw never vanishes", compare, f"dead-letters/{partition}", by_partition[partition][DEAD_LETTERS],
              [letter for letter in letters if letter.partition == partition])
    sums = {name: sum(result[name] for result in results) for name in ("good", "bad", "high_risk")}
    numbers = {employee: those for result in results for employee, those in result["numbers"].items()}
    return {**sums, "numbers": numbers, "by_model": sum((result["by_model"] for result in results), collections.Counter())}


def check(invariant, function, *arguments):
    try:
        return function(*arguments)
    except AssertionError as error:
        raise Violation(invariant, str(error)) from None


def check_database(world):
    """Positions went forward only, rows that are final stayed as they were, nothing is in conflict or lost."""
    seen = world.query("SELECT at, what, was, became FROM chaos_seen ORDER BY at LIMIT 5")
    if seen:
        raise Violation(f"a {seen[0][1]}" if "changed" in seen[0][1] else "positions only go forward",
                        "\n  ".join(f"{at:%T.%f} {what}: {was} became {became}" for at, what, was, became in seen))
    check("the recorder has neither conflicts nor gaps", check_positions, world)
    for table, partition in PARTITION.items():
        stray = world.scalar(f"SELECT count(*) FROM {table} WHERE {partition} NOT BETWEEN 0 AND {PARTITIONS - 1} OR {partition} IS NULL")
        if stray:
            raise Violation("one prediction, row and dead letter per event, in order, with equal bits", f"{stray} rows of {table} are of no partition")


def check_offsets(world, lanes):
    """No position is ahead of what is there."""
    def end(topic, partition):
        return asker(world).get_watermark_offsets(TopicPartition(topic, partition), timeout=20)[1]
    places = [("the lane", world.topic(lane), p, offset) for lane in lanes for p, offset in committed_offsets(world, lane).items()]
    places += [("the recorder", *row) for row in world.query("SELECT topic, partition, next FROM kafka_offset")]
    for who, topic, partition, offset in places:
        if offset > end(topic, partition):
            raise Violation("offsets are never ahead of work", f"{who} is at {offset} of {topic}/{partition}, which ends at {end(topic, partition)}")
