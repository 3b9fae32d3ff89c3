# SPDX-License-Identifier: MIT
"""Who asks for scores, as a gateway does: requests with a reply address, and the replies as they are committed."""
import struct
import threading
import time
import uuid

from confluent_kafka import Consumer, KafkaError, TopicPartition, OFFSET_BEGINNING

from conftest import SLOW, wait_for
from support import PARTITIONS, REPLIES, REQUESTS, Decoder, Record, Writer, quiet


def trace():
    return "traceparent", f"00-{uuid.uuid4().hex}-{uuid.uuid4().hex[:16]}-01".encode()


class Asker:
    """Reads every partition of prediction-replies from a thread of its own, while it asks."""

    def __init__(self, world):
        self.world, self.writer, self.decode = world, Writer(world, name=REQUESTS, **{"linger.ms": 0}), Decoder(world.stack)
        self.replies, self.times, self.lock = {}, {}, threading.Lock()
        self.is_over, self.failure = False, None
        self.consumer = Consumer({**quiet(world.stack.kafka), "group.id": "asker-" + uuid.uuid4().hex,
                                  "isolation.level": "read_committed", "enable.auto.commit": False,
                                  "auto.offset.reset": "error", "fetch.wait.max.ms": 50})
        self.consumer.assign([TopicPartition(world.topic(REPLIES), p, OFFSET_BEGINNING) for p in range(PARTITIONS)])
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        try:
            while not self.is_over:
                for message in self.consumer.consume(1000, 0.1):
                    if message.error() is None:
                        with self.lock:
                            self.replies.setdefault(message.key().decode(errors="replace"), []).append(Record(message))
                            self.times.setdefault(message.key().decode(errors="replace"), time.monotonic())
                    elif message.error().fatal() or message.error().code() == KafkaError._AUTO_OFFSET_RESET:
                        raise AssertionError(message.error())  # others pass: servers go away in tests
        except BaseException as failure:  # given to the test by answer() or close()
            self.failure = failure

    def address(self, correlation, partition=0, topic=REPLIES):
        return [("kafka_replyTopic", self.world.topic(topic).encode()),
                ("kafka_replyPartition", struct.pack(">i", partition)),
                ("kafka_correlationId", correlation.encode() if isinstance(correlation, str) else correlation)]

    def ask(self, event, partition=0, headers=()):
        """A request under the event's own id -> index into writer.places"""
        return self.writer.send(event, headers=[*self.address(event["event_id"], partition), *headers])

    def answer(self, correlation, seconds=30):
        """The one reply, with its value decoded."""
        def there():
            assert self.failure is None, self.failure
            with self.lock:
                return list(self.replies.get(correlation, ()))
        found = wait_for(f"a reply to {correlation}", there, seconds, every=0.005)
        assert len(found) == 1, found
        record, = found
        if record.raw is not None:
            record.value = self.decode(record.raw)
        return record

    def answered(self):
        with self.lock:
            return len(self.replies)

    def close(self):
        self.is_over = True
        self.thread.join(10 * SLOW)
        self.consumer.close()
        assert self.failure is None, self.failure
