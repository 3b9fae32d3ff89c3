# SPDX-License-Identifier: MIT
"""The artefact of a linear model: the same bytes, the same mathematics, refused when it lies."""

import dataclasses
import hashlib
import json

import numpy
import pytest

from conftest import DECISION, model_of, run, SECOND
from reference import Reference
from trainer import Problem, artefact, candidates, evaluate, fairness
from trainer.encode import Encoder
from trainer.score import Scorer, logistic


def test_it_scores_as_scikit_learn_does(tmp_path, linear, features, table):
    path = tmp_path / "model.json"
    path.write_text(artefact.text_of(linear[1]), encoding="utf-8")
    rows = artefact.people_of(features.inputs, features, table.x)
    scorer = Scorer(linear[1])
    mine = numpy.array([scorer.score(row)["probability"] for row in rows])
    assert numpy.abs(mine - Reference(path).probabilities(rows)).max() <= 1e-12
    assert numpy.abs(mine - linear[0].probability(table.x)).max() <= 1e-8  # weights have ten digits


def test_the_seal_is_the_hash_of_what_stands_before_it(linear):
    text = artefact.text_of(linear[1])
    body, seal = text[: text.rindex('"seal"')], text[text.rindex('"seal"') :]
    assert seal == f'"seal": "{hashlib.sha256(body.encode()).hexdigest()}"\n}}\n'
    assert json.loads(text) == {**json.loads(json.dumps(linear[1])), "seal": json.loads(text)["seal"]}


def test_contributions_and_base_are_the_log_odds(linear):
    scorer = Scorer(linear[1])
    for vector in linear[1]["golden"]["vectors"]:
        score = scorer.score(vector["features"])
        assert score["base_log_odds"] + sum(score["contributions"].values()) == pytest.approx(
            score["log_odds"], abs=1e-12)


def test_the_policies_are_those_of_the_features_file(linear):
    scorer = Scorer(linear[1])
    somebody = linear[1]["golden"]["vectors"][0]["features"]

    def with_(**changes):
        return scorer.score({**somebody, **changes})

    assert with_(TenureMonths=None) is None
    assert with_(CommuteMinutes=600) is None
    assert with_(Contract="verbal") is None
    assert with_(Shift="dawn") == with_(Shift="day")
    assert with_(HourlyPay=999) == with_(HourlyPay=linear[1]["features"][5]["train_max"])
    assert with_(HoursPerWeek=70)["log_odds"] != with_(HoursPerWeek=43)["log_odds"]
    assert with_(Site="Marseille")["log_odds"] not in {with_(Site=s)["log_odds"] for s in ("Lille", "Lyon", "Nantes")}


def test_every_kind_of_error_case_is_there(linear):
    assert {case["expect"] for case in linear[1]["golden"]["errors"]} == {
        "missing", "unknown-category", "band-unknown", "outside-training-range", "out-of-range", "not-an-integer",
        "wrong-type"}
    assert len(linear[1]["golden"]["vectors"]) >= 30


def test_isotonic_is_the_curve_of_scikit_learn(features, table):
    candidate = dataclasses.replace(candidates.SHIPPED, calibration="isotonic", grid={"model__C": (0.1,)})
    fitted, built = model_of(candidate, features, table)
    curve = fitted.estimator.calibrated_classifiers_[0].calibrators[0]
    raw = numpy.linspace(-9, 9, 500)
    assert numpy.abs(numpy.interp(raw, built["calibration"]["x"], built["calibration"]["y"])
                     - curve.predict(raw)).max() <= 1e-12
    assert all(a < b for a, b in zip(built["calibration"]["x"], built["calibration"]["x"][1:]))


def test_a_model_whose_probabilities_lie_is_not_written(features, table):
    with pytest.raises(Problem, match="do not mean what they say"):
        model_of(dataclasses.replace(candidates.SHIPPED, smote=True, grid={"model__C": (0.1,)}), features, table)


def test_the_logistic_is_rounded_once():
    assert logistic(0.0) == 0.5 and logistic(1.0) == 0.7310585786300049
    assert logistic(-745.0) == pytest.approx(4.94e-324) and logistic(800.0) == 1.0


def test_nothing_of_the_people_under_test_is_known(features, table):
    """An encoder that is fitted on a part gives the same whatever stands in the rest."""
    used = tuple(a.name for a in features.inputs)
    whole = Encoder(features.attributes, used, True).fit(table.x[:1000]).transform(table.x[1000:])
    single = [Encoder(features.attributes, used, True).fit(table.x[:1000]).transform(table.x[i : i + 1])[0]
              for i in (1000, 1500)]
    assert numpy.array_equal(whole[0], single[0]) and numpy.array_equal(whole[500], single[1])


