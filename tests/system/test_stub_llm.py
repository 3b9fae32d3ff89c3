# SPDX-License-Identifier: MIT
"""The language model's stand-in plays on the wire what it says, and refuses what no request may hold.
It needs none of the services."""
import email.utils
import gzip
import json
import socket
import ssl
import subprocess
import threading
import time

import pytest

from conftest import BUILD, SLOW, wait_for
from stub import FACTS, GEMINI, KEY, OPENAI, SYSTEM, Stub, gemini_body, gemini_headers, openai_body, openai_headers


def text_of(body):
    """The concatenated text of a Gemini answer."""
    parts = json.loads(body)["candidates"][0]["content"]["parts"]
    return "".join(part["text"] for part in parts if not part.get("thought"))


def actions_of(body):
    plan = json.loads(text_of(body))
    assert list(plan) == ["action_1", "action_2", "action_3"]
    return list(plan.values())


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Stub(tmp_path_factory.mktemp("stub"))
    yield server
    server.stop()


@pytest.fixture
def stub(server):
    server.script()
    server.stats("DELETE")
    return server


# ---- good answers -----------------------------------------------------------------------------------


def test_a_good_answer_is_a_plan_with_its_usage(stub):
    status, headers, body = stub.gemini()
    answer = json.loads(body)
    assert status == 200 and headers["Content-Type"] == "application/json; charset=UTF-8"
    assert answer["candidates"][0]["finishReason"] == "STOP" and answer["modelVersion"] == "gemini-3.8-flash"
    actions = actions_of(body)
    assert len(set(actions)) == 3 and all(20 <= len(a) <= 300 and a.endswith(".") for a in actions)
    usage = answer["usageMetadata"]
    assert usage["promptTokenCount"] == -(-(len(SYSTEM) + len(json.dumps(FACTS))) // 4)
    assert usage["candidatesTokenCount"] == -(-len(text_of(body).encode()) // 4)
    assert usage["totalTokenCount"] == sum(
        usage[name] for name in ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount"))


def test_answers_follow_the_facts_and_the_language(stub):
    first, again = (actions_of(stub.gemini()[2]) for _ in range(2))
    assert first == again and any("overtime" in a for a in first) and any("travel" in a for a in first)
    other = actions_of(stub.gemini(user={"language": "en", "facts": {"training": "none", "tenure": "long"}})[2])
    assert other != first and any("training" in a for a in other)
    french = actions_of(stub.gemini(user=FACTS | {"language": "fr"})[2])
    assert any("heures supplémentaires" in a for a in french)
    said = stub.ask("POST", GEMINI, json.dumps(gemini_body({"a": 1}) | {
        "systemInstruction": {"parts": [{"text": "Réponds en français."}]}}), gemini_headers())[2]
    assert any(" une " in a or " les " in a or " le " in a for a in actions_of(said))


def test_the_other_dialect_gives_the_same_plan(stub):
    status, _, body = stub.openai()
    answer = json.loads(body)
    choice = answer["choices"][0]
    assert status == 200 and choice["finish_reason"] == "stop"
    assert list(json.loads(choice["message"]["content"]).values()) == actions_of(stub.gemini()[2])
    assert answer["usage"]["total_tokens"] == answer["usage"]["prompt_tokens"] + answer["usage"]["completion_tokens"]


# ---- errors -----------------------------------------------------------------------------------------

ERRORS = {
    "key_invalid": (400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."),
    "key_class": (401, "UNAUTHENTICATED", "Request had invalid authentication credentials."),
    "forbidden": (403, "PERMISSION_DENIED", "The caller does not have permission"),
    "country": (400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
    "unknown_field": (400, "INVALID_ARGUMENT", "Invalid JSON payload received. Unknown name \"$schema\""),
    "thinking_level": (400, "INVALID_ARGUMENT", "Thinking level MINIMAL is not supported for this model."),
    "model_turn": (400, "INVALID_ARGUMENT", "Requests ending with a model turn are not supported."),
    "model_gone": (404, "NOT_FOUND", "models/gemini-3.8-flash is not found for API version v1beta"),
    "rpm": (429, "RESOURCE_EXHAUSTED", "You exceeded your current quota"),
    "rpd": (429, "RESOURCE_EXHAUSTED", "You exceeded your current quota"),
    "bare429": (429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."),
    "credits": (429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted."),
    "internal": (500, "INTERNAL", "An internal error has occurred."),
    "overloaded": (503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
    "deadline": (504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete."),
    "request_timeout": (408, "DEADLINE_EXCEEDED", "The request took too long"),
    "cancelled": (499, "CANCELLED", "The operation was cancelled."),
}


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_has_its_status_and_words(stub, name):
    status, word, sentence = ERRORS[name]
    stub.script({"fault": name, "times": 2})
    got, headers, body = stub.gemini()
    error = json.loads(body)["error"]
    assert (got, error["code"], error["status"]) == (status, status, word)
    assert error["message"].startswith(sentence) and "Retry-After" not in headers
    assert headers["Content-Type"] == "application/json; charset=UTF-8"
    got, _, body = stub.openai()
    error = json.loads(body)["error"]
    assert got == status and error["code"] == status and error["message"]
    assert stub.gemini()[0] == 200, "the script is over"


def reasons(body):
    return [detail.get("reason") for detail in json.loads(body)["error"]["details"]]


def test_the_reasons_of_refused_keys_stand_in_the_details(stub):
    stub.script({"fault": "key_invalid"}, {"fault": "key_class"}, {"fault": "unknown_field"})
    assert reasons(stub.gemini()[2]) == ["API_KEY_INVALID", None]
    assert reasons(stub.gemini()[2]) == ["ACCESS_TOKEN_TYPE_UNSUPPORTED"]
    details = json.loads(stub.gemini()[2])["error"]["details"]
    assert details[0]["fieldViolations"][0]["field"] == "generation_config.response_schema"


def quota(body):
    """-> (quotaId, retryDelay, message)"""
    error = json.loads(body)
    error = error[0]["error"] if isinstance(error, list) else error["error"]
    kinds = {detail["@type"].rsplit(".", 1)[1]: detail for detail in error["details"]}
    return kinds["QuotaFailure"]["violations"][0]["quotaId"], kinds["RetryInfo"]["retryDelay"], error["message"]


def test_quotas_name_their_delay_only_in_the_body(stub):
    delays = {"seconds": "2.837906927s", "millis": "900ms", "zero": "0s", "huge": "9999999s", "junk": "abc",
              "wrapped": "2.837906927s", "disagree_longer": "2.837906927s", "disagree_shorter": "2.837906927s"}
    for variant, delay in delays.items():
        stub.script({"fault": f"rpm:{variant}"})
        status, headers, body = stub.gemini()
        assert status == 429 and quota(body)[:2] == (
            "GenerateContentInputTokensPerModelPerMinute-PaidTier1", delay), variant
        assert f"Please retry in {delay}." in quota(body)[2]
        assert headers.get("Retry-After") == {"disagree_longer": "5", "disagree_shorter": "1"}.get(variant)
        assert isinstance(json.loads(body), list) == (variant == "wrapped")
    stub.script({"fault": "rpm:details_null"}, {"fault": "rpd"}, {"fault": "rpm", "retry_delay": "1.5s"})
    assert json.loads(stub.gemini()[2])["error"]["details"] is None
    assert quota(stub.gemini()[2])[:2] == ("GenerateRequestsPerDayPerProjectPerModel-FreeTier", "22s")
    assert quota(stub.gemini()[2])[1] == "1.5s"


def test_a_proxy_speaks_html(stub):
    stub.script({"fault": "proxy_html:seconds"}, {"fault": "proxy_html:date"}, {"fault": "proxy_html:empty"})
    status, headers, body = stub.gemini()
    assert (status, headers["Retry-After"]) == (502, "3") and body.startswith(b"<html><head><title>502")
    assert headers["Content-Type"].startswith("text/html")
    status, headers, _ = stub.gemini()
    then = email.utils.parsedate_to_datetime(headers["Retry-After"]).timestamp()
    assert status == 503 and -2 < then - time.time() < 4
    assert stub.gemini()[::2] == (503, b"")


# ---- answers that are none --------------------------------------------------------------------------


def test_blocked_unfinished_and_empty_answers(stub):
    stub.script({"fault": "blocked"}, {"fault": "finish:*", "times": 9}, {"fault": "thought_ate"}, {"fault": "truncated"},
                {"fault": "no_parts:*", "times": 6})
    blocked = json.loads(stub.gemini()[2])
    assert "candidates" not in blocked and blocked["promptFeedback"]["blockReason"] == "PROHIBITED_CONTENT"
    seen = []
    for _ in range(9):
        candidate = json.loads(stub.gemini()[2])["candidates"][0]
        assert "content" not in candidate
        seen.append(candidate["finishReason"])
    assert seen[:5] == ["SAFETY", "RECITATION", "SPII", "OTHER", "SOMETHING_NEW"] and len(set(seen)) == 9
    ate = json.loads(stub.gemini()[2])
    assert ate["candidates"] == [{"content": {"role": "model"}, "finishReason": "MAX_TOKENS", "index": 0}]
    assert ate["usageMetadata"]["thoughtsTokenCount"] == 2044
    cut = stub.gemini()[2]
    assert json.loads(cut)["candidates"][0]["finishReason"] == "MAX_TOKENS"
    with pytest.raises(json.JSONDecodeError):
        json.loads(text_of(cut))
    content = {"role": "model"}
    bodies = [json.loads(stub.gemini()[2]) for _ in range(6)]
    assert bodies[:5] == [{"candidates": [{"content": content, "finishReason": "STOP"}]},
                          {"candidates": [{"content": content | {"parts": []}, "finishReason": "STOP"}]},
                          {"candidates": [{"content": content | {"parts": [{"text": ""}]}, "finishReason": "STOP"}]},
                          {"candidates": []}, {}]
    assert "content" not in bodies[5]["candidates"][0]


def pairs_of(text):
    return json.loads(text, object_pairs_hook=list)


def test_bad_plans_are_bad_in_one_way_each(stub):
    def play(kind):
        stub.script({"fault": f"bad_plan:{kind}"})
        return pairs_of(text_of(stub.gemini()[2]))
    names = ["action_1", "action_2", "action_3"]
    assert [name for name, _ in play("two")] == names[:2]
    assert [name for name, _ in play("four")] == names + ["action_4"]
    assert [name for name, _ in play("duplicate_key")] == names + ["action_1"]
    equal = dict(play("equal"))
    assert equal["action_1"] == equal["action_2"]
    spelling = dict(play("equal_spelling"))
    assert spelling["action_1"] != spelling["action_2"]
    assert spelling["action_1"].lower().split() == spelling["action_2"].lower().split()
    values = {kind: dict(play(kind))["action_2"] for kind in ("empty", "blank", "number", "null", "array", "long")}
    assert len(values.pop("long")) == 4000
    assert values == {"empty": "", "blank": "   ", "number": 7, "null": None, "array": ["a"]}


def test_dressed_answers_hold_the_plan_all_the_same(stub):
    def play(kind):
        stub.script({"fault": f"dressed:{kind}"})
        return stub.gemini()[2]
    assert text_of(play("fence")).startswith("```json\n{") and text_of(play("fence")).endswith("}\n```")
    thought = json.loads(play("thought_first"))["candidates"][0]["content"]["parts"]
    assert thought[0]["thought"] is True and len(json.loads(thought[1]["text"])) == 3
    parts = [part["text"] for part in json.loads(play("split_escape"))["candidates"][0]["content"]["parts"]]
    assert len(parts) == 3 and parts[0].endswith("\\u0") and parts[1] == "0e" and parts[2].startswith("9")
    assert "é" in json.loads("".join(parts))["action_1"]
    assert text_of(play("bom")).startswith("\ufeff{")
    assert text_of(play("newlines")).strip() != text_of(play("newlines"))
    assert "\\ud83d\\ude00" in text_of(play("surrogate_pair"))
    assert "😀" in json.loads(text_of(play("surrogate_pair")))["action_1"]
    assert play("lone_surrogate").count(b"\\ud83d") == 1 and b"\\\\ud83d" not in play("lone_surrogate")
    assert b"\\\\ud83d" in play("lone_surrogate_inside")
    with pytest.raises(UnicodeDecodeError):
        play("invalid_utf8").decode()


def test_content_that_must_be_refused(stub):
    marks = {"children": "children", "surveillance": "private messages", "dismissal": "dismissal",
             "system_prompt": SYSTEM, "html": "<script>", "url": "https://", "email": "@example.org",
             "phone": "+33 6", "formula": "=HYPERLINK(", "name": "Margaret Thornbury"}
    good = actions_of(stub.gemini()[2])
    for kind, mark in marks.items():
        stub.script({"fault": f"content:{kind}"})
        actions = actions_of(stub.gemini()[2])
        assert mark in actions[1] and actions[::2] == good[::2], kind
    stub.script({"fault": "content:language", "times": 2})
    assert any("heures" in a for a in actions_of(stub.gemini()[2]))
    assert any("overtime" in a for a in actions_of(stub.gemini(user=FACTS | {"language": "fr"})[2]))


def test_the_other_dialect_has_the_same_faults(stub):
    def play(reference):
        stub.script({"fault": reference})
        return json.loads(stub.openai()[2])
    assert play("blocked")["choices"][0]["finish_reason"] == "content_filter"
    assert play("finish:SPII")["choices"][0]["message"]["content"] is None
    assert play("thought_ate")["choices"][0]["finish_reason"] == "length"
    assert play("truncated")["choices"][0]["finish_reason"] == "length"
    assert play("no_parts:empty_text")["choices"][0]["message"]["content"] == ""
    assert play("no_parts:no_candidates")["choices"] == []
    assert "reasoning_content" in play("dressed:thought_first")["choices"][0]["message"]
    assert "action_3" not in play("bad_plan:two")["choices"][0]["message"]["content"]
    stub.script({"fault": "rpm"})
    assert stub.openai()[1]["Retry-After"] == "5"


# ---- the wire ---------------------------------------------------------------------------------------


def until_end(connection):
    """-> (bytes, how it ended)"""
    data = b""
    try:
        while part := connection.recv(65536):
            data += part
        return data, "closed"
    except ConnectionResetError:
        return data, "reset"


def play_raw(stub, reference, **more):
    stub.script({"fault": reference, **more})
    with stub.raw() as connection:
        data, how = until_end(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    return head.decode(), body, how


def test_answers_that_are_cut(stub):
    head, body, how = play_raw(stub, "wire:reset")
    length = int(head.lower().split("content-length: ")[1].split()[0])
    assert how == "reset" and len(body) == length // 2
    head, body, how = play_raw(stub, "wire:short")
    assert how == "closed" and "Content-Length: 500" in head and len(body) == 200
    head, body, how = play_raw(stub, "wire:chunked")
    assert how == "closed" and "chunked" in head and body and not body.endswith(b"0\r\n\r\n")
    head, body, how = play_raw(stub, "wire:headers_only")
    assert how == "closed" and head.startswith("HTTP/1.1 200") and body == b""


def test_answers_that_do_not_come_or_do_not_end(stub):
    began = time.monotonic()
    assert play_raw(stub, "wire:silent", hold_ms=600) == ("", b"", "closed")
    assert time.monotonic() - began >= 0.6
    head, body, how = play_raw(stub, "wire:chunked_open", hold_ms=600)
    assert how == "closed" and "chunked" in head and not body.endswith(b"0\r\n\r\n")
    began = time.monotonic()
    _, body, _ = play_raw(stub, "wire:drip", hold_ms=2500)
    assert 2.4 <= time.monotonic() - began < 5 * SLOW and 2 <= len(body) <= 3


def test_a_client_that_leaves_ends_its_call(stub):
    stub.script({"fault": "wire:silent", "hold_ms": 60000})
    with stub.raw():
        wait_for("the call", lambda: stub.stats()["in_flight"] == 1)
    wait_for("its end", lambda: stub.stats()["in_flight"] == 0)


def test_encoded_moved_and_large_answers(stub):
    stub.script({"fault": "wire:gzip"}, {"fault": "wire:redirect"}, {"fault": "wire:large"})
    _, headers, body = stub.gemini()
    assert headers["Content-Encoding"] == "gzip" and len(actions_of(gzip.decompress(body))) == 3
    status, headers, body = stub.gemini()
    assert (status, body) == (302, b"") and headers["Location"].startswith("https://elsewhere.invalid/")
    assert len(stub.gemini()[2]) > 2 * 1024 * 1024


def test_refused_connections(stub):
    stub.script({"fault": "wire:refuse", "hold_ms": 1500})
    with stub.raw() as connection:
        assert until_end(connection) == (b"", "reset")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", stub.port), timeout=5)

    def answers():
        try:
            return stub.gemini()[0] == 200
        except OSError:
            return False
    wait_for("an open port", answers)


def make_certificate(directory, name):
    key, cert = directory / f"{name}.key", directory / f"{name}.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-keyout", key,
                    "-out", cert], check=True, capture_output=True)
    return key, cert


def test_tls_with_the_certificate_it_is_given(tmp_path):
    key, cert = make_certificate(tmp_path, "localhost")
    server = Stub(tmp_path, "--tls-key", key, "--tls-cert", cert)
    try:
        def get(host, trusted):
            context = ssl.create_default_context(cafile=cert if trusted else None)
            with socket.create_connection(("127.0.0.1", server.port), timeout=20) as plain:
                with context.wrap_socket(plain, server_hostname=host) as connection:
                    connection.sendall(b"GET /livez HTTP/1.0\r\n\r\n")
                    return connection.recv(100)
        assert get("localhost", True).startswith(b"HTTP/1.1 200") or get("localhost", True).startswith(b"HTTP/1.0 200")
        for host, trusted in (("localhost", False), ("elsewhere.example", True)):
            with pytest.raises(ssl.SSLCertVerificationError):
                get(host, trusted)
    finally:
        server.stop()


# ---- the judge --------------------------------------------------------------------------------------


def refused(stub, answer):
    """-> the code under which it was counted"""
    status, _, body = answer
    error = json.loads(body)["error"]
    assert status == 400 and "the stand-in refuses this request" in error["message"]
    codes = stub.stats()["refusals"]
    stub.stats("DELETE")
    assert list(codes.values()) == [1]
    return next(iter(codes))


def test_requests_that_break_a_rule_are_refused_and_counted(stub):
    def without(name):
        return {key: value for key, value in gemini_headers().items() if key != name}
    config = gemini_body()["generationConfig"]
    assert refused(stub, stub.gemini(headers=without("x-goog-api-key"))) == "no-key"
    assert refused(stub, stub.gemini(headers=without("Content-Type"))) == "content-type"
    assert refused(stub, stub.gemini(path=f"{GEMINI}?key={KEY}")) == "key-in-url"
    assert refused(stub, stub.gemini(path=f"{GEMINI}?alt=sse")) == "query"
    assert refused(stub, stub.gemini({"cachedContent": KEY})) == "key-in-body"
    assert refused(stub, stub.gemini({"store": True})) == "store"
    assert refused(stub, stub.gemini({"store": None})) == "store"
    for name in ("temperature", "topP", "topK", "candidateCount"):
        assert refused(stub, stub.gemini({"generationConfig": config | {name: 1}})) == "parameter"
    assert refused(stub, stub.gemini({"contents": "x"})) == "shape"
    assert refused(stub, stub.gemini({"systemInstruction": {"parts": []}})) == "no-prompt"
    assert refused(stub, stub.ask("POST", GEMINI, "{", gemini_headers())) == "not-json"
    assert refused(stub, stub.ask("GET", GEMINI, None, gemini_headers())) == "method"
    assert refused(stub, stub.ask("POST", OPENAI, json.dumps(openai_body()),
                                  {"Content-Type": "application/json"})) == "no-key"
    assert refused(stub, stub.ask("POST", OPENAI, json.dumps(openai_body() | {"temperature": 0}),
                                  openai_headers())) == "parameter"
    assert refused(stub, stub.ask("POST", OPENAI, json.dumps(openai_body() | {"store": True}),
                                  openai_headers())) == "store"
    without_store = {key: value for key, value in gemini_body().items() if key != "store"}
    assert refused(stub, stub.ask("POST", GEMINI, json.dumps(without_store), gemini_headers())) == "store"


def test_a_refused_request_takes_no_step_of_the_script(stub):
    stub.script({"fault": "internal"})
    assert stub.gemini({"store": True})[0] == 400
    assert stub.gemini()[0] == 500
    assert stub.gemini()[0] == 200


def test_forbidden_strings_are_found_wherever_they_stand(tmp_path):
    canaries = [f"CANARY-{i:06d}" for i in range(200_000)] + ["MaritalStatus", "Éloïse", "CANARY-0123", "4711.25"]
    forbidden = tmp_path / "forbidden"
    forbidden.write_text("\n".join(canaries) + "\n\n")
    server = Stub(tmp_path, "--forbid", forbidden)
    try:
        assert server.gemini()[0] == 200
        assert server.gemini(user=FACTS | {"x": "CANARY-O00001 canary-000001 CANARY-"})[0] == 200
        for user in ("CANARY-199999", "xxCANARY-000000xx", "MaritalStatus", "Éloïse", "CANARY-0123", {"CANARY-000777": 1},
                     4711.25):
            assert refused(server, server.gemini(user={"a": user})) == "forbidden", user
        # Escapes hide nothing.
        for escaped in ("\\u0043ANARY-000042", "\\\\u0043ANARY-000042"):
            hidden = json.dumps(gemini_body()).replace("business travel", escaped)
            assert refused(server, server.ask("POST", GEMINI, hidden, gemini_headers())) == "forbidden"
        assert refused(server, server.gemini(headers=gemini_headers() | {"X-Who": "CANARY-000001"})) == "forbidden"
        assert refused(server, server.gemini(path="/v1beta/models/CANARY-000001:generateContent")) == "forbidden"
    finally:
        server.stop()


# ---- script, counts, life -----------------------------------------------------------------------------


def test_a_script_that_is_none_is_refused_with_the_place(stub):
    for script, word in (("{}", "list"), ('[{"fault":"rmp"}]', "step 1"), ('[{"fault":"rpm:x"}]', "no fault"), ("[{}]", "step 1"),
                         ('[{"fault":"good"},{"fault":"good","time":1}]', "time"), ('[{"random":[]}]', "random"),
                         ('[{"fault":"good","times":-1}]', "times"), ("[", "line 1")):
        status, _, body = stub.ask("PUT", "/script", script)
        assert status == 400 and word in body.decode(), (script, body)


def test_a_random_script_is_the_same_for_the_same_seed(stub):
    def play(seed):
        stub.script({"random": ["good", "overloaded", "bad_plan:*", "internal"], "seed": seed, "times": 40},
                    {"fault": "forbidden"})
        got = [(lambda a: (a[0], a[2]))(stub.gemini()) for _ in range(40)]
        assert stub.gemini()[0] == 403
        return got
    first = play(7)
    assert play(7) == first and play(8) != first
    assert {status for status, _ in first} == {200, 500, 503} and len(set(first)) > 6


def test_everything_is_counted_and_the_last_requests_are_kept(stub):
    stub.script({"fault": "overloaded", "times": 2}, {"fault": "rpm:zero"})
    for i in range(5):
        stub.gemini(user={"n": i % 2})
    stub.gemini({"store": True})
    stats = stub.stats()
    assert stats["calls"] == 6 and stats["refused"] == 1 and stats["in_flight"] == 0
    assert stats["outcomes"] == {"good:plain": 2, "overloaded:plain": 2, "rpm:zero": 1}
    assert stats["refusals"] == {"store": 1} and stats["distinct_bodies"] == 3
    assert sum(calls for _, calls in stats["by_second"]) == 6
    last = json.loads(stub.ask("GET", "/requests?n=2")[2])
    assert [(request["number"], request["outcome"]) for request in last] == [(6, "refused:store"), (5, "good:plain")]
    assert json.loads(last[1]["body"]) == gemini_body({"n": 0}) and last[1]["path"] == GEMINI
    assert KEY not in stub.ask("GET", "/requests?n=100")[2].decode()
    assert stub.ask("GET", "/requests?n=x")[0] == 400


def test_delays_and_latency(stub, tmp_path):
    def seconds(server):
        began = time.monotonic()
        assert server.gemini()[0] == 200
        return time.monotonic() - began
    stub.script({"fault": "good", "delay_ms": 400})
    assert 0.4 <= seconds(stub) < 0.4 + 2 * SLOW
    slow = Stub(tmp_path, "--latency", "200ms-600ms")
    try:
        times = [seconds(slow) for _ in range(6)]
        assert min(times) >= 0.2 and max(times) < 0.6 + 2 * SLOW and max(times) - min(times) > 0.02
    finally:
        slow.stop()


def test_it_keeps_up_with_a_thousand_calls_a_second(tmp_path):
    """256 connections, each with a call in flight at any time, for some seconds."""
    server = Stub(tmp_path, "--latency", "100ms-300ms")
    data = json.dumps(gemini_body()).encode()
    request = (f"POST {GEMINI} HTTP/1.1\r\nHost: x\r\nx-goog-api-key: {KEY}\r\nContent-Type: application/json\r\n"
               f"Content-Length: {len(data)}\r\n\r\n").encode() + data
    seconds, answered, broken = 4, [0] * 4, []

    def drive(part):
        import selectors
        selector = selectors.DefaultSelector()
        for _ in range(64):
            connection = socket.create_connection(("127.0.0.1", server.port))
            connection.sendall(request)
            selector.register(connection, selectors.EVENT_READ, bytearray())
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for key, _ in selector.select(0.1):
                key.data.extend(key.fileobj.recv(65536))
                head, found, body = bytes(key.data).partition(b"\r\n\r\n")
                if not found:
                    continue
                if not head.startswith(b"HTTP/1.1 200"):
                    broken.append(head)
                if len(body) == int(head.lower().split(b"content-length: ")[1].split()[0]):
                    answered[part] += 1
                    key.data.clear()
                    key.fileobj.sendall(request)
        for key in list(selector.get_map().values()):
            key.fileobj.close()

    try:
        threads = [threading.Thread(target=drive, args=(part,)) for part in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        stats = server.stats()
        used = open(f"/proc/{server.process.pid}/stat").read().rsplit(") ", 1)[1].split()
        cpu = (int(used[11]) + int(used[12])) / 100
        print(f"{sum(answered) / seconds:.0f} calls/s, {1e6 * cpu / sum(answered):.0f} us of CPU each")
        assert not broken and stats["max_in_flight"] == 256
        if SLOW == 1.0:
            assert sum(answered) / seconds >= 1000 or cpu / sum(answered) < 0.0008
    finally:
        server.stop()


def test_it_ends_within_a_second_whatever_is_under_way(tmp_path):
    server = Stub(tmp_path)
    server.script({"fault": "wire:silent", "times": 5}, {"fault": "wire:drip", "times": 5},
                  {"fault": "good", "delay_ms": 60000, "times": 5})
    connections = [server.raw() for _ in range(15)]
    wait_for("all calls", lambda: server.stats()["in_flight"] == 15)
    assert server.stop() < 1.0 * SLOW
    for connection in connections:
        connection.close()


def test_settings_that_are_wrong_are_refused_with_what_to_change(tmp_path):
    def run(*arguments):
        done = subprocess.run([BUILD / "bin/retentionai-stub-llm", *map(str, arguments)], capture_output=True, text=True,
                              timeout=20)
        return done.returncode, done.stdout + done.stderr
    status, output = run("--help")
    assert status == 0 and "--latency" in output and "/stats" in output
    (tmp_path / "script").write_text('[{"fault":"nope"}]')
    (tmp_path / "forbid").write_text("good\nx\n")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        for arguments, word in ((("--script", tmp_path / "script"), "step 1"), (("--forbid", tmp_path / "forbid"), "line 2"),
                                (("--latency", "2s-1s"), "--latency"), (("--latency", "fast"), "--latency"),
                                (("--script", tmp_path / "none"), "cannot read"), (("--address", "here"), "--address"),
                                (("--tls-cert", tmp_path / "script"), "--tls-key"),
                                (("--port", taken.getsockname()[1]), "choose another --port"), (("--what",), "--what")):
            status, output = run("--port", 0, *arguments) if arguments[0] != "--port" else run(*arguments)
            assert status != 0 and word in output, (arguments, output)
