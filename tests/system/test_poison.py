# SPDX-License-Identifier: MIT
"""Messages that can never work among those that can. Each is made here byte by byte, goes to the dead
letters once, as it came, with the reason; the partition goes on and every good one is scored.

POISON says how many of each."""
import copy
import io
import itertools
import json
import os
import struct

import fastavro

from audit import audit
from conftest import SLOW, wait_for
from support import ATTRIBUTES, EVENT_TIME, Writer, change, frame

POISON = int(os.environ.get("POISON", 10_000))
# The codes of a body that is not what its schema says.
BODY = ("truncated", "trailing-bytes", "bad-length", "bad-varint", "bad-enum-index", "bad-union-index",
        "invalid-utf8")


def varint(number):
    """Avro's long; any size, so that impossible ones can be written."""
    zigzag = number * 2 if number >= 0 else -number * 2 - 1
    out = bytearray()
    while zigzag >= 0x80:
        out.append(zigzag & 0x7F | 0x80)
        zigzag >>= 7
    return bytes([*out, zigzag])


class Pieces:
    """The body of an event field by field, so that one of them can be something else."""

    def __init__(self, writer, event):
        self.schema_id, self.names, self.bytes = writer.schema_id, [], []
        for field in writer.schema["fields"]:
            out = io.BytesIO()
            fastavro.schemaless_writer(out, fastavro.parse_schema(copy.deepcopy(field["type"])),
                                       event[field["name"]])
            self.names.append(field["name"])
            self.bytes.append(out.getvalue())

    def value(self, behind=b"", **replaced):
        body = b"".join(replaced.get(name, piece) for name, piece in zip(self.names, self.bytes))
        return frame(self.schema_id, body + behind)


def with_numbers_as(schema, kind):
    """The registered schema as a later writer might have it: numbers of another type."""
    schema = copy.deepcopy(schema)
    for field in schema["fields"]:
        if field["type"] == ["null", "int"]:
            field["type"] = ["null", kind]
    return schema