def test_calibration_error_by_hand():
    y, p = numpy.array([0, 1, 1, 1]), numpy.array([0.05, 0.05, 0.95, 0.95])
    assert evaluate.expected_calibration_error(y, p) == pytest.approx(0.5 * 0.45 + 0.5 * 0.05)


def test_of_few_people_a_right_model_has_a_calibration_error_too():
    p = numpy.random.default_rng(3).beta(1, 5, 300)
    few = evaluate.by_chance(p, evaluate.expected_calibration_error)
    many = evaluate.by_chance(numpy.tile(p, 50), evaluate.expected_calibration_error)
    assert few > 0.03 and many < few / 5
    assert evaluate.by_chance(p, lambda y, p: evaluate.gap_above(y, p, 0.99)) == 0


def test_the_fairness_table_by_hand(features, table):
    """Everybody of one sex is flagged and nobody of the other."""
    place = [a.name for a in features.attributes].index("Sex")
    p = numpy.where(table.x[:, place] == 0, 0.9, 0.1)[None, :]
    rows = {row["group"]: row for row in fairness.audit(features, table, p, 0.5) if row["attribute"] == "Sex"}
    assert rows["F"]["selection_rate"] == rows["F"]["tpr"] == rows["F"]["ratio"] == 1
    assert rows["M"]["selection_rate"] == rows["M"]["ratio"] == 0 and rows["M"]["ppv"] is None
    assert rows["F"]["people"] + rows["M"]["people"] == len(table.y)
    assert rows["F"]["ppv"] == pytest.approx(table.y[table.x[:, place] == 0].mean())


def test_small_groups_are_marked(features, table):
    few = dataclasses.replace(table, x=table.x[:150], y=table.y[:150])
    rows = fairness.audit(features, few, numpy.full((1, 150), 0.6), 0.5)
    assert {row["small"] for row in rows} == {True, False}
    assert all(row["small"] == (row["people"] < 50 or row["leavers"] < 10) for row in rows)


def test_the_command_writes_the_same_bytes_on_another_processor(tmp_path, second):
    made = {}
    for core, more in (("Haswell", []), ("Prescott", ["--no-report"])):
        out = tmp_path / core
        done = run("--quick", "--data", second / "people.csv", "--features", SECOND / "features.json", "--out", out,
                   *more, OPENBLAS_CORETYPE=core)
        assert done.returncode == 0, done.stderr
        made[core] = {path.name: path.read_bytes() for path in out.iterdir()}
    assert set(made["Haswell"]) == {"attrition.json", "README.md", "report.html"}
    assert set(made["Prescott"]) == {"attrition.json"}
    assert made["Haswell"]["attrition.json"] == made["Prescott"]["attrition.json"]
    page = made["Haswell"]["report.html"].decode()
    assert page.count("<svg") > 8 and "src=" not in page and "<link" not in page
    for words in ("Exploration", "Correlations", "80/20 split", "original recipe", "precision", "Fairness", "C 0.1"):
        assert words in page
    built = json.loads(made["Haswell"]["attrition.json"])
    assert built["training"]["horizon"] == "12 months" and built["decision"] == DECISION


def test_what_is_wrong_is_one_sentence_and_no_traceback(tmp_path, second):
    for arguments, words in [
        (["--data", tmp_path / "none.csv", "--features", SECOND / "features.json", "--out", tmp_path], "none.csv"),
        (["--data", second / "people.csv", "--features", tmp_path / "none.json", "--out", tmp_path], "none.json"),
        (["--data", second / "people.csv"], "--out"),
        (["--estimator", "forest"], "--out"),
        (["--quick"], "--out"),
        (["--out", tmp_path, "--name", "../model"], "without its folder"),
        (["--out", tmp_path, "--trees", "0"], "not 1 or more"),
        (["--out", tmp_path, "--estimator", "forest", "--calibration", "isotonic"], "by a sigmoid"),
        (["--threshold", "0.2", "--out", tmp_path], "--elevated"),
        (["--threshold", "2"], "between 0 and 1"),
    ]:
        done = run(*arguments)
        assert done.returncode == 2 and words in done.stderr and "Traceback" not in done.stderr
    assert "--estimator" in run("--help").stdout
