# SPDX-License-Identifier: MIT
"""Who reads committed data all the time, in a process of its own: what it has seen must be there in the end, at the
same places, and nothing between."""
import array
import os
import uuid
import zlib

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from support import PARTITIONS, quiet


def mark(key, value):
    """Of one record, to be compared."""
    return zlib.crc32(value or b"", zlib.crc32(key or b"", value is None))


def run(kafka, topics, pipe):
    """Reads until it is told the last offsets {(topic, partition): offset} and has passed them. Answers with
    {(topic, partition): (offsets, marks)}, or with what went wrong."""
    parent = os.getppid()
    consumer = Consumer({**quiet(kafka), "group.id": f"chaos-{uuid.uuid4().hex}", "isolation.level": "read_committed",
                         "enable.auto.commit": False, "auto.offset.reset": "error", "fetch.wait.max.ms": 100})
    consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for topic in topics for p in range(PARTITIONS)])
    seen = {(topic, p): (array.array("q"), array.array("L")) for topic in topics for p in range(PARTITIONS)}
    ends = None
    while os.getppid() == parent:
        for message in consumer.consume(5000, 0.2):
            if message.error() is None:
                offsets, marks = seen[message.topic(), message.partition()]
                offsets.append(message.offset())
                marks.append(mark(message.key(), message.value()))
            elif message.error().code() == KafkaError._AUTO_OFFSET_RESET:  # others pass: servers go away
                pipe.send(f"{message.topic()}/{message.partition()}: {message.error()}")
                return
        if ends is None and pipe.poll():
            ends = pipe.recv()
        if ends is not None and all(seen[place][0] and seen[place][0][-1] >= last for place, last in ends.items()):
            pipe.send({place: (offsets.tobytes(), marks.tobytes()) for place, (offsets, marks) in seen.items()})
            return


def compare(name, seen, records):
    """`seen`: (offsets, marks) of one partition as they came, `records`: the same partition, read at the end."""
    offsets, marks = array.array("q"), array.array("L")
    offsets.frombytes(seen[0])
    marks.frombytes(seen[1])
    found = [(record.offset, mark(record.key, record.raw)) for record in records]
    told = list(zip(offsets, marks))
    if told == found:
        return
    at = next((i for i, (a, b) in enumerate(zip(told, found)) if a != b), min(len(told), len(found)))
    raise AssertionError(
        f"{name}: the reader meanwhile saw {len(told)} records, at the end there are {len(found)}; the first that differs is "
        f"number {at}: seen (offset, mark) {told[max(0, at - 2):at + 3]}, found {found[max(0, at - 2):at + 3]}: "
        f"{[str(record) for record in records[max(0, at - 1):at + 2]]}")
