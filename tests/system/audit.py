# SPDX-License-Identifier: MIT
"""The whole truth about one world, worked out again from what stands on the topics of the scoring lanes
(employee-changes, when no others are named) and nothing else: which scores there must be, in which order,
what the dead letters and the replies are, and what every table has
to hold. audit() compares all of it, exactly; only a probability is allowed to differ from
scikit-learn's, by 1e-12. It shares no code with the programs, and reads what they may not: time.
"""
import collections
import datetime
import functools
import hashlib
import math
import sys
import types

import numpy
from psycopg.rows import dict_row

from confluent_kafka import OFFSET_BEGINNING

from conftest import REPO, World
from support import (CHANGES, DEAD_LETTERS, FACTS, FEATURES, HIGH_RISK, LANES, PARTITIONS, PREDICTIONS, REPLIES, REQUESTS,
                     Decoder, bits, decode_all, partition_of, read_topic, settle)

sys.path.insert(0, str(REPO / "models/train"))
from reference import Reference  # noqa: E402

MODEL_FILE = REPO / "models/attrition.json"
TOLERANCE = 1e-12
ABSENT = object()
REASON_MIN = 0.05
HYSTERESIS = 0.05
COOL_DOWN = datetime.timedelta(days=7)
RANKS = {REQUESTS: 1, CHANGES: 2}
CATEGORY = {f["name"]: {spelling: c["name"] for c in f["categories"]
                        for spelling in (c["name"], *c.get("aliases", ()))}
            for f in FEATURES if f["type"] == "category"}
PREDICTION_FIELDS = (
    "prediction_id", "employee_id", "event_id", "event_time", "scored_at", "churn_probability", "band",
    "threshold", "model_id", "base_log_odds", "reason_1", "weight_1", "reason_2", "weight_2", "reason_3",
    "weight_3", "department", "job_role", "trigger", "requested_by", "source_topic", "source_partition",
    "source_offset")
# Columns that have other names than the fields.
HISTORY_NAME = {"prediction_id": "id", "scored_at": "timestamp", "requested_by": "user_id",
                "churn_probability": "probability"}
CURRENT_FIELDS = (
    "prediction_id", "event_id", "churn_probability", "band", "threshold", "model_id", "base_log_odds",
    "reason_1", "weight_1", "reason_2", "weight_2", "reason_3", "weight_3", "department", "job_role",
    "trigger")


@functools.cache
def column_of(name):
    """JobRole -> job_role"""
    return "".join("_" + c.lower() if c.isupper() and i > 0 else c.lower() for i, c in enumerate(name))


def same(a, b):
    """Doubles by their bits, everything else by ==."""
    return a is b or type(a) is type(b) and (bits(a) == bits(b) if type(a) is float else a == b)


def differences(expected, found):
    return {name: (value, found.get(name)) for name, value in expected.items() if not same(value, found.get(name, ABSENT))}


def first_few(items, count=3):
    return "\n  ".join(str(item)[:1500] for item in list(items)[:count])


# ---- scores -------------------------------------------------------------------------------------------


Score = collections.namedtuple("Score", "probability band contributions")


