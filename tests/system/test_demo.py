# SPDX-License-Identifier: MIT
"""docker/local demo, the first command of a newcomer: run again and again, over whatever is there, without
and with a language model."""
import concurrent.futures
import csv
import json
import os
import subprocess
import urllib.request

import pytest
from confluent_kafka import Producer

from conftest import BUILD, EMPLOYEES_CSV, REPO

pytestmark = pytest.mark.skipif(BUILD.name in ("asan", "tsan"), reason="once is enough")


@pytest.fixture
def local(tmp_path):
    """Runs docker/local on a directory of this test's own -> output."""
    directory = tmp_path / "stack"

    def run(*arguments):
        done = subprocess.run(
            [REPO / "docker/local", "--dir", directory, *arguments], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=400,
            env={**os.environ, "LOCAL_PRESET": BUILD.name})
        assert done.returncode == 0, done.stdout
        return done.stdout

    run("up", "--services", "--free-ports")
    yield run
    run("down", "--wipe")


def environment(local):
    return dict(line.split("=", 1) for line in local("env").splitlines())


def one_employee_as_another(path, employee, other):
    with open(EMPLOYEES_CSV, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    row = next(row for row in rows if row["EmployeeNumber"] == other)
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=row.keys())
        writer.writeheader()
        writer.writerow({**row, "EmployeeNumber": employee})


PLANS = """
SELECT p.generated_by, p.status, count(*), count(DISTINCT h.employee_id) FROM retention_plan p
JOIN predictions_history h ON h.id = p.prediction_id AND h.employee_id = p.employee_id
WHERE h.band = 'high' AND h.trigger = 'change' AND p.request_id IS NULL
    AND num_nonnulls(action_1, action_2, action_3) = 3 GROUP BY 1, 2"""
# Without what the demonstration asks for over HTTP at its end.
ALL = """SELECT count(*) FROM retention_plan WHERE request_id IS NULL
    AND prediction_id IN (SELECT id FROM predictions_history WHERE trigger = 'change')"""


def plans(local):
    """-> (maker, status, how many, of how many people)"""
    lines = local("psql", "-Atc", PLANS).split()
    assert len(lines) == 1, lines
    maker, status, count, employees = lines[0].split("|")
    assert local("psql", "-Atc", ALL).strip() == count
    return maker, status, int(count), int(employees)


def test_a_language_model_writes_the_plans_when_it_is_asked_for_one(local):
    said = local("demo", "--stub-llm")
    maker, status, count, employees = plans(local)
    assert (maker, status, employees) == ("gemini", "written", count) and count > 100
    assert "Every count agrees." in said and f"    {count} by gemini (" in said and "\n  3. " in said
    with urllib.request.urlopen(f"{environment(local)['GEMINI_BASE_URL']}/stats", timeout=5) as answer:
        stats = json.load(answer)
    assert 0 < stats["calls"] <= count + 1 and stats["refused"] == 0
    assert '{"churn_probability":0.' in said and '{"retention_plan":["' in said, said
    # Without it the worker gets other settings, and what is there stays.
    local("stop", "stub-llm")
    said = local("demo")
    assert "retention  gets other settings" in said and "Every count agrees." in said, said
    assert plans(local) == (maker, status, count, employees)


def test_the_demo_agrees_also_over_garbage_and_over_people_whose_risk_has_passed(local, tmp_path):
    # Two at once: the second waits, or they would count each other's people.
    with concurrent.futures.ThreadPoolExecutor() as pool:
        first, other = sorted(pool.map(local, ["demo"] * 2), key=lambda said: "another demo runs in" in said)
    assert "Every count agrees." in first and " by our own rules." in first
    assert "Every count agrees." in other and "another demo runs in" in other
    made = plans(local)
    assert made[:2] == ("rules", "fallback") and made[2] == made[3] > 100

    def ends(order):
        return local("psql", "-Atc", "SELECT employee_id FROM current_prediction ORDER BY probability "
                     f"{order}, employee_id LIMIT 1").strip()
    highest, lowest = ends("DESC"), ends("ASC")
    producer = Producer({"bootstrap.servers": environment(local)["KAFKA_BOOTSTRAP_SERVERS"]})
    producer.produce("employee-changes", b"no Avro", b"17")
    producer.flush()
    one_employee_as_another(tmp_path / "calm.csv", highest, lowest)
    subprocess.run([BUILD / "bin/retentionai-hris", "--source", "calm", tmp_path / "calm.csv"],
                   env={**os.environ, **environment(local)}, check=True, timeout=60)

    second = local("demo")
    assert "Every count agrees." in second, second
    assert plans(local) == made
    closed = local("psql", "-Atc", f"SELECT closed_reason FROM risk_episode WHERE employee_id = '{highest}'")
    assert closed.strip() == "fell"
