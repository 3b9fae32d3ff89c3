# SPDX-License-Identifier: MIT
"""Who is there beside the scoring workers in the larger profiles: the retention worker with a stand-in for its language
model, and the gateway with clients that call it all the time."""
import collections
import http.client
import threading

from api import Api
from audit import bits
from conftest import free_port, wait_for
from plans import audit_plans
from scene import Violation, Worker
from stub import Stub
from support import REPLIES, REQUESTS, decoded, read_topic
from test_gateway_kill import Client
from test_retention import gemini

CLIENTS = 4
TOKEN_SECONDS = 600  # a token is good for longer


class Company:
    def __init__(self, scene):
        self.scene, world = scene, scene.world
        self.stub = Stub(world.directory, "--latency", "20ms-400ms")
        self.port = free_port()
        self.retention = Worker(scene, 0, "retentionai-retention", **{**gemini(self.stub, PLAN_PROVIDERS="gemini,rules"), **scene.by_proxy(0)})
        self.gateway = Worker(scene, 0, "retentionai-gateway", **world.gateway_settings(HTTP_PORT=self.port, HASH_THREADS=1), **scene.by_proxy(1))
        scene.others += [self.retention, self.gateway]
        self.url, self.is_over, self.clients = f"http://127.0.0.1:{self.port}", threading.Event(), []
        self.failure = None

    def start(self):
        self.retention.start()
        self.gateway.start().program.wait_ready(60)
        self.retention.program.wait_ready(60)
        Api(self.url).register()
        self.thread = threading.Thread(target=self.call, daemon=True)
        self.thread.start()

    def log_in(self):
        """The gateway comes and goes."""
        while not self.is_over.is_set():
            try:
                return Api(self.url).login()
            except (OSError, http.client.HTTPException, AssertionError):
                self.is_over.wait(0.5)
        return None

    def call(self):
        """Clients with a token, and others with another one when its time is over."""
        while (user := self.log_in()) is not None:
            over = threading.Event()
            shift = [Client(self.url, user.token, number, over) for number in range(CLIENTS)]
            self.clients += shift
            self.is_over.wait(TOKEN_SECONDS)
            over.set()
            for client in shift:
                client.join(120)
                if client.failure is not None:
                    self.scene.fail(Violation("the gateway answers as documented", repr(client.failure)))

    def end_calls(self):
        self.is_over.set()
        self.thread.join(200)

    def check(self, seconds):
        """While all programs still run. -> what was counted"""
        world, values = self.scene.world, collections.defaultdict(set)
        for client in self.clients:
            for request, prediction, probability in client.results:
                values[request].add((prediction, probability))
        accepted = {request for client in self.clients for request in client.accepted}
        asker, left = self.log_in_again(), set(accepted)

        def resolved(request):
            state = asker.get(f"/requests/{request}")
            assert state.status == 200, (request, state)
            if state.json["state"] == "done":
                result = state.json["result"]
                values[request].add((result["prediction_id"], bits(result["churn_probability"])))
            return state.json["state"] == "done"

        def all_resolved():
            left.difference_update({request for request in left if resolved(request)})
            return not left
        wait_for("every 202 is resolved", all_resolved, seconds, every=0.5)
        several = {request: found for request, found in values.items() if len(found) > 1}
        assert not several, f"requests with several results: {list(several.items())[:3]}"
        # The table is compared with the topic, row by row, in the audit.
        stored = {event: (row, bits(probability)) for event, row, probability in world.query(
            "SELECT event_id, id, probability FROM predictions_history WHERE event_id = ANY(%s)", list(values))}
        wrong = {request: (found, stored.get(request)) for request, found in values.items() if stored.get(request) not in found}
        assert not wrong, f"answers that are not committed: (answered, stored) {list(wrong.items())[:3]}"
        plans = audit_plans(world, seconds)
        statuses = sum((client.statuses for client in self.clients), collections.Counter())
        return {"answers": statuses[200], "accepted": len(accepted), "plans": len(plans), "replies": self.check_replies()}

    def log_in_again(self):
        self.is_over.clear()
        try:
            return self.log_in()
        finally:
            self.is_over.set()

    def check_replies(self):
        """Each request has its one reply, which names the prediction made of it."""
        world, wanted = self.scene.world, {}
        for record in read_topic(world.stack, world.topic(REQUESTS)):
            wanted[dict(record.headers)["kafka_correlationId"]] = f"{record.topic}/{record.partition}/{record.offset}"
        replies = decoded(world, REPLIES)
        found = {reply.key: reply.value and reply.value["prediction_id"] for reply in replies}
        assert len(found) == len(replies) and found == wanted, (
            f"{len(wanted)} requests, {len(replies)} replies; differing: {list(set(found.items()) ^ set(wanted.items()))[:4]}")
        return len(replies)

    def close(self):
        self.is_over.set()
        self.stub.process.kill()