class Scores:
    """What the model says about attributes, by scikit-learn. None: the model cannot judge them."""

    def __init__(self, path=MODEL_FILE):
        self.reference = Reference(path)
        artefact = self.reference.artefact
        self.model_id = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        self.base = artefact["linear"]["base"]
        self.threshold = artefact["decision"]["threshold"]
        self.elevated = artefact["decision"]["elevated"]
        self.inputs = [f["name"] for f in artefact["features"]]
        self.w = numpy.array([term["w"] for term in self.reference.terms])
        self.m = numpy.array([term["m"] for term in self.reference.terms])
        self.owner = numpy.array([self.inputs.index(term["f"]) for term in self.reference.terms])
        self.known, self.keys, self.judged = {}, {}, {}

    def key(self, attributes):
        """In the spellings of the features. Few people give many events: each is looked at once."""
        written = tuple(map(attributes.get, self.inputs))
        found = self.keys.get(written)
        if found is None:
            found = self.keys[written] = tuple(map(canonical, self.inputs, written))
        return found

    def learn(self, many):
        """Works out the scores of many attributes at once."""
        new = [k for k in {self.key(a) for a in many} if k not in self.known]
        rows = [dict(zip(self.inputs, k)) for k in new]
        fit = []
        for k, row in zip(new, rows):
            if any(row[n] is not None and n in CATEGORY and row[n] not in CATEGORY[n] for n in self.inputs):
                self.known[k] = None
            else:
                fit.append((k, row))
        if not fit:
            return
        rows = [row for _, row in fit]
        probabilities = self.reference.probabilities(rows)
        x = numpy.array([[self.reference.column(t, row) for t in self.reference.terms] for row in rows])
        parts = self.w * (x - self.m)
        for i, (k, _) in enumerate(fit):
            added = numpy.zeros(len(self.inputs))
            for owner, part in zip(self.owner, parts[i]):
                added[owner] += part
            self.known[k] = Score(float(probabilities[i]), self.band(probabilities[i]),
                                  dict(zip(self.inputs, map(float, added))))

    def band(self, probability):
        return ("high" if probability > self.threshold
                else "elevated" if probability >= self.elevated else "low")

    def of(self, attributes):
        k = self.key(attributes)
        if k not in self.known:
            self.learn([attributes])
        return self.known[k]


def canonical(name, value):
    """The spelling of a category in the features; a whole double is an integer."""
    if value is not None and name in CATEGORY:
        return CATEGORY[name].get(value, value)
    return int(value) if isinstance(value, float) else value


SCORE_FIELDS = ("churn_probability", "band", "base_log_odds", "reason_1", "weight_1", "reason_2", "weight_2",
                "reason_3", "weight_3")


def check_score(scores, event, prediction):
    """One prediction against its event: -> what is wrong, as text, or None. Equal ones are judged once."""
    case = scores.key(event), tuple(map(prediction.get, SCORE_FIELDS))
    if case not in scores.judged:
        scores.judged[case] = judge_score(scores, event, prediction)
    return scores.judged[case]


def judge_score(scores, event, prediction):
    score = scores.of(event)
    if score is None:
        empty = ("churn_probability", "base_log_odds", "reason_1", "weight_1", "reason_2", "weight_2",
                 "reason_3", "weight_3")
        wrong = [name for name in empty if prediction[name] is not None]
        return f"not null although unknown: {wrong}" if wrong or prediction["band"] != "unknown" else None
    p = prediction["churn_probability"]
    if not isinstance(p, float) or not abs(p - score.probability) <= TOLERANCE:
        return f"probability {p!r}, scikit-learn says {score.probability!r}"
    if prediction["band"] != scores.band(p):
        return f"band {prediction['band']}, not {scores.band(p)}"
    if not same(prediction["base_log_odds"], scores.base):
        return f"base_log_odds {prediction['base_log_odds']!r}, not {scores.base!r}"
    return check_reasons(scores, score, prediction)


def check_reasons(scores, score, prediction):
    """Each weight is that attribute's own contribution, they are the largest, and with the base and all
    that is not told they make the log-odds."""
    ranked = sorted(score.contributions.values(), key=abs, reverse=True)
    told = [(prediction[f"reason_{i}"], prediction[f"weight_{i}"]) for i in (1, 2, 3)]
    wanted = [w for w in ranked[:3] if abs(w) >= REASON_MIN]
    named = [(name, weight) for name, weight in told if name is not None]
    if told != named + [(None, None)] * (3 - len(named)):
        return f"gaps in the reasons {told}"
    if len({name for name, _ in named}) != len(named) or len(named) != len(wanted):
        return f"reasons {told}, {len(wanted)} wanted with the weights {wanted}"
    for (name, weight), best in zip(named, wanted):
        if abs(weight - score.contributions.get(name, math.nan)) > TOLERANCE or \
                abs(abs(weight) - abs(best)) > TOLERANCE:
            return f"reason {name} with {weight!r}; it adds {score.contributions.get(name)!r}, wanted {best!r}"
    p = prediction["churn_probability"]
    untold = sum(w for name, w in score.contributions.items() if name not in dict(named))
    log_odds = scores.base + sum(weight for _, weight in named) + untold
    # Near 0 and 1 a double holds few digits of the odds, and none at the ends.
    if 0 < p < 1 and abs(log_odds - math.log(p / (1 - p))) > 1e-9 + 1e-15 / (p * (1 - p)):
        return f"base, reasons and the rest make {log_odds!r}, the probability {math.log(p / (1 - p))!r}"
    return None


