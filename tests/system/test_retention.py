# SPDX-License-Identifier: MIT
"""The retention worker against real services and the language model's stand-in: each episode gets its plan
once, and a person who asks gets an answer."""
import collections
import json

import pytest

from conftest import wait_for
from stub import KEY, Stub
from support import decoded

PLANS = "retention-plans"


@pytest.fixture
def stub(tmp_path):
    stub = Stub(tmp_path)
    yield stub
    stub.stop()


def gemini(stub, **settings):
    """Settings of a worker that asks the stub, as fast as it can."""
    return {"PLAN_PROVIDERS": "gemini", "GEMINI_BASE_URL": f"http://127.0.0.1:{stub.port}", "GEMINI_API_KEY": KEY,
            "GEMINI_PAID_TIER": "yes", "GEMINI_CONCURRENCY": 64, "GEMINI_REQUESTS_PER_MINUTE": 0,
            "GEMINI_TOKENS_PER_MINUTE": 0, "GEMINI_REQUESTS_PER_DAY": 0, "GEMINI_USD_PER_DAY": 0, "PLAN_CACHE": 0,
            **settings}


@pytest.fixture
def scored_world(world):
    """The real people, imported and scored."""
    world.scoring()
    importer = world.hris()
    assert importer.wait() == 0, importer.tail()
    wait_for("a score each", lambda: world.scalar("SELECT count(*) FROM predictions_history") == 1470)
    return world


def episodes(world):
    return {row[0] for row in world.query("SELECT opened_by FROM risk_episode")}


def plans(world):
    """{prediction: plan} of the table, which must be that of the topic, one for each episode."""
    due = episodes(world)
    wait_for("a plan each", lambda: world.scalar("SELECT count(*) FROM retention_plan") >= len(due), 60)
    columns = ("plan_id prediction_id employee_id status action_1 action_2 action_3 language generated_by model_name "
               "prompt_sha256 input_tokens output_tokens refusal request_id reused_from").split()
    rows = [dict(zip(columns, row)) for row in world.query(f"SELECT {', '.join(columns)} FROM retention_plan")]
    topic = {r.value["plan_id"]: {name: r.value[name] for name in columns} for r in decoded(world, PLANS)}
    assert {row["plan_id"]: row for row in rows} == topic
    assert collections.Counter(row["prediction_id"] for row in rows) == collections.Counter(due)
    return {row["prediction_id"]: row for row in rows}


def test_without_a_language_model_the_rules_make_the_plans(scored_world):
    scored_world.retention()
    for plan in plans(scored_world).values():
        assert (plan["status"], plan["generated_by"], plan["refusal"]) == ("fallback", "rules", None)
        assert len({plan["action_1"], plan["action_2"], plan["action_3"]}) == 3


def test_each_episode_gets_one_plan_from_the_language_model(scored_world, stub):
    scored_world.retention(**gemini(stub))
    made = plans(scored_world)
    for plan in made.values():
        assert (plan["status"], plan["generated_by"], plan["language"]) == ("written", "gemini", "en")
        assert plan["input_tokens"] > 0 and plan["output_tokens"] > 0 and plan["model_name"]
    assert stub.stats()["calls"] == len(made) > 20
