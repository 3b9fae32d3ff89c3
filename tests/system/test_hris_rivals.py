# SPDX-License-Identifier: MIT
"""Imports that meet: of one source, or behind somebody else's open transaction. Each row once, and no
import goes on at another one's place."""
import signal
import subprocess

from confluent_kafka import Producer

from conftest import wait_for
from test_hris import BAD_EVERY, check_each_row_once, events, make_csv, progress


def test_other_content_does_not_take_the_place_of_a_half_read_file(world, tmp_path):
    path, other = make_csv(tmp_path / "many.csv", 40000), make_csv(tmp_path / "other.csv", 10)
    program = world.hris(path, source="many", TRANSACTION_ROWS=200)
    wait_for("some rows", lambda: progress(world, "many"))
    program.stop(status=4)
    refused = world.hris(other, source="many")
    assert refused.wait() == 1
    assert "--restart" in refused.log.read_text()
    assert world.hris(other, "many", "2026-01-02", RESTART="true").wait() == 1  # no environment says so
    assert world.start("retentionai-hris", "--source", "many", "--restart", other).wait() == 1
    assert progress(world, "many")[-1]["rows_done"] == 10


def test_the_second_import_of_a_source_fences_the_first(world, tmp_path):
    path, again = make_csv(tmp_path / "many.csv", 40000), make_csv(tmp_path / "again.csv", 40000)
    first = world.hris(path, source="many", TRANSACTION_ROWS=200)
    wait_for("some rows", lambda: progress(world, "many"))
    second = world.hris(again, source="many", TRANSACTION_ROWS=2000)
    assert first.wait() == 3, first.tail()
    assert second.wait() == 1, second.tail()
    assert len(events(world)) == 40000 - 40000 // BAD_EVERY


def test_progress_behind_another_open_transaction_is_not_overlooked(world, tmp_path):
    path = make_csv(tmp_path / "many.csv", 40000)
    stranger = Producer({"bootstrap.servers": world.stack.kafka, "transactional.id": f"{world.prefix}stranger",
                         "transaction.timeout.ms": 60000})
    stranger.init_transactions(20)
    program = world.hris(path, source="many", TRANSACTION_ROWS=200)
    wait_for("some rows", lambda: progress(world, "many"))
    stranger.begin_transaction()
    for partition in range(8):
        stranger.produce(world.topic("hris-progress"), b"x", "stranger", partition)
    assert stranger.flush(20) == 0
    # What this run commits from now on cannot be read while the stranger's transaction is open.
    program.kill()
    again = world.hris(path, source="many", TRANSACTION_ROWS=2000)
    wait_for("the wait", lambda: "event=waiting" in again.log.read_text())
    assert again.running()
    stranger.abort_transaction(20)
    assert again.wait() == 1
    check_each_row_once(world, path, 40000)


def test_an_import_that_slept_does_not_go_on_in_the_place_of_another(world, tmp_path):
    path, other = make_csv(tmp_path / "many.csv", 40000), make_csv(tmp_path / "other.csv", 40000)
    other.write_text(other.read_text().replace("Sales Executive", "Manager"))
    first = world.hris(path, source="many", TRANSACTION_ROWS=200)
    wait_for("some rows", lambda: progress(world, "many"))
    first.process.send_signal(signal.SIGSTOP)
    second = world.start("retentionai-hris", "--source", "many", "--restart", other, TRANSACTION_ROWS=200)
    wait_for("rows of the second", lambda: len({record["content_hash"] for record in progress(world, "many")}) == 2)
    second.process.send_signal(signal.SIGSTOP)
    asleep = wait_for("the second's last commit", lambda: progress(world, "many"))
    # Longer than half of the transaction's time-out: the first takes its own pause for too long.
    subprocess.run(["sleep", "8"], check=True)
    first.process.send_signal(signal.SIGCONT)
    assert first.wait() == 3, first.tail()
    assert [r for r in progress(world, "many") if r["content_hash"] == asleep[0]["content_hash"]] == [
        r for r in asleep if r["content_hash"] == asleep[0]["content_hash"]]
    second.process.send_signal(signal.SIGCONT)
    second.wait()
    assert world.start("retentionai-hris", "--source", "many", other).wait() in (0, 1)
    last = progress(world, "many")[-1]
    assert last["finished"] and last["rows_done"] == 40000 and last["content_hash"] != asleep[0]["content_hash"]
