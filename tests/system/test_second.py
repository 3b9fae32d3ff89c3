# SPDX-License-Identifier: MIT
"""Another company: other columns, its own features file, a model trained on its own people, a site that
did not exist then. Nothing of ours is built anew."""
import csv
import subprocess
import sys

from audit import Reference
from conftest import REPO, wait_for
from support import CHANGES, decoded

SECOND = REPO / "tests/data/second"


def test_another_companys_people_are_trained_on_imported_and_scored(bare_world, tmp_path):
    subprocess.run([sys.executable, SECOND / "generate.py", tmp_path], check=True, timeout=60)
    subprocess.run([sys.executable, "-m", "trainer", "--quick", "--no-report", "--jobs", "1", "--out", tmp_path / "model",
                    "--data", tmp_path / "people.csv", "--features", SECOND / "features.json"], check=True, timeout=300,
                   cwd=REPO / "models/train", capture_output=True)
    model = tmp_path / "model/attrition.json"
    bare_world.environment.update(FEATURES_FILE=str(SECOND / "features.json"), MODEL_FILE=str(model),
                                  EMPLOYEE_ID_COLUMN="StaffNumber")
    world = bare_world.apply()
    world.ctl("model", "check", "--features", SECOND / "features.json", model)
    world.scoring()
    arrivals = tmp_path / "arrivals.csv"
    importer = world.hris(arrivals, source="arrivals")
    assert importer.wait() == 0, importer.tail()
    with open(arrivals, encoding="utf-8-sig", newline="") as file:
        count = sum(1 for _ in csv.DictReader(file))
    wait_for("a row each", lambda: world.scalar("SELECT count(*) FROM predictions_history") == count)

    events = {event.key: event.value for event in decoded(world, CHANGES)}
    scores = {score.key: score.value for score in decoded(world, "predictions")}
    assert len(scores) == len(events) == count
    assert "Marseille" in {event["Site"] for event in events.values()}
    expected = Reference(model).probabilities([events[key] for key in scores])
    for (key, score), probability in zip(scores.items(), expected):
        assert abs(score["churn_probability"] - probability) <= 1e-12, key
    # The columns of the table are those of the features file.
    assert world.scalar('SELECT count(DISTINCT "site") FROM employee') == 5
