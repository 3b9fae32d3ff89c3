# SPDX-License-Identifier: MIT
"""kill -9 of the gateway, the worker and Kafka while 64 clients call /predict: a 200 is committed, a 202 is
resolved later, and no request has two results. At full size by `tests/run kill`."""
import collections
import http.client
import os
import threading
import time
import uuid

from api import Api
from conftest import SLOW, free_port, wait_for
from support import ATTRIBUTES, PREDICTIONS, bits, decoded

SECONDS = float(os.environ.get("GATEWAY_KILL_SECONDS", "12"))
CLIENTS, KEYED = 64, 16


class Client(threading.Thread):
    """Calls until it is told to stop. With a key a call is made again until it has a result."""

    def __init__(self, url, token, number, is_over):
        super().__init__(daemon=True)
        self.api, self.number, self.is_over = Api(url, token), number, is_over
        self.results, self.accepted, self.statuses = [], [], collections.Counter()
        self.failure = None
        self.start()

    def run(self):
        try:
            calls = 0
            while not self.is_over.is_set():
                calls += 1
                body = ATTRIBUTES[(self.number * 101 + calls) % len(ATTRIBUTES)]
                if self.number < KEYED:
                    self.until_done(body, str(uuid.uuid4()))
                else:
                    self.once(body)
        except BaseException as failure:
            self.failure = failure

    def once(self, body, **headers):
        try:
            answer = self.api.post("/predict", body, Prefer="wait=3", **headers)
        except (http.client.HTTPException, OSError) as error:
            self.statuses[type(error).__name__] += 1
            self.is_over.wait(0.05)
            return None
        self.statuses[answer.status] += 1
        if answer.status == 200:
            score = answer.json
            self.results.append((score["request_id"], score["prediction_id"], bits(score["churn_probability"])))
        elif answer.status == 202:
            self.accepted.append(answer.json["request_id"])
        elif answer.status in (409, 503):
            assert int(answer.headers["Retry-After"]) >= 1, answer
            self.is_over.wait(0.1)
        else:
            raise AssertionError(answer)
        return answer

    def until_done(self, body, key):
        """All answers with one key are of one request."""
        ids = set()
        while not self.is_over.is_set():
            answer = self.once(body, Idempotency_Key=key)
            if answer is not None and answer.status in (200, 202):
                ids.add(answer.json["request_id"])
            if answer is not None and answer.status == 200:
                break
        assert len(ids) <= 1, ids


def test_every_answer_is_true_whatever_is_killed(world):
    port = free_port()
    scoring, gateway = world.scoring(), world.gateway(port)
    hr = Api(gateway.url).register()
    is_over, kills = threading.Event(), collections.Counter()
    clients = [Client(gateway.url, hr.token, i, is_over) for i in range(CLIENTS)]
    end = time.monotonic() + SECONDS * SLOW
    turn = 0
    while time.monotonic() < end or turn < 3:
        is_over.wait(2)
        what = ("gateway", "worker", "kafka")[turn % 3]
        if what == "gateway":
            gateway.kill()
            gateway = world.gateway(port)
        elif what == "worker":
            scoring.kill()
            scoring = world.scoring()
        else:
            with world.stack.without("kafka", how="kill"):
                pass
            gateway.wait_ready(180)
            scoring.wait_ready(180)
        kills[what] += 1
        turn += 1
    # They get through again.
    before = [c.statuses[200] for c in clients]
    wait_for("results", lambda: sum(c.statuses[200] > b for c, b in zip(clients, before)) > CLIENTS // 2, 240)
    is_over.set()
    for client in clients:
        client.join(60 * SLOW)
        assert not client.is_alive()
        if client.failure is not None:
            raise client.failure

    statuses = sum((c.statuses for c in clients), collections.Counter())
    results = [r for c in clients for r in c.results]
    accepted = {r for c in clients for r in c.accepted}
    print(f"{SECONDS:.0f} s, kills {dict(kills)}, answers {dict(statuses)}")
    assert statuses[200] > 50 and set(statuses) & {202, 503, "ConnectionRefusedError", "RemoteDisconnected"}

    # What was accepted is resolved, by any gateway.
    values = collections.defaultdict(set)
    for request_id, prediction_id, probability in results:
        values[request_id].add((prediction_id, probability))
    asker = Api(gateway.url, hr.token)

    def is_resolved(request_id):
        state = asker.get(f"/requests/{request_id}")
        assert state.status == 200, (request_id, state)
        if state.json["state"] != "done":
            return False
        result = state.json["result"]
        values[request_id].add((result["prediction_id"], bits(result["churn_probability"])))
        return True
    left = set(accepted)

    def all_resolved():
        left.difference_update({r for r in left if is_resolved(r)})
        return not left
    wait_for("every 202 is resolved", all_resolved, 180, every=0.5)
    assert all(len(v) == 1 for v in values.values()), {r: v for r, v in values.items() if len(v) > 1}

    # In Kafka, once each, and in PostgreSQL, to the last bit.
    on_topic = collections.defaultdict(list)
    for record in decoded(world, PREDICTIONS):
        on_topic[record.value["event_id"]].append(
            (record.value["prediction_id"], bits(record.value["churn_probability"])))
    assert all(len(p) == 1 for p in on_topic.values())
    assert all(on_topic[request_id] == list(v) for request_id, v in values.items())
    wait_for("the recorder", lambda: world.scalar("SELECT count(*) FROM predictions_history") == len(on_topic), 180)
    stored = {event_id: (id, bits(p)) for id, event_id, p in world.query(
        "SELECT id, event_id, probability FROM predictions_history")}
    assert all(stored[request_id] in v for request_id, v in values.items())
    # A key that ran once is one request, one score.
    wait_for("rows of the keys", lambda: world.scalar(
        "SELECT count(*) FROM http_request WHERE state = 'done' AND id = ANY(%s)", list(values)) == len(values), 180)
    assert world.scalar("SELECT count(*) FROM http_request r JOIN predictions_history h ON h.event_id = r.id"
                        " WHERE r.result_id <> h.id") == 0
    print(f"{len(results)} results, {len(accepted)} accepted and resolved, {len(on_topic)} scores")
