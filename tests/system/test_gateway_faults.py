# SPDX-License-Identifier: MIT
"""The gateway while Kafka and PostgreSQL go away and come back, when more is asked than it takes, and at its end."""
import json
import signal
import threading
import time

from api import Api
from conftest import SLOW, wait_for
from support import ATTRIBUTES

BODY = ATTRIBUTES[0]


def test_without_kafka_calls_are_refused_at_once_and_readyz_says_why(world):
    scoring, gateway = world.scoring(), world.gateway()
    hr = Api(gateway.url).register()
    assert hr.post("/predict", BODY).status == 200
    with world.stack.without("kafka", how="kill"):
        def refused():
            began = time.monotonic()
            answer = hr.post("/predict", BODY, Prefer="wait=10")
            assert answer.status == 503 and int(answer.headers["Retry-After"]) >= 1, answer
            return answer.code == "kafka-unavailable" and time.monotonic() - began < 1 * SLOW
        wait_for("refusals at once", refused, 30)
        answer = hr.get("/readyz")
        assert answer.status == 503 and "Kafka" in answer.json["detail"] and gateway.http("/readyz")[0] == 503
        # What needs no Kafka goes on.
        assert hr.get("/predictions").status == 200 and hr.get("/livez").status == 200
        Api(gateway.url).login()
        rows = hr.post("/employees/1", BODY)
        assert (rows.status, rows.code) == (503, "kafka-unavailable")
    wait_for("answers again", lambda: Api(gateway.url, hr.token).post("/predict", BODY, Prefer="wait=5").status == 200, 120)
    gateway.wait_ready()
    scoring.wait_ready()


def test_without_postgresql_new_people_are_scored_from_the_stock_of_numbers(world):
    world.scoring()
    gateway = world.gateway()
    hr = Api(gateway.url).register()
    assert hr.post("/predict", BODY).status == 200
    with world.stack.without("postgres", how="kill"):
        answer = hr.post("/predict", BODY)
        assert answer.status == 200, answer
        for call in (lambda: hr.get("/predictions"), lambda: hr.post("/predict", {"employee_id": 1}),
                     lambda: hr.post("/predict", BODY, Idempotency_Key="k"),
                     lambda: Api(gateway.url).post("/login", {"username": "a-b", "password": "c" * 12})):
            answer = call()
            assert (answer.status, answer.code) == (503, "database-unavailable"), answer
            assert int(answer.headers["Retry-After"]) >= 1
        # Nobody is told that a request is safe whose row is not.
        answer = hr.post("/predict", BODY, Prefer="wait=0")
        assert answer.status in (200, 503), answer
        assert hr.get("/readyz").status == 503
    wait_for("answers again", lambda: Api(gateway.url, hr.token).get("/predictions").status == 200, 60)
    gateway.wait_ready()


def test_what_waits_is_bounded_in_number_and_memory(world):
    """No scoring lane: everything waits."""
    gateway = world.gateway(MAX_WAITING=5000, HTTP_CONNECTIONS=6000)
    hr = Api(gateway.url).register()
    before = gateway.resident_mb()
    body = json.dumps(BODY).encode()
    head = (f"POST /predict HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {hr.token}\r\nPrefer: wait=60\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n").encode()
    import resource
    import socket
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 16384), hard))
    port = int(gateway.url.rsplit(":", 1)[1])
    connections = []
    try:
        for _ in range(5000):
            connection = socket.create_connection(("127.0.0.1", port), timeout=60)
            connection.sendall(head + body)
            connections.append(connection)
        wait_for("5,000 wait", lambda: gateway.metric("retentionai_requests_waiting") == 5000, 120)
        answer = hr.post("/predict", BODY, Prefer="wait=1")
        assert (answer.status, answer.code) == (503, "overloaded") and int(answer.headers["Retry-After"]) >= 1
        used = gateway.resident_mb()
        print(f"{before:.0f} MB before, {used:.0f} MB with 5,000 calls that wait")
        assert used < 120 * SLOW, used
        assert hr.get("/predictions").status == 200
        world.scoring()
        statuses = []
        for connection in connections:
            connection.settimeout(60 * SLOW)
            statuses.append(int(connection.recv(4096).split(b" ", 2)[1]))
        assert set(statuses) <= {200, 202} and statuses.count(200) > 0, statuses[:10]
    finally:
        for connection in connections:
            connection.close()


def test_a_stop_lets_those_who_wait_have_their_answer(world):
    gateway = world.gateway()
    hr = Api(gateway.url).register()
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(
        Api(gateway.url, hr.token).post("/predict", BODY, Prefer="wait=60"))) for _ in range(20)]
    for thread in threads:
        thread.start()
    wait_for("20 wait", lambda: gateway.metric("retentionai_requests_waiting") == 20)
    kept = Api(gateway.url, hr.token)
    assert kept.get("/predictions").status == 200  # a connection that is open already
    gateway.process.send_signal(signal.SIGTERM)
    began = time.monotonic()

    def refused():
        try:
            answer = kept.get("/predictions")
            return (answer.status, answer.code) == (503, "shutting-down")
        except (ConnectionError, OSError):
            return True
    wait_for("new calls are refused", refused, 5)
    assert gateway.wait(5) == 0 and time.monotonic() - began < 5 * SLOW, gateway.tail()
    for thread in threads:
        thread.join(10)
    assert [a.status for a in answers] == [202] * 20, answers
    # They are found by the next one.
    again = Api(world.gateway().url, hr.token)
    world.scoring()
    for answer in answers:
        wait_for("result", lambda: again.get(answer.headers["Location"]).json["state"] == "done")


def test_a_stop_ends_streams_and_idle_connections(world):
    gateway = world.gateway()
    hr = Api(gateway.url).register()
    accepted = hr.post("/predict", BODY, Prefer="wait=0")
    import socket
    port = int(gateway.url.rsplit(":", 1)[1])
    stream = socket.create_connection(("127.0.0.1", port), timeout=30)
    stream.sendall(f"GET {accepted.headers['Location']} HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n"
                   f"Authorization: Bearer {hr.token}\r\n\r\n".encode())
    assert b"event: accepted" in stream.recv(4096) + stream.recv(4096)
    gateway.stop()


def test_settings_that_cannot_be_are_refused_with_what_to_change(world):
    for settings, word in (({"SECRET_KEY": "short"}, "SECRET_KEY"), ({"SECRET_KEY": "changeme" * 8}, "SECRET_KEY"),
                           ({"REGISTRATION": "maybe"}, "REGISTRATION"), ({"CORS_ORIGINS": "example.org"}, "CORS_ORIGINS")):
        program = world.start("retentionai-gateway", **{"SECRET_KEY": world.secret_key, "HTTP_PORT": 0, **settings})
        assert program.wait() == 2 and word in program.tail(), program.tail()
        assert settings.get("SECRET_KEY", "?") not in program.tail()


def test_another_secret_key_than_the_one_that_sealed_the_keys_is_told(world):
    world.gateway().stop()
    program = world.start("retentionai-gateway", SECRET_KEY="another key that is long enough to be one, 123", HTTP_PORT=0)
    assert program.wait() == 1 and "SECRET_KEY" in program.tail(), program.tail()
