# SPDX-License-Identifier: MIT
"""Another model under a working process: each score is of the model that it names, and a file that is none
changes nothing."""
import hashlib
import itertools
import os
import shutil

from conftest import REPO, SLOW, wait_for
from support import ATTRIBUTES, Stream, Writer, change, decoded

DATA = REPO / "tests/unit/model/data"
# file -> what scikit-learn gives the real people by it
MODELS = {REPO / "models/attrition.json": DATA / "linear.csv", DATA / "boosting.json": DATA / "boosting.csv"}


def id_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def people():
    """The real ones, round after round: the number of each stands in front of the dash."""
    for turn in itertools.count():
        for i, attributes in enumerate(ATTRIBUTES):
            yield change(f"{i}-{turn}", attributes)


def replace(path, by):
    """In one step, as a careful operator does it."""
    shutil.copy(by, path.with_suffix(".new"))
    os.replace(path.with_suffix(".new"), path)


def test_models_take_over_while_events_flow(world, tmp_path):
    file = tmp_path / "model.json"
    first, second = MODELS
    shutil.copy(first, file)
    program = world.scoring(MODEL_FILE=file)
    stream = Stream(Writer(world), people(), 2000 / SLOW)

    def scored_by(path):
        return world.scalar("SELECT count(*) FROM predictions_history WHERE model_id = %s", id_of(path))

    wait_for("the first model scores", lambda: scored_by(first) > 500)
    replace(file, second)
    wait_for("the second model scores", lambda: scored_by(second) > 500)

    # What is no model is told of, and the one before stays in use: cut off, of nothing known, gone.
    broken = 0
    for content in (second.read_bytes()[:50_000], first.read_bytes().replace(b'"Age', b'"Agx'), b"{}", None):
        if content is None:
            file.unlink()
        else:
            file.write_bytes(content)
        broken += 1
        wait_for("it is refused", lambda: f"event=model-refused file={file} model={id_of(second)}" in program.tail(9999)
                 and program.metric("retentionai_model_loads_total") == broken + 1)
        before = scored_by(second)
        wait_for("the second model goes on", lambda: scored_by(second) > before + 500)
        if SLOW > 1:
            program.wait_ready()  # a lane that a sanitizer slows down may be late for a moment
        assert program.http("/readyz")[0] == 200

    back = scored_by(first)
    replace(file, first)
    wait_for("the first model is back", lambda: scored_by(first) > back + 500)
    sent = stream.stop()
    wait_for("all are recorded", lambda: world.scalar("SELECT count(*) FROM predictions_history") == sent)

    expected = {id_of(model): [float(line) for line in csv.read_text().split()] for model, csv in MODELS.items()}
    order = {}
    for record in decoded(world, "predictions"):
        score = record.value
        person = int(score["employee_id"].partition("-")[0])
        assert abs(score["churn_probability"] - expected[score["model_id"]][person]) <= 1e-12
        models = order.setdefault(record.partition, [])
        if models[-1:] != [score["model_id"]]:
            models.append(score["model_id"])
    assert all(models == [id_of(first), id_of(second), id_of(first)] for models in order.values()), order