# ---- the topics ----------------------------------------------------------------------------------------


def is_departure(event):
    return event["change"] in ("left", "erased")


def source_of(prediction):
    return prediction["source_topic"], prediction["source_partition"], prediction["source_offset"]


def trace_of(record):
    """What goes from a cause to everything that comes of it."""
    values = [value for name, value in record.headers if name == "traceparent"]
    return values[-1] if values and 0 < len(values[-1]) <= 128 else None


def decode_inputs(world, inputs, bad):
    decode = Decoder(world.stack)
    for record in inputs:
        record.value = None if record.source in bad else decode(record.raw)


def check_predictions(world, models, inputs, outputs, bad):
    """Each event has its one answer, in the order of the events of its employee in that lane, by the model that it
    names."""
    good = [record for record in inputs if record.source not in bad]
    triggers = {world.topic(lane): trigger for lane, trigger in LANES.items()}
    for scores in models.values():
        scores.learn([r.value for r in good if not is_departure(r.value)])
    wanted = collections.defaultdict(list)
    for record in good:
        event = record.value
        wanted[record.topic, event["employee_id"].encode()].append(
            ("null", event["event_id"]) if is_departure(event) else (*record.place, event["event_id"]))
    departures = {r.value["event_id"]: r for r in good if is_departure(r.value)}
    found = collections.defaultdict(list)
    for record in outputs:
        value = record.value
        if value is None:
            event = record.header("event_id")
            found[departures[event].topic if event in departures else None, record.key].append(("null", event))
        else:
            found[value["source_topic"], record.key].append(
                (value["source_partition"], value["source_offset"], value["event_id"]))
    wrong = {key: (wanted.get(key), found.get(key)) for key in {*wanted, *found}
             if wanted.get(key) != found.get(key)}
    counts = f"{len(good)} good events, {len(outputs)} values on predictions, {len(wrong)} employees differ"
    assert not wrong, f"{counts}; employee: (wanted, found):\n  {first_few(wrong.items())}"
    assert len(good) == len(outputs), counts

    by_source = {record.source: record for record in good}
    problems = []
    for record in outputs:
        if record.value is None:
            departure = departures[record.header("event_id")].value
            told = {name: record.header(name) for name in ("event_time", "change")}
            due = {"event_time": str(millis(departure["event_time"])), "change": departure["change"]}
            if told != due or not record.header("scored_at").isdigit():
                problems.append((record, record.headers, due))
            continue
        source = by_source[source_of(record.value)]
        event, value = source.value, record.value
        scores = models.get(value["model_id"])
        if scores is None:
            problems.append(("a model that nobody has", record, source))
            continue
        wrong = differences({
            "prediction_id": f"{source.topic}/{source.partition}/{source.offset}",
            "employee_id": event["employee_id"], "event_time": event["event_time"],
            "threshold": scores.threshold,
            "department": canonical("Department", event.get("Department")),
            "job_role": canonical("JobRole", event.get("JobRole")), "trigger": triggers[source.topic],
            "requested_by": event["requested_by"], "source_topic": source.topic}, value)
        wrong = wrong or check_score(scores, event, value)
        created = "created" if event["change"] == "created" else None
        if record.header("change") != created:
            wrong = f"header change {record.header('change')} of a {event['change']}"
        if trace_of(record) != trace_of(source):
            wrong = f"trace {trace_of(record)} of {trace_of(source)}"
        if record.partition != partition_of(record.key):
            wrong = f"in partition {record.partition}, its key belongs to {partition_of(record.key)}"
        if wrong:
            problems.append((wrong, record, source))
    assert not problems, f"{len(problems)} wrong predictions:\n  {first_few(problems)}"


def bands_of(attributes):
    """What a plan may be told of somebody: the band of each default fact."""
    told = {}
    for fact in FACTS:
        value = canonical(fact["attribute"], attributes.get(fact["attribute"]))
        if fact["default"] and value is not None:
            told[fact["name"]] = next((band["name"] for band in fact["bands"] if (
                value in band.get("of", [value]) if fact["attribute"] in CATEGORY
                else value <= band.get("upto", math.inf))), None)
    return {name: band for name, band in told.items() if band is not None}


