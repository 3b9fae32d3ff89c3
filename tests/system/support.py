# SPDX-License-Identifier: MIT
"""What the system tests share: the real people, events made from them, topics read to their end, and
the moment when everything that was sent has gone all the way."""
import csv
import io
import itertools
import json
import random
import struct
import threading
import time
import uuid

import fastavro
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition, OFFSET_BEGINNING
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

from conftest import EMPLOYEES_CSV, REPO, SLOW, tell_time, wait_for

FEATURES_FILE = json.loads((REPO / "models/features.json").read_text())
FEATURES, FACTS = FEATURES_FILE["attributes"], FEATURES_FILE["facts"]["allowed"]
CHANGES, PREDICTIONS, HIGH_RISK, DEAD_LETTERS = "employee-changes", "predictions", "high-risk", "dead-letters"
REQUESTS, RESCORE, REPLIES = "score-requests", "employee-rescore", "prediction-replies"
PLAN_REQUESTS, PLANS = "plan-requests", "retention-plans"
# Of each scoring lane: what its predictions say they were triggered by.
LANES = {CHANGES: "change", REQUESTS: "request", RESCORE: "rescore"}
PARTITIONS = 8
DOUBLE = struct.Struct(">d").pack
# 2026-01-02T03:04:05Z, also what World.hris says when nothing else is asked for.
EVENT_TIME = 1767323045000


def quiet(kafka):
    """Settings of every client here. Tests take servers away: what librdkafka says then is no news."""
    return {"bootstrap.servers": kafka, "log_level": 0}


def bits(number):
    """A double as its 64 bits: the only equality that counts between two copies of one score."""
    return None if number is None else DOUBLE(number)


def murmur2(key):
    """The partitioner of Java clients, Kafka Connect and Debezium, from Kafka's Utils.murmur2."""
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    h = 0x9747B28C ^ len(key)
    whole = len(key) & ~3
    for (k,) in struct.iter_unpack("<I", key[:whole]):
        k = k * m & mask
        k ^= k >> 24
        h = (h * m & mask) ^ (k * m & mask)
    left = key[whole:]
    if len(left) > 2:
        h ^= left[2] << 16
    if len(left) > 1:
        h ^= left[1] << 8
    if left:
        h = (h ^ left[0]) * m & mask
    h ^= h >> 13
    h = h * m & mask
    return h ^ h >> 15


def partition_of(key, partitions=PARTITIONS):
    return (murmur2(key) & 0x7FFFFFFF) % partitions


# ---- people ---------------------------------------------------------------------------------------


