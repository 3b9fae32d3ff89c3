# SPDX-License-Identifier: MIT
"""retentionai-hris against real services: each row once, whatever happens to the import."""
import collections
import csv
import datetime
import os
import time

from conftest import SLOW, wait_for
from support import CHANGES, chance, decoded, ends, is_bad, wait_readable, write_csv

BAD_EVERY = 500
FIRST = 500_000
# What World.hris says when nothing else is asked for.
SINCE = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)


def make_csv(path, rows):
    return write_csv(path, rows, FIRST, BAD_EVERY)


def events(world, topic=CHANGES):
    if topic == CHANGES:
        wait_readable(world, topic)
    return [record.value for record in decoded(world, topic)]


def progress(world, source):
    return [record for record in events(world, "hris-progress") if record["source"] == source]


def check_each_row_once(world, path, rows, **expected):
    good = {str(FIRST + i) for i in range(rows) if not is_bad(i, BAD_EVERY)}
    bad = [i + 2 for i in range(rows) if is_bad(i, BAD_EVERY)]
    seen = events(world)
    assert collections.Counter(event["employee_id"] for event in seen) == collections.Counter(good)
    assert len({event["event_id"] for event in seen}) == len(good)
    for name, value in expected.items():
        assert {event[name] for event in seen} == {value}
    with open(f"{path}.rejected.csv", encoding="utf-8", newline="") as file:
        rejected = list(csv.DictReader(file))
    assert [int(row["rejected_line"]) for row in rejected] == bad
    assert {row["rejected_code"] for row in rejected} == {"not-an-integer"}
    assert {row["Age"] for row in rejected} == {"forty"}


def test_the_real_employees_arrive_once(world):
    assert world.hris(source="ibm").wait() == 0
    assert world.hris(source="ibm").wait() == 0
    seen = events(world)
    assert len(seen) == 1470 and len({event["employee_id"] for event in seen}) == 1470
    first = next(event for event in seen if event["employee_id"] == "1")
    assert first["event_time"] == SINCE and first["source"] == "ibm"
    assert first["change"] == "updated" and first["MonthlyIncome"] == 5993
    assert first["Department"] == "Sales"
    last = progress(world, "ibm")[-1]
    assert last["finished"] and last["rows_done"] == 1470 and last["rejected"] == 0
    # A new event time is a new import of the same people.
    assert world.hris(source="ibm", event_time="2026-01-03T00:00:00Z").wait() == 0
    assert len(world.ctl("consume", "employee-changes", "--event-time", "2026-01-03").splitlines()) == 1470
    assert len(events(world)) == 2940


def test_a_finished_import_still_tells_of_the_rows_that_it_rejected(world, tmp_path):
    path = make_csv(tmp_path / "some.csv", BAD_EVERY)
    assert world.hris(path, source="some").wait() == 1
    again = world.hris(path, source="some")
    assert again.wait() == 1
    assert f"nothing to do but to mend the 1 rows that were rejected: {path}.rejected.csv" in again.tail()
    check_each_row_once(world, path, BAD_EVERY)
    (tmp_path / "some.csv.rejected.csv").unlink()
    gone = world.hris(path, source="some")
    assert gone.wait() == 1 and f"{path}.rejected.csv is gone: --restart" in gone.tail()


def test_departures_need_the_ids_alone(world, tmp_path):
    path = tmp_path / "left.csv"
    path.write_text("EmployeeNumber\r1\r  \r2\r")
    os.utime(path, (1577836800, 1577836800))
    program = world.start("retentionai-hris", "--change", "left", path)
    assert program.wait() == 0 and "columns-missing" not in program.tail()
    assert "event time 2020-01-01T00:00:00.000Z, the file's time of change" in program.tail()
    assert sorted((event["employee_id"], event["change"], event["Age"]) for event in events(world)) == [
        ("1", "left", None), ("2", "left", None)]
    # The same file with another meaning is another import.
    path = make_csv(tmp_path / "some.csv", 3)
    path.write_text(path.read_text().replace(",Y,Yes,", ",Y,maybe,"))
    program = world.hris(path, source="some")
    assert program.wait() == 0 and 'OverTime ("maybe")' in program.tail()
    program = world.start("retentionai-hris", "--source", "some", "--change", "left", path)
    assert program.wait() == 0 and len(events(world)) == 8
    assert world.start("retentionai-hris", "--change", "erased", path).wait() == 2


def test_a_file_without_rows_is_imported_with_a_warning(world, tmp_path):
    path = make_csv(tmp_path / "none.csv", 0)
    for _ in range(2):
        program = world.hris(path, source="none")
        assert program.wait() == 0 and "event=no-rows" in program.tail() and "has no rows" in program.tail()
    assert progress(world, "none")[-1]["finished"] and events(world) == []


def test_kills_at_any_moment_lose_and_repeat_nothing(world, tmp_path):
    """The moments are spread over the orders of magnitude, so that some come while the program starts and
    some among the rows, however fast the programs are here. KILLS: how many at most, SEED: repeats."""
    path, kills = make_csv(tmp_path / "many.csv", 40000), 0
    random = chance(os.environ)
    for _ in range(int(os.environ.get("KILLS", 8))):
        program = world.hris(path, source="many", TRANSACTION_ROWS=80)
        time.sleep(2 * SLOW * 100 ** -random.random())
        if not program.running():
            break
        program.kill()
        kills += 1
    assert kills >= 3, "the kills did not hit the import"
    program = world.hris(path, source="many", TRANSACTION_ROWS=80)
    assert program.wait(120) == 1, program.tail()  # rows were rejected, whoever sent the last one
    check_each_row_once(world, path, 40000, event_time=SINCE)


def test_sigterm_ends_an_import_that_goes_on_later(world, tmp_path):
    path = make_csv(tmp_path / "many.csv", 40000)
    program = world.hris(path, source="many", TRANSACTION_ROWS=20)
    wait_for("some rows", lambda: ends(world, world.topic(CHANGES)) > 0)
    program.stop(status=4)
    done = progress(world, "many")[-1]
    assert not done["finished"] and 0 < done["rows_done"] < 40000
    # The event time is that of the first run.
    assert world.start("retentionai-hris", "--source", "many", path).wait() == 1
    check_each_row_once(world, path, 40000, event_time=SINCE)


def test_a_broker_that_dies_only_delays_the_import(world, stack, tmp_path):
    path = make_csv(tmp_path / "many.csv", 8000)
    program = world.hris(path, source="many", TRANSACTION_ROWS=20)
    wait_for("some rows", lambda: ends(world, world.topic(CHANGES)) > 0)
    with stack.without("kafka", how="kill"):
        assert program.running()
    assert program.wait(120) == 1
    check_each_row_once(world, path, 8000)


def test_a_stop_while_the_broker_is_away_is_an_interruption(world, stack, tmp_path):
    path = make_csv(tmp_path / "many.csv", 40000)
    program = world.hris(path, source="many", TRANSACTION_ROWS=20)
    wait_for("some rows", lambda: ends(world, world.topic(CHANGES)) > 0)
    with stack.without("kafka", how="kill"):
        program.stop(status=4)
    assert world.hris(path, source="many").wait() == 1
    check_each_row_once(world, path, 40000)