def check_high_risk(inputs, outputs, high_risk):
    """The high ones again, partition by partition in the same order, with the same bits, and with facts."""
    events = {record.source: record for record in inputs}
    wanted = [r for r in outputs if r.value is not None and r.value["band"] == "high"]

    def by_partition(records):
        """Of each partition and each lane, which are not in step with each other, in order."""
        found = collections.defaultdict(list)
        for record in records:
            found[record.partition, record.value["source_topic"]].append((record.key, record.value["prediction_id"]))
        return found

    assert by_partition(wanted) == by_partition(high_risk), (
        f"{len(wanted)} predictions of band high, {len(high_risk)} records on high-risk")
    predictions = {r.value["prediction_id"]: r for r in wanted}
    for record in high_risk:
        prediction = predictions[record.value["prediction_id"]]
        wrong = differences(prediction.value, record.value)
        assert not wrong, f"{record}: {wrong}"
        assert set(record.value) == {*prediction.value, "facts"}
        event = events[source_of(record.value)]
        assert record.value["facts"] == bands_of(event.value), record
        assert trace_of(record) == trace_of(event), record


def kept_headers(headers):
    """The original headers that a dead letter has: 64 and 16 KiB of them at most, none of ours."""
    kept, room = [], 16 * 1024
    for name, value in headers:
        size = len(name) + len(value or b"") + 16
        if not name.startswith("dlq.") and size <= room and len(kept) < 64:
            kept.append((name, value))
            room -= size
    return kept


def check_dead_letters(letters, inputs, bad):
    """`bad` maps the place of each record that can never work to the codes it may be refused with. Each
    is there once, as it came, and nothing else is."""
    by_place = {record.source: record for record in inputs}
    seen = collections.Counter()
    for letter in letters:
        place = letter.header("dlq.topic"), int(letter.header("dlq.partition")), int(letter.header("dlq.offset"))
        seen[place] += 1
        assert place in bad, f"a good record is a dead letter: {letter.headers} {by_place.get(place)}"
        source = by_place[place]
        assert letter.raw == source.raw, f"{letter} holds other bytes than {source}"
        assert letter.key == source.key, f"{letter} has another key than {source}"
        assert letter.header("dlq.timestamp") == str(source.timestamp)
        assert letter.header("dlq.program") == "retentionai-scoring"
        assert letter.header("dlq.code") in bad[place], (
            f"refused as {letter.header('dlq.code')} ({letter.header('dlq.reason')}), "
            f"not {bad[place]}: {source}")
        assert letter.header("dlq.reason"), f"no reason: {letter.headers}"
        theirs = [header for header in letter.headers if not header[0].startswith("dlq.")]
        assert theirs == kept_headers(source.headers), letter.headers
    missing = [by_place[place] for place in bad if seen[place] == 0]
    assert not missing, f"{len(missing)} of {len(bad)} are no dead letters:\n  {first_few(missing)}"
    twice = [place for place, count in seen.items() if count > 1]
    assert not twice, f"{len(twice)} are dead letters more than once: {twice[:5]}"


# ---- the tables ----------------------------------------------------------------------------------------


# Which partition a row belongs to.
PARTITION = {"predictions_history": "source_partition", "high_risk_facts": "split_part(prediction_id, '/', 2)::int",
             "employee": "source_partition", "current_prediction": "topic_partition",
             "risk_episode": "split_part(opened_by, '/', 2)::int",
             "stale_prediction": "(SELECT topic_partition FROM current_prediction c WHERE c.employee_id = stale_prediction.employee_id)"}


def rows_of(world, table, order):
    """All rows, by the binary protocol: no text stands between the bits."""
    part = "" if world.partition is None else f"WHERE {PARTITION[table]} = {world.partition}"
    return world.query(f"SELECT * FROM {table} {part} ORDER BY {order}", binary=True, row_factory=dict_row)


