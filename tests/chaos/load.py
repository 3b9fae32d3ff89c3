# SPDX-License-Identifier: MIT
"""The load, a process of its own: events of few busy and many quiet employees, each with a number of its own that
counts up (in the event's id and its time), and among them records that can never work, which say in a header what
they may be refused as."""
import os
import random
import time

from confluent_kafka import KafkaError, KafkaException

from support import ATTRIBUTES, EVENT_TIME, Writer, change
from test_poison import Maker

BUSY, QUIET = 200, 20_000
POISON_EVERY = 200
DEPARTS_EVERY = 97  # events of one employee; the next one is a return
CODES = "chaos.codes"


def event_of(employee, number):
    """The event with this number of this employee: the same in every run."""
    at = number % DEPARTS_EVERY
    kind = "left" if at == DEPARTS_EVERY - 2 else "created" if at == DEPARTS_EVERY - 1 else "updated"
    return change(employee, ATTRIBUTES[(employee * 7 + number * 131) % len(ATTRIBUTES)],
                  event_time=EVENT_TIME + number * 1000, kind=kind, event_id=f"{employee}-{number}")


def choose(chance):
    return chance.randrange(BUSY) if chance.random() < 0.5 else BUSY + chance.randrange(QUIET)


def run(world, seed, per_second, state, report):
    """Sends until `state` says so (see Load), at least as many as it wants. What was sent goes to `report`."""
    parent, chance = os.getppid(), random.Random(f"{seed}/load")
    writer, numbers, sent, poison = Writer(world), {}, 0, 0
    makers, began = iter(Maker(world, writer)), time.monotonic()
    events = []  # (employee, number) of each record, None: poison

    def send(value, key, event, **other):
        while True:
            try:
                writer.send_bytes(value, key, **other)
                events.append(event)
                return
            except KafkaException as error:  # a broker that has just come back knows no topics for a moment
                if error.args[0].code() != KafkaError._UNKNOWN_TOPIC or state.is_over.value:
                    raise
                writer.places.pop()
                writer.producer.poll(0.1)

    def send_poison(count):
        for _ in range(count):
            key, value, codes = next(makers)
            send(value, key, None, headers=[(CODES, ",".join(sorted(codes)).encode())])
        return count

    while os.getppid() == parent and not (state.is_over.value and sent >= state.wanted.value):
        employee = choose(chance)
        number = numbers.get(employee, 0)
        numbers[employee] = number + 1
        event = event_of(employee, number)
        send(writer.encode(event), event["employee_id"].encode(), (employee, number))
        sent += 1
        if sent % POISON_EVERY == 0:
            poison += send_poison(1)
        if state.burst.value > 0:
            poison += send_poison(state.burst.value)
            state.burst.value = 0
        state.sent.value = sent
        ahead = sent / per_second - (time.monotonic() - began)
        # Behind a stop of the whole machine the lost time is not made up at once.
        if ahead < -5:
            began -= ahead
        elif sent % 50 == 0 and ahead > 0:
            time.sleep(ahead)
    left = writer.producer.flush(120)
    # Those may be there or not, and nobody was told that they are.
    unknown = [event for event, place in zip(events, writer.places, strict=True) if place is None]
    report.send({"sent": sent, "poison": poison, "numbers": numbers, "left": left, "unknown": unknown})


class Load:
    """What the processes tell each other."""

    def __init__(self, context, wanted):
        self.wanted, self.sent, self.burst = context.Value("l", wanted), context.Value("l", 0), context.Value("l", 0)
        self.is_over = context.Value("b", 0)
