# SPDX-License-Identifier: MIT
"""The schema registry is needed at the start and for schemas never seen, and for nothing else."""
from audit import audit
from conftest import wait_for
from support import ATTRIBUTES, Writer, change, scored


def test_the_registry_is_down_when_a_worker_starts_and_not_needed_for_known_schemas(world):
    writer = Writer(world)
    events = [change(f"known-{i}", ATTRIBUTES[i]) for i in range(600)]
    with world.stack.without("registry", how="kill"):
        worker = world.start("retentionai-scoring")
        wait_for("the worker lives", lambda: worker.http("/livez")[0] == 200, 20)
        assert worker.http("/readyz")[0] == 503
        for event in events[:200]:
            writer.send(event)
        writer.flush()
        assert worker.running() and scored(world) == 0
        wait_for("it says so", lambda: "event=registry-waits why=" in worker.log.read_text())
        importer = world.hris()
        wait_for("the import says so", lambda: "event=registry-waits why=" in importer.log.read_text(), 20)
        importer.stop(status=4)
    worker.wait_ready()
    wait_for("the first events", lambda: scored(world) == 200, 30)
    with world.stack.without("registry", how="kill"):
        for event in events[200:400]:
            writer.send(event)
        writer.flush()
        wait_for("known schemas need no registry", lambda: scored(world) == 400, 30)
    for event in events[400:]:
        writer.send(event)
    writer.flush()
    assert len(audit(world).predictions) == 600


def test_a_schema_that_is_not_known_waits_for_the_registry(world):
    """It may well be a good one: no dead letter, the record is waited for."""
    old = Writer(world)
    worker = world.scoring()
    old.send(change("old", ATTRIBUTES[0]))
    old.flush()
    wait_for("the first event", lambda: scored(world) >= 1, 30)
    newer = {**old.schema, "fields": [*old.schema["fields"], {
        "name": "Shift", "type": ["null", "string"], "default": None}]}
    new = Writer(world, newer)
    before = scored(world)
    with world.stack.without("registry", how="kill"):
        new.send({**change("new", ATTRIBUTES[1]), "Shift": "night"})
        new.flush()
        wait_for("the worker says so", lambda: worker.http("/readyz")[0] == 503, 20)
        assert scored(world) == before
    worker.wait_ready()
    result = audit(world)
    assert sorted(result.employees) == ["new", "old"] and not result.dead_letters