class Part(World):
    """A world as another process may have it, or one partition of it: employees stay in theirs on every topic, so that
    what belongs to it can be audited alone."""

    def __init__(self, whole, partition=None):
        self.prefix, self.database_url, self.partition = whole.prefix, whole.database_url, partition
        self.stack = types.SimpleNamespace(kafka=whole.stack.kafka, registry=whole.stack.registry)
        self.askers, self.asking = {}, None

    def read(self, name):
        return read_topic(self.stack, self.topic(name), starts={self.partition: OFFSET_BEGINNING})


def by_key(rows, name):
    found = {row[name]: row for row in rows}
    assert len(found) == len(rows)
    return found


def compare_rows(table, wanted, found):
    """Both: {key: {column: value}}"""
    missing, added = wanted.keys() - found.keys(), found.keys() - wanted.keys()
    assert not missing and not added, (
        f"{table}: {len(wanted)} rows wanted, {len(found)} found; missing: {sorted(missing)[:5]}, "
        f"not wanted: {sorted(added)[:5]}")
    wrong = {key: wrong for key in wanted if (wrong := differences(wanted[key], found[key]))}
    assert not wrong, (f"{table}: {len(wrong)} of {len(wanted)} rows differ; key: column: (wanted, found):"
                       f"\n  {first_few(wrong.items())}")


def check_history(world, outputs):
    wanted = {r.value["prediction_id"]: {HISTORY_NAME.get(n, n): r.value[n] for n in PREDICTION_FIELDS}
              for r in outputs if r.value is not None}
    found = by_key(rows_of(world, "predictions_history", "id"), "id")
    compare_rows("predictions_history", wanted, found)
    if wanted:
        assert set(next(iter(wanted.values()))) == set(next(iter(found.values()))), "columns not compared"


def check_facts(world, high_risk):
    """high_risk_facts is a copy of the topic, with the facts as two arrays."""
    reasons = ("reason_1", "weight_1", "reason_2", "weight_2", "reason_3", "weight_3")
    wanted = {r.value["prediction_id"]: {
        **{name: r.value[name] for name in ("prediction_id", "employee_id", "scored_at", "band", *reasons)},
        "probability": r.value["churn_probability"], "fact_names": list(r.value["facts"]),
        "fact_values": list(r.value["facts"].values())} for r in high_risk}
    found = by_key(rows_of(world, "high_risk_facts", "prediction_id"), "prediction_id")
    compare_rows("high_risk_facts", wanted, found)
    if wanted:
        assert set(next(iter(wanted.values()))) == set(next(iter(found.values()))), "columns not compared"


def millis(moment):
    return round(moment.timestamp() * 1000)


def moment(text_millis):
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return epoch + datetime.timedelta(milliseconds=int(text_millis))


def check_employees(world, inputs, bad):
    """The state with the greatest (event_time, rank of the topic, offset); after a departure only a later
    `created`."""
    ranks = {world.topic(name): rank for name, rank in RANKS.items()}
    state = {}
    for record in sorted(inputs, key=lambda record: record.timestamp):
        if record.source in bad or record.topic not in ranks:
            continue
        event = record.value
        key = (event["event_time"], ranks[record.topic], record.offset, record.partition)
        before = state.get(event["employee_id"])
        if before is not None:
            if is_departure(before[1].value) and not is_departure(event):
                if event["change"] != "created" or event["event_time"] <= before[0][0]:
                    continue
            elif key <= before[0]:
                continue
        state[event["employee_id"]] = key, record
    wanted = {}
    for employee, (_, record) in state.items():
        event = record.value
        wanted[employee] = {
            **{name: event[name] for name in
               ("employee_id", "event_id", "event_time", "change", "source", "requested_by")},
            "topic_rank": ranks[record.topic], "generation": 1, "source_partition": record.partition,
            "source_offset": record.offset, "left_at": event["event_time"] if is_departure(event) else None,
            **{column_of(f["name"]): canonical(f["name"], event.get(f["name"])) for f in FEATURES}}
    found = by_key(rows_of(world, "employee", "employee_id"), "employee_id")
    compare_rows("employee", wanted, found)
    if wanted:
        assert set(next(iter(wanted.values()))) == set(next(iter(found.values()))), "columns not compared"
    return wanted


