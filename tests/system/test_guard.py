# SPDX-License-Identifier: MIT
"""The producer's guard against requests that are delayed and repeated inside the client (KAFKA-17754): the schedules
are in guard.c. Without it they do harm, and with it none. The pause that it prints is what an incident costs beyond
the time-out that told of it: the producer made anew."""
import os
import secrets
import subprocess

from conftest import BUILD, SLOW
from proxy import kafka_proxy

TRIES = int(os.environ.get("GUARD_TRIES", 10))  # with the guard, over all schedules
TRIES_OFF = int(os.environ.get("GUARD_TRIES_OFF", 5))
SCHEDULES = ["commit-held-abort", "commit-held-more-abort", "abort-held-more-commit", "abort-held-offsets-commit",
             "offsets-held-commit"]


def run(stack, program, tries, **settings):
    """-> {schedule: (wrong tries, median and longest pause behind the repeated request in ms)}"""
    with kafka_proxy() as proxy:
        environment = dict(os.environ, KAFKA_BOOTSTRAP_SERVERS=stack.kafka, TOPIC_PREFIX=f"t{secrets.token_hex(4)}-",
                           PROXIED_SERVERS=f"127.0.0.1:{proxy.port}", PROXY_CONTROL=str(proxy.control_port),
                           **settings)
        each = max(1, tries // len(SCHEDULES))
        done = subprocess.run([BUILD / "bin" / program, str(each)], env=environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=(60 + 10 * tries) * SLOW)
    print(f"{program}: schedule, tries, held, wrong, median and longest pause in ms\n{done.stdout}{done.stderr}")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {name: tuple(map(int, numbers)) for name, *numbers in map(str.split, done.stdout.splitlines())}
    assert list(rows) == SCHEDULES
    assert all(count == held == each for count, held, *_ in rows.values()), f"not every request was held: {rows}"
    return {name: row[2:] for name, row in rows.items()}


def test_with_the_guard_nothing_is_torn(stack):
    rows = run(stack, "system-guard", TRIES)
    assert all(wrong == 0 for wrong, *_ in rows.values()), rows


def test_without_the_guard_every_schedule_does_harm(stack):
    """A schedule that found its moment gone, on a machine that was busy elsewhere, gets it in a further run."""
    harmed = set()
    for _ in range(5):
        harmed |= {name for name, (wrong, *_) in run(stack, "system-guard-planted", TRIES_OFF, PLANT="guard-off").items() if wrong > 0}
        if len(harmed) == len(SCHEDULES):
            return
    raise AssertionError(f"no harm by {set(SCHEDULES) - harmed}")
