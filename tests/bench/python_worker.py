#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The scoring worker's work in Python, as somebody would write it who knows how: confluent-kafka in batches, fastavro,
one numpy operation for all rows of a batch, a transaction each COMMIT_MS. No reasons. A peer of tests/bench/worker, which
gives it its settings as JSON (argument); prints "running" when partitions are assigned, and ends by SIGTERM."""
import io
import json
import signal
import struct
import sys
import time

import fastavro
import numpy
from confluent_kafka import Consumer, Producer

BATCH = 1000
COMPARE = {"eq": numpy.equal, "le": numpy.less_equal, "ge": numpy.greater_equal}


class Model:
    def __init__(self, artefact):
        self.base, self.terms = artefact["linear"]["base"], artefact["linear"]["terms"]
        self.features = artefact["features"]
        self.origin = self.base - sum(term["w"] * term["m"] for term in self.terms)
        self.threshold, self.elevated = artefact["decision"]["threshold"], artefact["decision"]["elevated"]

    def probabilities(self, events):
        columns = {}
        for feature in self.features:
            name, missing = feature["name"], feature["missing"]["value"]
            values = [missing if event[name] is None else event[name] for event in events]
            if "categories" in feature:
                columns[name] = numpy.array(values)
            else:
                columns[name] = numpy.clip(numpy.array(values, float), feature["train_min"], feature["train_max"])
        sums = numpy.full(len(events), self.origin)
        for term in self.terms:
            column = columns[term["f"]]
            sums += term["w"] * (column if term["op"] == "id" else COMPARE[term["op"]](column, term["v"]))
        return 1 / (1 + numpy.exp(-sums))


class Worker:
    def __init__(self, settings):
        self.settings = settings
        self.model = Model(json.load(open(settings["artefact"])))
        self.reader = fastavro.parse_schema(json.load(open(settings["writer_schema"])))
        self.writer = fastavro.parse_schema(json.load(open(settings["prediction_schema"])))
        self.frame = b"\0" + struct.pack(">I", settings["schema_id"])
        self.consumer = Consumer({"bootstrap.servers": settings["bootstrap_servers"], "group.id": settings["group"],
                                  "enable.auto.commit": False, "auto.offset.reset": "earliest",
                                  "isolation.level": "read_committed"})
        self.producer = Producer({"bootstrap.servers": settings["bootstrap_servers"],
                                  "transactional.id": settings["group"], "linger.ms": settings["linger_ms"],
                                  "partitioner": "murmur2_random", "queue.buffering.max.messages": 1000000})
        self.is_over = False

    def send(self, messages):
        events = [fastavro.schemaless_reader(io.BytesIO(message.value()[5:]), self.reader) for message in messages]
        now = int(time.time() * 1000)
        for message, event, probability in zip(messages, events, self.model.probabilities(events)):
            topic, partition, offset = message.topic(), message.partition(), message.offset()
            out = io.BytesIO()
            out.write(self.frame)
            fastavro.schemaless_writer(out, self.writer, {
                "prediction_id": f"{topic}/{partition}/{offset}", "employee_id": event["employee_id"],
                "event_id": event["event_id"], "event_time": event["event_time"], "scored_at": now,
                "churn_probability": float(probability),
                "band": "high" if probability > self.model.threshold
                else "elevated" if probability > self.model.elevated else "low",
                "threshold": self.model.threshold, "model_id": self.settings["model_id"],
                "base_log_odds": self.model.base, "department": event["Department"], "job_role": event["JobRole"],
                "trigger": "change", "source_topic": topic, "source_partition": partition, "source_offset": offset})
            self.producer.produce(self.settings["output"], out.getvalue(), message.key())
        self.producer.poll(0)

    def run(self):
        self.producer.init_transactions()
        self.consumer.subscribe([self.settings["input"]], on_assign=lambda *_: print("running", flush=True))
        commit_at, is_open = 0, False
        while not self.is_over:
            messages = self.consumer.consume(BATCH, 0.05)
            if messages:
                if not is_open:
                    self.producer.begin_transaction()
                    is_open, commit_at = True, time.monotonic() + self.settings["commit_ms"] / 1000
                self.send([message for message in messages if message.error() is None])
            if is_open and time.monotonic() >= commit_at:
                self.producer.send_offsets_to_transaction(self.consumer.position(self.consumer.assignment()),
                                                          self.consumer.consumer_group_metadata())
                self.producer.commit_transaction()
                is_open = False


def main():
    worker = Worker(json.loads(sys.argv[1]))

    def end(*_):
        worker.is_over = True
    signal.signal(signal.SIGTERM, end)
    worker.run()


if __name__ == "__main__":
    main()