class Person:
    """What the predictions so far say about one employee."""

    def __init__(self):
        self.key, self.latest, self.departed, self.noted = None, None, False, False
        self.episodes = []

    def take(self, record):
        value = record.value
        if value is None:
            event_time, scored_at = moment(record.header("event_time")), moment(record.header("scored_at"))
        else:
            event_time, scored_at = value["event_time"], value["scored_at"]
        key = event_time, scored_at, record.offset
        if self.key is None:
            is_latest = True
        elif self.departed and value is not None:
            is_latest = record.header("change") == "created" and event_time > self.key[0]
        else:
            is_latest = key > self.key
        self.noted = not is_latest
        if not is_latest:
            return
        self.key, self.latest, self.departed = key, record, value is None
        open_one = self.episodes[-1] if self.episodes and self.episodes[-1]["closed_at"] is None else None
        if open_one is not None and value is None:
            open_one.update(closed_at=scored_at, closed_reason="left")
        elif open_one is not None and value["churn_probability"] is not None and \
                value["churn_probability"] < value["threshold"] - HYSTERESIS:
            open_one.update(closed_at=scored_at, closed_reason="fell", closed_by=value["prediction_id"])
        elif open_one is None and value is not None and value["band"] == "high" and not (
                self.episodes and scored_at - self.episodes[-1]["closed_at"] < COOL_DOWN):
            self.episodes.append({"employee_id": value["employee_id"], "opened_by": value["prediction_id"],
                                  "opened_at": scored_at, "closed_by": None, "closed_at": None,
                                  "closed_reason": None})


def check_risk(world, outputs):
    """current_prediction, stale_prediction and risk_episode as a fold over the topic."""
    people = collections.defaultdict(Person)
    for record in outputs:
        people[record.key.decode()].take(record)

    current, episodes, noted = {}, {}, set()
    for employee, person in people.items():
        value = person.latest.value
        current[employee] = {
            "employee_id": employee, "event_time": person.key[0], "scored_at": person.key[1],
            "topic_partition": person.latest.partition, "topic_offset": person.latest.offset,
            "departed": person.departed,
            **{HISTORY_NAME.get(n, n) if n != "prediction_id" else n: value and value[n]
               for n in CURRENT_FIELDS}}
        if person.noted:
            noted.add(employee)
        for episode in person.episodes:
            episodes[episode["opened_by"]] = episode
    found = by_key(rows_of(world, "current_prediction", "employee_id"), "employee_id")
    compare_rows("current_prediction", current, found)
    if current:
        assert set(next(iter(current.values()))) == set(next(iter(found.values()))), "columns not compared"
    compare_rows("risk_episode", episodes, by_key(rows_of(world, "risk_episode", "id"), "opened_by"))
    stale = {row["employee_id"] for row in rows_of(world, "stale_prediction", "employee_id")}
    assert stale == noted, f"stale_prediction: {sorted(stale ^ noted)[:10]} differ"
    return people


# ---- replies -------------------------------------------------------------------------------------------


def address_of(world, record):
    """(partition, correlation id) where an answer is wanted at an address that is one; None elsewhere."""
    headers = dict(record.headers)
    topic, partition = headers.get("kafka_replyTopic"), headers.get("kafka_replyPartition")
    correlation = headers.get("kafka_correlationId")
    if topic != world.topic(REPLIES).encode() or partition is None or len(partition) != 4:
        return None
    number = int.from_bytes(partition, "big", signed=True)
    return (number, correlation) if 0 <= number < PARTITIONS and 1 <= len(correlation or b"") <= 128 else None


def check_replies(world, replies, scores, inputs, outputs, bad):
    """Each request at a good address has its one answer there: its prediction, byte for byte as it stands on
    `predictions`, or the reason why there is none."""
    predictions = {source_of(r.value): r for r in outputs if r.value is not None}
    wanted = {}
    for record in inputs:
        if record.topic == world.topic(REQUESTS) and (to := address_of(world, record)) is not None:
            assert to[1] not in wanted, "the test asks twice under one id"
            wanted[to[1]] = to[0], record
    found, once = collections.Counter(reply.key for reply in replies), collections.Counter(list(wanted))
    assert found == once, (f"{len(wanted)} answers wanted, {len(replies)} found; too many: "
                           f"{first_few((found - once).items())}; too few: {first_few((once - found).items())}")
    for reply in replies:
        partition, request = wanted[reply.key]
        assert reply.partition == partition and trace_of(reply) == trace_of(request), reply
        assert dict(reply.headers)["kafka_correlationId"] == reply.key
        if request.source in bad or is_departure(request.value):
            codes = bad.get(request.source, {"employee-left"})
            assert reply.raw is None and reply.header("error") in codes and reply.header("error_text"), reply.headers
            continue
        # Behind the schema id, which is that of another subject.
        assert reply.raw[5:] == predictions[request.source].raw[5:], (reply, predictions[request.source])
        missing = [name for name in scores.inputs if request.value.get(name) is None]
        assert reply.header("missing_inputs") == ",".join(missing)
        assert reply.header("error") is None