class Maker:
    """Endless bad messages of all kinds in turn: (key, value, codes, headers)."""

    def __init__(self, world, writer):
        self.world, self.writer = world, writer
        self.doubles = Writer(world, with_numbers_as(writer.schema, "double"))
        self.other = Writer(world, {"type": "record", "name": "Unrelated", "fields": [
            {"name": "a", "type": "string"}]}, subject=world.topic("unrelated-value"))
        self.kinds = [getattr(self, name) for name in sorted(dir(self)) if name.startswith("bad_")]

    def __iter__(self):
        for turn in itertools.count():
            employee, attributes = f"bad-{turn}", ATTRIBUTES[turn % len(ATTRIBUTES)]
            event = change(employee, attributes)
            pieces = Pieces(self.writer, event)
            for kind in self.kinds:
                for made in kind(turn, event, pieces):
                    value, codes, *key = made
                    yield key[0] if key else employee.encode(), value, {codes} if isinstance(
                        codes, str) else set(codes)

    def bad_frame(self, turn, event, pieces):
        value = pieces.value()
        yield b"", "short-frame"
        yield None, "short-frame"
        yield bytes([1 + turn % 255]) + value[1:], "bad-magic"
        # Without its magic byte the frame may name a schema that some other test has registered: then the body,
        # four bytes short, is refused by the first rule that it breaks.
        yield value[1:], ("bad-magic", "unknown-schema", "schema-mismatch", *BODY)
        yield json.dumps(event).encode(), "bad-magic"
        yield b"\xff" * (1 + turn * 997 % 900_000), ("bad-magic", "short-frame")

    def bad_schema(self, turn, event, pieces):
        for schema_id in (2**31 - 1 - turn, 2**32 - 1 - turn, 0):
            yield frame(schema_id, pieces.value()[5:]), "unknown-schema"
        yield self.other.encode({"a": "b"}), "schema-mismatch"

    def bad_end(self, turn, event, pieces):
        value = pieces.value()
        # Over the turns every byte of the message is the last one.
        for cut in range(turn % 8, len(value), 8):
            yield value[:cut], "short-frame" if cut < 5 else ("truncated", "bad-length")
        yield value + b"\0", "trailing-bytes"
        yield value + value[5:], "trailing-bytes"

    def bad_length(self, turn, event, pieces):
        name = ("event_id", "employee_id", "source")[turn % 3]
        for length in (-1, -2**31, -2**63, 2**31, 2**40, 2**62, 2**63 - 1, 5000):
            yield pieces.value(**{name: varint(length) + b"x"}), "bad-length"
        yield pieces.value(Department=varint(1) + varint(-5)), "bad-length"
        yield pieces.value(**{name: b"\x80" * 10 + b"\x01"}), "bad-varint"
        yield pieces.value(**{name: b"\xff" * 9 + b"\x02"}), "bad-varint"

    def bad_index(self, turn, event, pieces):
        for index in (4, -1, 127, -2**31, 2**31, 2**63 - 1):
            yield pieces.value(change=varint(index)), "bad-enum-index"
        for index in (2, -1, 255, 2**33):
            yield pieces.value(requested_by=varint(index)), "bad-union-index"
            yield pieces.value(YearsWithCurrManager=varint(index) + varint(1)), "bad-union-index"

    def bad_number(self, turn, event, pieces):
        yield pieces.value(DailyRate=varint(1) + varint(2**31)), "bad-varint"
        yield pieces.value(DailyRate=varint(1) + varint(-2**31 - 1)), "bad-varint"
        for name, value in (("Age", 13), ("Age", 101), ("Education", 0), ("Education", 6),
                            ("JobLevel", -2**31), ("MonthlyIncome", 100_000_001),
                            ("PercentSalaryHike", -101), ("WorkLifeBalance", 2**31 - 1)):
            yield pieces.value(**{name: varint(1) + varint(value)}), "out-of-range"

    def bad_double(self, turn, event, pieces):
        for value, code in ((float("nan"), "not-a-number"), (float("inf"), "not-a-number"),
                            (float("-inf"), "not-a-number"), (2.5, "not-an-integer"),
                            (1e300, "out-of-range"), (5e-324, "not-an-integer"), (-1.0, "out-of-range")):
            yield self.doubles.encode({**event, "JobSatisfaction": value}), code
        payload = struct.pack("<d", 1.5)[:7] + b"\x7f"  # a NaN with bits of its own
        whole = self.doubles.encode({**event, "YearsWithCurrManager": 1.0})
        yield whole[:-8] + payload, ("not-a-number", "not-an-integer", "out-of-range")

    def bad_text(self, turn, event, pieces):
        for text in (b"\xff", b"\xc3", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"abc\xe2\x82"):
            yield pieces.value(source=varint(len(text)) + text), "invalid-utf8"
            yield pieces.value(JobRole=varint(1) + varint(len(text)) + text), "invalid-utf8"
        yield self.writer.encode({**event, "Department": "a\x00b"}), "not-printable"
        yield self.writer.encode({**event, "Department": "Sales\n"}), "not-printable"
        yield self.writer.encode({**event, "JobRole": "x" * 257}), "text-too-long"
        yield self.writer.encode({**event, "event_id": ""}), "bad-event-id"
        yield self.writer.encode({**event, "event_id": "e" * 257}), "bad-event-id"
        yield self.writer.encode({**event, "source": ""}), "bad-source"
        yield self.writer.encode({**event, "requested_by": ""}), "bad-requested-by"

    def bad_key(self, turn, event, pieces):
        yield pieces.value(), "key-mismatch", f"other-{turn}".encode()
        yield pieces.value(), "key-mismatch", event["employee_id"].encode() + b" "
        yield pieces.value(), "key-mismatch", b"\xff\x00"
        yield self.writer.encode({**event, "employee_id": ""}), "bad-employee-id", b""
        long = "i" * 129
        yield self.writer.encode({**event, "employee_id": long}), "bad-employee-id", long.encode()
        yield self.writer.encode({**event, "employee_id": "a\tb"}), "bad-employee-id", b"a\tb"

    def bad_time(self, turn, event, pieces):
        # Years ahead of any broker's clock.
        yield self.writer.encode({**event, "event_time": 4_102_444_800_000 + turn}), "event-time-in-future"
        for value in (-1, -2**63, 253_402_300_800_000, 2**63 - 1):
            yield self.writer.encode({**event, "event_time": value}), "bad-event-time"


def good_events():
    """Good ones, some of them at the edge of what is good."""
    for i in itertools.count():
        attributes = ATTRIBUTES[i % len(ATTRIBUTES)]
        odd = {7: {"Department": "Moon Base"}, 11: {"DailyRate": None, "JobRole": None},
               13: {name: None for name in attributes}, 17: {"JobRole": "Sales_Executive"},
               19: {"Age": 14, "DistanceFromHome": 20_000}}.get(i % 23, {})
        yield change(f"good-{i}", {**attributes, **odd}, event_time=EVENT_TIME + i)