def csv_rows(path=EMPLOYEES_CSV):
    with open(path, encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def attributes_of(row):
    """The cells of a CSV row as the values of an event."""
    return {f["name"]: row[f["name"]] if f["type"] == "category" else int(row[f["name"]]) for f in FEATURES}


PEOPLE = csv_rows()
ATTRIBUTES = [attributes_of(row) for row in PEOPLE]


def is_bad(i, bad_every):
    return bad_every > 0 and i % bad_every == 7


def write_csv(path, count, first=100_000, bad_every=0):
    """The real people over and over, each time under a new number. One in bad_every has an age that is
    no number: is_bad tells which."""
    text = io.StringIO()
    writer = csv.DictWriter(text, PEOPLE[0].keys(), lineterminator="\n")
    writer.writeheader()
    for i in range(count):
        age = {"Age": "forty"} if is_bad(i, bad_every) else {}
        writer.writerow({**PEOPLE[i % len(PEOPLE)], "EmployeeNumber": first + i, **age})
    path.write_text(text.getvalue())
    return path


def change(employee, attributes, event_time=EVENT_TIME, kind="updated", **other):
    """One EmployeeChanged as a dict."""
    return {"event_id": str(uuid.uuid4()), "employee_id": str(employee), "event_time": event_time,
            "change": kind, "source": "test", "requested_by": None, **attributes, **other}


def history(employees, events_each=None, first=500_000):
    """Changes of many employees, round after round (without end when not told): the event times of each
    only grow, and each event has the attributes of another person, so that a wrong order is a wrong
    score."""
    for turn in itertools.count() if events_each is None else range(events_each):
        for i in range(employees):
            yield change(first + i, ATTRIBUTES[(i * 7 + turn * 131) % len(ATTRIBUTES)],
                         event_time=EVENT_TIME + turn * 60_000)


# ---- writing ----------------------------------------------------------------------------------------


def frame(schema_id, body):
    return b"\0" + struct.pack(">I", schema_id) + body


class Writer:
    """A producer of EmployeeChanged (or of what is on the topic `name`) that has nothing to do with our
    code. Under the registered schema when none is given, else under that one (a JSON-like dict),
    registered for `subject`."""

    def __init__(self, world, schema=None, subject=None, partitioner="murmur2_random", name=CHANGES, **settings):
        self.world = world
        self.topic = world.topic(name)
        registry = SchemaRegistryClient({"url": world.stack.registry})
        if schema is None:
            known = registry.get_latest_version(self.topic + "-value")
            schema, self.schema_id = json.loads(known.schema.schema_str), known.schema_id
        else:
            self.schema_id = registry.register_schema(
                subject or self.topic + "-value", Schema(json.dumps(schema), "AVRO"))
        self.schema = schema
        self.parsed = fastavro.parse_schema(json.loads(json.dumps(schema)))
        self.producer = Producer({**quiet(world.stack.kafka), "partitioner": partitioner,
                                  "enable.idempotence": True, "linger.ms": 5, "message.timeout.ms": 120_000,
                                  "queue.buffering.max.messages": 1_000_000, **settings})
        self.places = []  # (partition, offset) of each record, in the order of sending once flushed
        self.failed = []

    def encode(self, event):
        out = io.BytesIO()
        fastavro.schemaless_writer(out, self.parsed, event)
        return frame(self.schema_id, out.getvalue())

    def send(self, event, **other):
        """-> index into places"""
        return self.send_bytes(self.encode(event), event["employee_id"].encode(), **other)

    def send_bytes(self, value, key, **other):
        at = len(self.places)
        self.places.append(None)

        def delivered(error, message):
            if error is not None:
                self.failed.append(error)
            else:
                self.places[at] = (message.partition(), message.offset())

        while True:
            try:
                self.producer.produce(self.topic, value, key, on_delivery=delivered, **other)
                break
            except BufferError:
                self.producer.poll(0.1)
        self.producer.poll(0)
        return at

    def flush(self, seconds=60):
        began = time.monotonic()
        left = self.producer.flush(seconds * SLOW)
        tell_time("records acknowledged", began)
        assert left == 0 and not self.failed, f"{left} records not acknowledged; {self.failed[:3]}"
        return self


class Stream(threading.Thread):
    """Sends events steadily from a thread, a few every 20 ms, so that a test can break things meanwhile."""

    def __init__(self, writer, events, per_second):
        super().__init__(daemon=True)
        self.writer, self.events, self.per_second = writer, events, per_second
        self.sent, self.failure, self.is_over = 0, None, False
        self.start()

    def run(self):
        try:
            began, step = time.monotonic(), max(1, int(self.per_second / 50))
            for event in self.events:
                if self.is_over:
                    break
                self.writer.send(event)
                self.sent += 1
                if self.sent % step == 0:
                    ahead = self.sent / self.per_second - (time.monotonic() - began)
                    if ahead > 0:
                        time.sleep(ahead)
        except BaseException as failure:  # given to the test by finish()
            self.failure = failure

    def stop(self):
        """-> events sent, all of them acknowledged"""
        self.is_over = True
        return self.finish()

    def finish(self, seconds=120):
        """The same at the end of the events."""
        self.join(seconds * SLOW)
        assert not self.is_alive(), f"the stream still sends after {self.sent} events"
        if self.failure is not None:
            raise self.failure
        self.writer.flush(seconds)
        return self.sent


# ---- reading ----------------------------------------------------------------------------------------


class Record:
    """One message of a topic."""

    __slots__ = ("topic", "partition", "offset", "timestamp", "key", "raw", "headers", "value")

    def __init__(self, message):
        self.topic, self.partition, self.offset = message.topic(), message.partition(), message.offset()
        self.timestamp = message.timestamp()[1]
        self.key, self.raw, self.value = message.key(), message.value(), None
        self.headers = message.headers() or []

    def header(self, name):
        """Its text; None without one. There must not be two."""
        found = [value for key, value in self.headers if key == name]
        assert len(found) <= 1, f"{self} has {len(found)} headers {name}"
        return found[0].decode() if found else None

    @property
    def place(self):
        return self.partition, self.offset

    @property
    def source(self):
        return self.topic, self.partition, self.offset

    def __repr__(self):
        shown = self.value if self.value is not None else self.raw
        return f"<{self.topic}/{self.partition}/{self.offset} key={self.key!r} {str(shown)[:300]}>"


def read_topic(stack, topic, isolation="read_committed", seconds=120, starts=None):
    """All records of a topic, up to the end that readers of committed data see now, in the order of
    their partitions. `starts`: {partition: first offset}, of these partitions only."""
    consumer = Consumer({**quiet(stack.kafka), "group.id": "reader-" + uuid.uuid4().hex,
                         "isolation.level": isolation, "enable.partition.eof": True,
                         "enable.auto.commit": False, "auto.offset.reset": "error",
                         "fetch.wait.max.ms": 10})
    try:
        partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
        assert partitions, f"there is no topic {topic}"
        starts = dict.fromkeys(partitions, OFFSET_BEGINNING) if starts is None else starts
        consumer.assign([TopicPartition(topic, p, offset) for p, offset in starts.items()])
        records, open_partitions = [], set(starts)
        end = time.monotonic() + seconds * SLOW
        while open_partitions:
            assert time.monotonic() < end, f"{topic}: {len(records)} records, no end of {open_partitions}"
            # It waits so long for the last of its ten thousand, which most topics here do not have.
            for message in consumer.consume(10_000, 0.02):
                if message.error() is None:
                    records.append(Record(message))
                elif message.error().code() == KafkaError._PARTITION_EOF:
                    open_partitions.discard(message.partition())
                else:
                    raise AssertionError(f"{topic}: {message.error()}")
    finally:
        consumer.close()
    return sorted(records, key=lambda record: record.place)


class Decoder:
    """Framed Avro by fastavro and the registry, whose ids never mean another schema."""

    known = {}

    def __init__(self, stack):
        self.url, self.schemas = stack.registry, self.known.setdefault(stack.registry, {})

    def __call__(self, raw):
        assert raw[:1] == b"\0", raw[:8]
        schema_id = struct.unpack(">I", raw[1:5])[0]
        if schema_id not in self.schemas:
            text = SchemaRegistryClient({"url": self.url}).get_schema(schema_id).schema_str
            self.schemas[schema_id] = fastavro.parse_schema(json.loads(text))
        body = io.BytesIO(raw[5:])
        value = fastavro.schemaless_reader(body, self.schemas[schema_id])
        assert body.tell() == len(raw) - 5, "bytes behind the record"
        return value


def decoded(world, name):
    """All committed records of one of our topics with their values (None where null)."""
    return decode_all(world, read_topic(world.stack, world.topic(name)))


def decode_all(world, records):
    decode = Decoder(world.stack)
    for record in records:
        if record.raw is not None:
            record.value = decode(record.raw)
    return records


# ---- the end of the flow ----------------------------------------------------------------------------


def lane_group(world, lane=CHANGES):
    return f"{world.prefix}scoring-{lane}"


def asker(world, group="ends", isolation="read_committed"):
    """A consumer that never joins, to be asked for offsets, which the world keeps: tests ask again and again.
    The admin client of librdkafka can crash while a broker comes back."""
    if (group, isolation) not in world.askers:
        world.askers[group, isolation] = Consumer({
            **quiet(world.stack.kafka), "group.id": group, "isolation.level": isolation})
    return world.askers[group, isolation]


def committed_places(world, group, places):
    """-> the same with their next offsets"""
    def ask():
        try:
            return asker(world, group).committed(places, timeout=20)
        except KafkaException as error:  # a coordinator that is on its way up
            raise AssertionError(error) from None
    return wait_for("committed offsets", ask)


def committed_offsets(world, lane=CHANGES):
    """Of a scoring lane: {partition: next offset}"""
    places = [TopicPartition(world.topic(lane), p) for p in range(PARTITIONS)]
    return {place.partition: place.offset for place in committed_places(world, lane_group(world, lane), places)}


def scored(world):
    """How many changes the scoring lane has committed; marks of transactions count too."""
    return sum(committed_offsets(world).values())


def ends(world, topic, isolation="read_committed"):
    """Sum of the ends of a topic for such readers; marks of transactions count too."""
    return sum(asker(world, isolation=isolation).get_watermark_offsets(TopicPartition(topic, p), timeout=20)[1]
               for p in range(PARTITIONS))


def last_offsets(records):
    last = {}
    for record in records:
        last[record.partition] = max(record.offset, last.get(record.partition, -1))
    return last


def read_whole(world, name):
    return read_topic(world.stack, world.topic(name))


def read_ends(world, name, tail=100):
    """The last records of each partition, for topics that are too long to be read in between."""
    topic, ask = world.topic(name), asker(world)
    bounds = {p: ask.get_watermark_offsets(TopicPartition(topic, p), timeout=20) for p in range(PARTITIONS)}
    records = read_topic(world.stack, topic, starts={p: max(first, end - tail) for p, (first, end) in bounds.items()})
    # There only marks of transactions and what was aborted stand at the end.
    missing = {p: OFFSET_BEGINNING for p, (first, end) in bounds.items() if end > first and p not in last_offsets(records)}
    return records + (read_topic(world.stack, topic, starts=missing) if missing else [])


def wait_readable(world, *names, seconds=30):
    """Until readers of committed data see all that is on these topics. A producer's commit is over before that:
    the broker marks the end of a transaction partition by partition afterwards, that of the offsets perhaps first."""
    def marked():
        for name in names:
            committed, written = (ends(world, world.topic(name), f"read_{kind}") for kind in ("committed", "uncommitted"))
            assert committed == written, f"{name} is readable up to {committed} of {written}"
        return True
    wait_for("the ends of all transactions", marked, seconds)


def settle(world, seconds=60, lanes=(CHANGES,), read=read_whole):
    """Waits until all that is on the lanes' topics now has been scored (the lanes' offsets are behind
    it), and all that this made has been recorded (the positions in PostgreSQL are behind it). What is
    found then is final: no program has anything left to do. -> records of the lanes' topics, {name: records}
    of what was made, as far as `read` reads them"""
    wait_readable(world, *lanes, seconds=seconds)
    inputs = {lane: read(world, lane) for lane in lanes}
    wanted = {lane: last_offsets(records) for lane, records in inputs.items()}

    def scored():
        for lane in lanes:
            now = committed_offsets(world, lane)
            behind = {p: (now.get(p), last + 1) for p, last in wanted[lane].items() if now.get(p, -1) < last + 1}
            assert not behind, f"committed and wanted offsets of {lane}: {behind}"
        return True

    wait_for("all events scored", scored, seconds)
    outputs = (PREDICTIONS, HIGH_RISK, DEAD_LETTERS) + ((REPLIES,) if REQUESTS in lanes else ())
    wait_readable(world, *outputs, seconds=seconds)
    made = {name: read(world, name) for name in outputs}
    due = {name: last_offsets(made[name]) for name in outputs if name != DEAD_LETTERS}
    due.update((lane, wanted[lane]) for lane in lanes if lane != RESCORE)

    def recorded():
        rows = world.query("SELECT topic, partition, next FROM kafka_offset")
        place = {(topic, partition): position for topic, partition, position in rows}
        behind = {(name, p): (place.get((world.topic(name), p)), last + 1)
                  for name, lasts in due.items() for p, last in lasts.items()
                  if place.get((world.topic(name), p), -1) < last + 1}
        assert not behind, f"recorded and wanted offsets: {behind}"
        return True

    wait_for("all records in PostgreSQL", recorded, seconds)
    return [record for records in inputs.values() for record in records], made


# ---- chance that can be repeated ----------------------------------------------------------------------


def chance(environment):
    """A random generator whose seed is printed when the test fails; SEED=... repeats it."""
    seed = int(environment.get("SEED", time.time_ns() % 1_000_000_000))
    print(f"SEED={seed}")
    return random.Random(seed)