def check_http_requests(world, replies):
    """What the recorder knows of each request, when no gateway has said anything: a copy of the replies."""
    wanted = {}
    for reply in replies:
        value = reply.value or {}
        wanted[reply.key.decode()] = {
            "kind": "predict", "state": "failed" if reply.value is None else "done", "user_id": value.get("requested_by"),
            "employee_id": value.get("employee_id"), "result_id": value.get("prediction_id"),
            "error_code": reply.header("error"), "error_text": reply.header("error_text"),
            "missing_inputs": None if reply.value is None else [n for n in reply.header("missing_inputs").split(",") if n],
            "created_at": moment(reply.timestamp), "completed_at": moment(reply.timestamp)}
    compare_rows("http_request", wanted, by_key(rows_of(world, "http_request", "id"), "id"))


Audit = collections.namedtuple("Audit", "inputs predictions high_risk dead_letters employees people scores replies")


def audit(world, bad=None, seconds=60, scores=None, lanes=(CHANGES,)):
    """Waits until everything has gone through and compares all there is. `bad`: see check_dead_letters; a place
    without a lane's name before it is one of employee-changes."""
    bad = {(world.topic(place[0] if len(place) == 3 else CHANGES), *place[-2:]): codes for place, codes in (bad or {}).items()}
    scores = scores or Scores()
    inputs, made = settle(world, seconds, lanes)
    result = audit_records(world, inputs, made, bad, {scores.model_id: scores})
    replies = decode_all(world, made.get(REPLIES, []))
    check_replies(world, replies, scores, inputs, result.predictions, bad)
    check_http_requests(world, replies)
    check_positions(world)
    return result._replace(scores=scores, replies=replies)


def audit_part(part, models, lanes, bad_of):
    """The same of one partition, when everything has gone through; without replies, which stand elsewhere.
    `bad_of`: inputs -> `bad`"""
    inputs = [record for lane in lanes for record in part.read(lane)]
    letters = [letter for letter in read_topic(part.stack, part.topic(DEAD_LETTERS))
               if letter.header("dlq.partition") == str(part.partition)]
    made = {PREDICTIONS: part.read(PREDICTIONS), HIGH_RISK: part.read(HIGH_RISK), DEAD_LETTERS: letters}
    return audit_records(part, inputs, made, bad_of(inputs), models)


def audit_records(world, inputs, made, bad, models):
    """Everything that is told by employee."""
    decode_inputs(world, inputs, bad)
    outputs, high_risk = (decode_all(world, made[name]) for name in (PREDICTIONS, HIGH_RISK))
    check_predictions(world, models, inputs, outputs, bad)
    check_high_risk(inputs, outputs, high_risk)
    letters = made[DEAD_LETTERS]
    check_dead_letters(letters, inputs, bad)
    check_history(world, outputs)
    check_facts(world, high_risk)
    employees = check_employees(world, inputs, bad)
    people = check_risk(world, outputs)
    return Audit(inputs, outputs, high_risk, letters, employees, people, models, [])


def check_positions(world):
    assert world.query("SELECT prediction_id FROM recorder_conflict") == []
    assert world.query("SELECT topic, partition, from_offset, reason FROM recorder_gap") == []


def values_of(outputs):
    """{(employee, event time): bits of the score}, to compare two runs."""
    found = {}
    for record in outputs:
        if record.value is not None:
            key = record.value["employee_id"], record.value["event_time"]
            assert key not in found, f"two scores of {key}"
            found[key] = bits(record.value["churn_probability"])
    return found