def test_every_bad_message_is_a_dead_letter_once_and_every_good_one_is_scored(world):
    writer = Writer(world)
    bad_ones, good_ones = iter(Maker(world, writer)), good_events()
    sent_bad = {}
    worker = world.scoring()

    def send(count):
        for _ in range(count):
            key, value, codes = next(bad_ones)
            sent_bad[writer.send_bytes(value, key)] = codes
            writer.send(next(good_ones))
        writer.flush()

    def check():
        return audit(world, {writer.places[at]: codes for at, codes in sent_bad.items()}, seconds=120)

    send(POISON)
    result = check()
    assert len(result.dead_letters) == POISON
    assert len(result.predictions) == len(result.inputs) - POISON == POISON
    assert worker.metric("retentionai_dead_letters_total") == POISON
    kinds = {letter.header("dlq.code") for letter in result.dead_letters}
    print(f"{POISON} dead letters of {len(kinds)} kinds")
    wanted = {"short-frame", "bad-magic", "unknown-schema", "schema-mismatch", "truncated", "trailing-bytes",
              "bad-length", "bad-varint", "bad-enum-index", "bad-union-index", "invalid-utf8",
              "not-printable", "text-too-long", "not-a-number", "not-an-integer", "out-of-range",
              "key-mismatch", "bad-employee-id", "bad-event-id", "bad-source", "bad-requested-by",
              "bad-event-time", "event-time-in-future"}
    assert wanted <= kinds, wanted - kinds
    # What stays allocated once all is done: what is in librdkafka's queues for a moment longer goes. What is
    # resident also has the buffers that a burst once filled, and is only bounded.
    before = worker.metric("retentionai_heap_bytes")
    send(POISON)
    check()
    resident = worker.resident_mb()
    if SLOW == 1:
        assert resident < 80
        wait_for("less than 150 bytes stay of each",
                 lambda: worker.metric("retentionai_heap_bytes") - before < 150 * POISON)
    after = worker.metric("retentionai_heap_bytes")
    print(f"heap {before / 1e6:.2f} MB before {POISON} more of them, {after / 1e6:.2f} MB behind; "
          f"{resident:.1f} MB resident")


def test_a_message_without_a_key_is_taken_by_the_id_in_it(world):
    """Some producers set no key; the id in the event decides where its score goes."""
    writer = Writer(world)
    world.scoring()
    events = [change(f"keyless-{i}", ATTRIBUTES[i]) for i in range(50)]
    for event in events:
        writer.send_bytes(writer.encode(event), None)
    writer.flush()
    result = audit(world)
    assert sorted(r.key.decode() for r in result.predictions) == sorted(e["employee_id"] for e in events)


def test_headers_of_a_refused_message_go_along(world):
    writer = Writer(world)
    world.scoring()
    hostile = [("dlq.code", b"mine"), ("dlq.offset", b"-1")]
    cases = [[("traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), ("empty", b""),
              ("null", None), ("binary", bytes(range(256))), ("twice", b"1"), ("twice", b"2")],
             hostile, [(f"h{i}", b"x" * i) for i in range(200)], []]
    places = {writer.send_bytes(b"\x07rubbish", f"h{i}".encode(), headers=headers): headers
              for i, headers in enumerate(cases)}
    writer.flush()
    letters = audit(world, {writer.places[at]: {"bad-magic"} for at in places}).dead_letters
    by_key = {letter.key: [h for h in letter.headers if not h[0].startswith("dlq.")] for letter in letters}
    assert by_key[b"h0"] == cases[0]
    assert by_key[b"h1"] == []
    assert by_key[b"h2"] == cases[2][:64]


def test_the_largest_message_that_a_producer_may_send_fits_into_the_dead_letters(world):
    size = 1_000_000
    writer = Writer(world, **{"message.max.bytes": 1_048_000})
    world.scoring()
    headers = [(f"h{i}", b"x" * 500) for i in range(64)]
    at = writer.send_bytes(b"\x01" * size, b"large", headers=headers)
    writer.flush()
    result = audit(world, {writer.places[at]: {"bad-magic"}})
    assert len(result.dead_letters[0].raw) == size
