# SPDX-License-Identifier: MIT
"""A server neither answers nor closes, for as long as BLOCKED_SECONDS says, while events come as fast as they can be
sent. Memory stays under its ceilings and afterwards everything is caught up; while it is PostgreSQL, scoring goes on and
nobody leaves the group."""
import os
import time
import urllib.parse

import pytest

from audit import audit
from conftest import SLOW, wait_for
from proxy import Proxy, kafka_proxy
from support import Stream, Writer, history, scored

SECONDS = int(os.environ.get("BLOCKED_SECONDS", 12))
PER_SECOND = int(os.environ.get("BLOCKED_PER_SECOND", 4000)) / SLOW
# What the settings allow: 4 MiB fetched ahead for each of three lanes and two readers of the recorder, a transaction
# in the making and one on its way, and the programs themselves.
RESIDENT_MB = 80 * SLOW


def watch(worker, seconds):
    """-> the most memory it takes meanwhile"""
    most, end = 0.0, time.monotonic() + seconds
    while time.monotonic() < end:
        most = max(most, worker.resident_mb())
        time.sleep(0.2)
    return most


def assigned(worker):
    return worker.log.read_text().count("event=lane-assigned")


def behind(proxy, url):
    """The same database by way of the proxy."""
    parts = urllib.parse.urlsplit(url)
    place = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{place[0]}{place[1]}127.0.0.1:{proxy.port}").geturl()


@pytest.mark.parametrize("server", ["postgresql", "kafka"])
def test_what_is_blocked_costs_no_memory_and_is_caught_up(world, server):
    database = urllib.parse.urlsplit(world.database_url)
    made = kafka_proxy() if server == "kafka" else Proxy(database.port)
    with made as proxy:
        way = {"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{proxy.port}"} if server == "kafka" else {
            "DATABASE_URL": behind(proxy, world.database_url)}
        worker = world.scoring(LOG_LEVEL="info", **way)
        stream = Stream(Writer(world), history(5000), PER_SECOND)
        wait_for("scores arrive", lambda: scored(world) > 1000, 60)
        assignments = assigned(worker)
        proxy.tell("blackhole on")
        before = scored(world)
        most = watch(worker, SECONDS)
        meanwhile = scored(world) - before
        proxy.tell("blackhole off")
        wait_for("scores arrive again", lambda: scored(world) > before + meanwhile + 1000, 90)
        sent = stream.stop()
        result = audit(world, seconds=300)
        assert len(result.predictions) == sent and worker.running(), worker.tail()
        most = max(most, worker.resident_mb())
        if server == "postgresql":
            assert meanwhile > PER_SECOND * SECONDS / 4, "scoring waited for PostgreSQL"
            assert assigned(worker) == assignments, "somebody left the group"
        worker.wait_ready()
    print(f"{server} blocked for {SECONDS} s: {sent} events, {meanwhile} scored meanwhile, at most {most:.0f} MB resident")
    assert most < RESIDENT_MB
