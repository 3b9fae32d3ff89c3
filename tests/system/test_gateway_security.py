# SPDX-License-Identifier: MIT
"""What strangers send to the gateway: bodies and heads without end, or that two readers understand differently,
addresses that lead elsewhere, and pages of other origins. Each table says what must come of it."""
import concurrent.futures
import gzip
import json
import urllib.parse

import pytest

from callers import PASSWORD, House, call, head, raw
from conftest import SLOW

ORIGIN = "https://hr.example.org"
JSON_TYPE = "Content-Type: application/json"
ROWS_TYPE = "Content-Type: application/x-ndjson"
ASSETS = ("swagger-ui-bundle.js", "swagger-ui-bundle.js.LICENSE.txt", "swagger-ui.css", "LICENSE", "NOTICE")


@pytest.fixture(scope="module")
def house(module_world):
    """With documents of its own, beside which lies what nobody may read."""
    docs = module_world.directory / "docs"
    docs.mkdir()
    for name in ASSETS:
        (docs / name).write_text(f"/* {name} */")
        (docs / f"{name}.gz").write_bytes(gzip.compress(f"/* {name} */".encode()))
    (docs / "secret.txt").write_text("SECRET")
    (module_world.directory / "secret.txt").write_text("SECRET")
    (docs / "link").symlink_to("/etc/passwd")
    return House(module_world, DOCS_DIR=docs, CORS_ORIGINS=f"{ORIGIN},http://127.0.0.1:3000")


@pytest.fixture(autouse=True)
def the_gateway_lives_on(house):
    yield
    assert house.gateway.running() and call(house.gateway, "GET", "/livez").status == 200


# ---- S10: bodies ----------------------------------------------------------------------------------


def post_head(house, path, *lines, role="hr"):
    return head("POST", path, f"Authorization: Bearer {house.tokens[role]}", *lines)


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def test_a_body_over_the_limit_is_refused_however_it_comes(house):
    small, rows = 64 * 1024, 16 * 1024 * 1024
    for path, limit, kind in (("/predict", small, JSON_TYPE), ("/login", small, JSON_TYPE),
                              ("/employees/x", small, JSON_TYPE),
                              ("/employees", rows, ROWS_TYPE)):
        for length in (limit + 1, 10 * limit, 2**31, 2**32 + 10, 10**17):
            # At once: nothing of it is sent.
            (answer,), closed = raw(house.gateway, post_head(house, path, kind, f"Content-Length: {length}"))
            assert (answer.status, answer.code) == (413, "body-too-large") and closed, f"{path} {length}: {answer}"
        (answer,), closed = raw(house.gateway, post_head(house, path, kind, "Transfer-Encoding: chunked"),
                                *[chunk(b" " * 65536)] * (limit // 65536 + 2))
        assert (answer.status, answer.code) == (413, "body-too-large") and closed, f"{path}: {answer}"
    for method, path in (("GET", "/model"), ("GET", "/employees/x")):
        (answer,), _ = raw(house.gateway, head(method, path, f"Authorization: Bearer {house.tokens['hr']}",
                                               "Content-Length: 5"), b"12345")
        assert answer.status == 413


def test_a_body_of_the_limit_is_read(house):
    body = b'{"employee_id": "never.seen"' + b" " * (64 * 1024 - 29) + b"}"
    assert len(body) == 64 * 1024
    assert house.callers["hr"].post("/predict", body).code == "no-such-employee"


@pytest.mark.parametrize("path", ["/login", "/predict", "/employees/x"])
def test_a_length_that_lies_makes_no_call_of_it(house, path):
    body = json.dumps({"username": "hr.one", "password": PASSWORD}).encode()
    before = house.world.scalar("SELECT count(*) FROM refresh_token")
    # Longer than what comes: nothing is done with the part, also where it is a whole document.
    longer = post_head(house, path, JSON_TYPE, f"Content-Length: {len(body) + 50}")
    answers, closed = raw(house.gateway, longer, body, ends=True)
    assert closed and all(answer.status in (400, 408) for answer in answers), answers
    # Shorter: the document is cut, and what is over is no request.
    answers, closed = raw(house.gateway, post_head(house, path, JSON_TYPE, "Content-Length: 10"), body + b"\r\n\r\n")
    assert closed and [answer.status for answer in answers] == [400, 400] and answers[0].code == "bad-json", answers
    assert house.world.scalar("SELECT count(*) FROM refresh_token") == before


def test_no_compressed_body_is_read(house):
    bomb = gzip.compress(bytes(100 * 1024 * 1024), 9)
    before = house.gateway.resident_mb()
    for path, kind in (("/predict", JSON_TYPE), ("/employees", ROWS_TYPE), ("/login", JSON_TYPE)):
        for coding in ("gzip", "deflate", "br", "zstd", "gzip, gzip", "identity, gzip", "x-gzip", "GZIP"):
            answers, _ = raw(house.gateway, post_head(house, path, kind, f"Content-Encoding: {coding}",
                                                      f"Content-Length: {len(bomb)}", "Connection: close"), bomb)
            assert [answer.status for answer in answers] in ([415], [413]), f"{path} {coding}: {answers}"
    assert house.callers["hr"].post("/employees", bomb, Content_Type="application/x-ndjson").status in (400, 422)
    assert house.callers["hr"].post("/predict", gzip.compress(b"{}")).code == "bad-json"
    for kind in ("application/gzip", "application/octet-stream", "multipart/form-data; boundary=x", "text/plain",
                 "application/x-www-form-urlencoded", "application/xml", "application/json; charset=utf-16"):
        assert house.callers["hr"].post("/predict", b"{}", Content_Type=kind).code == "unsupported-media-type", kind
    assert house.gateway.resident_mb() - before < 30 * SLOW


def test_who_may_not_call_cannot_make_it_read_megabytes(house):
    before = house.gateway.resident_mb()
    megabytes = b"x" * (15 * 1024 * 1024)

    def send(role):
        lines = [f"Authorization: Bearer {house.tokens[role]}"] if role else []
        request = head("POST", "/employees", *lines, ROWS_TYPE, f"Content-Length: {len(megabytes)}")
        answers, closed = raw(house.gateway, request, megabytes)
        return [answer.status for answer in answers], closed
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        told = list(pool.map(send, [None, "viewer"] * 16))
    assert all(closed and statuses in ([401], [403], []) for statuses, closed in told), told
    assert house.gateway.resident_mb() - before < 20 * SLOW


# ---- S12: two readers -----------------------------------------------------------------------------

NEXT = head("GET", "/livez")
H = "Host: gateway.test"


def whole(*lines):
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


# Each is followed by a whole request, which must not be answered: who cannot be sure where one ends closes.
SMUGGLING = {
    "CL and TE": whole("POST /login HTTP/1.1", H, "Content-Length: 6", "Transfer-Encoding: chunked") + b"0\r\n\r\nG",
    "TE and CL": whole("POST /login HTTP/1.1", H, "Transfer-Encoding: chunked", "Content-Length: 4") + b"5c\r\nGPOST",
    "two TEs": whole("POST /login HTTP/1.1", H, "Transfer-Encoding: chunked",
                     "Transfer-Encoding: identity") + b"0\r\n\r\n",
    "two TEs, both chunked": whole("POST /login HTTP/1.1", H, *["Transfer-Encoding: chunked"] * 2) + b"0\r\n\r\n",
    "TE twice in one": whole("POST /login HTTP/1.1", H, "Transfer-Encoding: chunked, chunked") + b"0\r\n\r\n",
    "TE gzip, chunked": whole("POST /login HTTP/1.1", H, "Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n",
    "TE xchunked": whole("POST /login HTTP/1.1", H, "Transfer-Encoding: xchunked") + b"0\r\n\r\n",
    "TE identity": whole("POST /login HTTP/1.1", H, "Transfer-Encoding: identity"),
    "TE with a blank before the colon": whole("POST /login HTTP/1.1", H, "Transfer-Encoding : chunked") + b"0\r\n\r\n",
    "TE after a tab": whole("POST /login HTTP/1.1", H, "Transfer-Encoding:\tchunked\x0b") + b"0\r\n\r\n",
    "TE in quotes": whole("POST /login HTTP/1.1", H, 'Transfer-Encoding: "chunked"') + b"0\r\n\r\n",
    "TE with a CR": whole("POST /login HTTP/1.1", H, "Transfer-Encoding: chunked\rX: y") + b"0\r\n\r\n",
    "TE with a NUL": whole("POST /login HTTP/1.1", H, "Transfer-Encoding: chunked\0") + b"0\r\n\r\n",
    "TE folded": whole("POST /login HTTP/1.1", H, "Transfer-Encoding:", " chunked") + b"0\r\n\r\n",
    "TE of HTTP/1.0": whole("POST /login HTTP/1.0", H, "Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "two CLs": whole("POST /login HTTP/1.1", H, "Content-Length: 0", "Content-Length: 5"),
    "two CLs, the same": whole("POST /login HTTP/1.1", H, "Content-Length: 0", "Content-Length: 0"),
    "two CLs in one": whole("POST /login HTTP/1.1", H, "Content-Length: 0, 0"),
    **{f"CL {value!r}": whole("POST /login HTTP/1.1", H, f"Content-Length: {value}") for value in (
        "+0", "-0", "-1", "0x0", "0 0", "1e1", "", "0.0", "00000000000000000000", "99999999999999999999", "0;",
        "٣".encode().decode("latin-1"))},
    "CL with a blank before the colon": whole("POST /login HTTP/1.1", H, "Content-Length : 0"),
    "a blank before a name": whole("POST /login HTTP/1.1", H, " Content-Length: 0"),
    "a name that is none": whole("POST /login HTTP/1.1", H, "Content Length: 0"),
    "no name": whole("POST /login HTTP/1.1", H, ": 0"),
    "no colon": whole("POST /login HTTP/1.1", H, "Content-Length 0"),
    "a folded line": whole("GET /livez HTTP/1.1", H, "X-A: 1", " 2"),
    "bare LFs": f"GET /livez HTTP/1.1\n{H}\n\n".encode(),
    "one bare LF": f"GET /livez HTTP/1.1\r\n{H}\nX-A: 1\r\n\r\n".encode(),
    "a bare CR": f"GET /livez HTTP/1.1\r\n{H}\rX-A: 1\r\n\r\n".encode(),
    "a NUL in a value": whole("GET /livez HTTP/1.1", H, "X-A: a\0b"),
    "a NUL in a name": whole("GET /livez HTTP/1.1", H, "X-\0A: b"),
    "a control character": whole("GET /livez HTTP/1.1", H, "X-A: a\x01b"),
    "two Hosts": whole("GET /livez HTTP/1.1", H, "Host: other.test"),
    "two Hosts, the same": whole("GET /livez HTTP/1.1", H, H),
    "no Host": whole("GET /livez HTTP/1.1"),
    "an empty Host": whole("GET /livez HTTP/1.1", "Host:"),
    "a Host with a path": whole("GET /livez HTTP/1.1", "Host: a/b"),
    "a Host with a user": whole("GET /livez HTTP/1.1", "Host: a@b"),
    "a Host with a blank": whole("GET /livez HTTP/1.1", "Host: a b"),
    "two blanks in the line": whole("GET  /livez HTTP/1.1", H),
    "a tab in the line": whole("GET\t/livez HTTP/1.1", H),
    "a blank in the path": whole("GET /live z HTTP/1.1", H),
    "HTTP/0.9": b"GET /livez\r\n\r\n",
    "HTTP/2.0": whole("GET /livez HTTP/2.0", H),
    "a version that is none": whole("GET /livez HTTP/1.1x", H),
    "an absolute address": whole("GET http://gateway.test/livez HTTP/1.1", H),
    "another host's address": whole("GET http://other.test/livez HTTP/1.1", H),
    "CONNECT": whole("CONNECT other.test:443 HTTP/1.1", H),
    "TLS": bytes.fromhex("16030100c8010000c40303") + bytes(200),
    "a PROXY line": b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n" + whole("GET /livez HTTP/1.1", H),
}
# Bodies in chunks, behind a good head.
CHUNKS = {
    "no number": b"zz\r\n{}\r\n0\r\n\r\n",
    "a negative one": b"-2\r\n{}\r\n0\r\n\r\n",
    "a huge one": b"ffffffffffffffff\r\n{}\r\n0\r\n\r\n",
    "a larger one": b"fffffffffffffffff2\r\n{}\r\n0\r\n\r\n",
    "more than it says": b"2\r\n{}xx\r\n0\r\n\r\n",
    "an extension": b"2;a=b\r\n{}\r\n0\r\n\r\n",
    "an extension with a line": b"2;a\nb\r\n{}\r\n0\r\n\r\n",
    "a bare LF": b"2\n{}\n0\n\n",
    "a 0x": b"0x2\r\n{}\r\n0\r\n\r\n",
    "a trailer": b"2\r\n{}\r\n0\r\nContent-Length: 5\r\n\r\n",
}


@pytest.mark.parametrize("what", SMUGGLING)
def test_what_two_readers_could_understand_differently_is_refused_and_the_connection_closed(house, what):
    answers, closed = raw(house.gateway, SMUGGLING[what] + NEXT, seconds=5)
    assert closed, f"{what}: the connection is kept, {answers}"
    assert len(answers) <= 1, f"{what}: {answers}"
    assert all(answer.status in (400, 405, 413, 501, 505) for answer in answers), f"{what}: {answers}"


@pytest.mark.parametrize("what", CHUNKS)
def test_after_a_body_in_chunks_nothing_follows(house, what):
    body = CHUNKS[what]
    answers, closed = raw(house.gateway, post_head(house, "/predict", JSON_TYPE, "Transfer-Encoding: chunked") + body + NEXT,
                          ends=True, seconds=5)
    assert closed and len(answers) <= 1, answers
    assert all(answer.status in (400, 408, 413, 422) for answer in answers), answers


def test_requests_in_a_row_are_answered_each_for_itself(house):
    """The honest one: three in one packet, three answers, in their order."""
    answers, _ = raw(house.gateway, NEXT + head("GET", "/model") + head("GET", "/nothing"), ends=True)
    assert [answer.status for answer in answers] == [200, 401, 404]


def test_nothing_is_upgraded(house):
    answers, _ = raw(house.gateway, head("GET", "/livez", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c",
                                         "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"), ends=True)
    assert [answer.status for answer in answers] == [200] and "upgrade" not in answers[0].headers
    answers, closed = raw(house.gateway, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ends=True)
    assert closed and all(400 <= answer.status < 600 for answer in answers)
    answers, _ = raw(house.gateway, head("GET", "/livez", "Connection: Upgrade", "Upgrade: websocket",
                                         "Sec-WebSocket-Version: 13",
                                         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), ends=True)
    assert [answer.status for answer in answers] == [200]


# ---- S13: addresses -------------------------------------------------------------------------------


def test_no_address_leads_out(house):
    ups = ["..", "%2e%2e", "%2E.", ".%2e", "%252e%252e", "%c0%ae%c0%ae", "%c0%2e", "..%00", "..;", "....", "..%5c",
           "..\\", "%uff0e%uff0e"]
    paths = [f"{start}/{'/'.join([up] * count)}/{name}" for start in ("", "/docs", "/employees", "/predictions",
                                                                      "/requests/x")
             for up in ups for count in (1, 6) for name in ("secret.txt", "etc/passwd")]
    paths += [f"/docs/{name}" for name in (
        "secret.txt", "link", "..%2fsecret.txt", "%2e%2e%2fsecret.txt", "..%5csecret.txt", "%2fetc%2fpasswd",
        "/etc/passwd", ".",
        "swagger-ui.css%00.txt", "swagger-ui.css.gz", "SWAGGER-UI.CSS", "swagger-ui.css/", "swagger-ui.css/x",
        "swagger-ui.css~",
        ".git/config", "%73ecret.txt", "secret%2etxt", "swagger-ui.css%20", "index.html%00",
        "file:%2f%2f%2fetc%2fpasswd")]
    paths += ["//etc/passwd", "/./livez", "/livez/", "//livez", "/livez%00", "/livez%0a", "/livez%2f", "/LIVEZ",
              "/livez;a=b", "/livez.json",
              "/%2flivez", "/model/../livez", "/docs/../model", "/%", "/%4", "/%gg", "/\\livez", "/.env", "/.git/HEAD",
              "/metrics", "/admin",
              "/api", "/api/v1", "/api/v1/auth", "/api/v1/auth/login/", "/server-status", "/debug/pprof",
              "/actuator/env"]
    token = house.tokens["admin"]
    for path in paths:
        for lines in ([], [f"Authorization: Bearer {token}"]):
            (answer,), _ = raw(house.gateway, head("GET", path, *lines, "Connection: close"))
            refused = answer.status in (400, 404) or (not lines and answer.status == 401)
            assert refused and answer.headers["content-type"] == "application/problem+json", f"{path}: {answer}"
            assert b"SECRET" not in answer.body and b"root:" not in answer.body, path
    assert call(house.gateway, "GET", "/docs/swagger-ui.css").body == b"/* swagger-ui.css */"


# ---- S14: heads -----------------------------------------------------------------------------------


def test_methods_that_are_none_of_an_address_are_told_which_there_are(house):
    for path, methods in (("/predict", "POST"), ("/model", "GET, HEAD"), ("/employees/x", "GET, HEAD, POST"),
                          ("/livez", "GET, HEAD"), ("/docs/init.js", "GET, HEAD"), ("/predictions/a/0/1", "GET, HEAD")):
        for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "TRACE"):
            if method in methods.split(", "):
                continue
            (answer,), _ = raw(house.gateway, head(method, path, "Connection: close"))
            assert (answer.status, answer.code) == (405, "method-not-allowed"), f"{method} {path}: {answer}"
            assert set(answer.headers["allow"].split(", ")) == {*methods.split(", "), "OPTIONS"}
        for method in ("BREW", "get", "PROPFIND", "X" * 100, "GETT", "M-SEARCH"):
            (answer,), _ = raw(house.gateway, head(method, path, "Connection: close"))
            assert answer.status in (400, 501), f"{method} {path}: {answer}"
    for lines in (["X-HTTP-Method-Override: DELETE"], ["X-Original-URL: /livez"], ["X-Rewrite-URL: /livez"]):
        assert raw(house.gateway, head("GET", "/model", *lines), ends=True)[0][0].status == 401
    body = b"_method=DELETE"
    assert house.callers["hr"].post("/employees/x?_method=DELETE", body).status == 422
    answers, _ = raw(house.gateway, head("TRACE", "/livez", "Cookie: secret=1"), ends=True)
    assert b"secret" not in answers[0].body, "a TRACE shows nothing"


def test_heads_have_a_size(house):
    token = f"Authorization: Bearer {house.tokens['hr']}"
    for what, request in {
            "a path of 9,000": head("GET", "/employees/" + "a" * 9000, token),
            "a path of a megabyte": head("GET", "/" + "a" * 2**20, token),
            "a query of 9,000": head("GET", "/predictions?cursor=" + "a" * 9000, token),
            "a method of 9,000": head("G" * 9000, "/livez"),
            "a header of 9,000": head("GET", "/livez", "X-A: " + "a" * 9000),
            "a header of a megabyte": head("GET", "/livez", "X-A: " + "a" * 2**20),
            "a name of 9,000": head("GET", "/livez", "A" * 9000 + ": a"),
            "101 headers": head("GET", "/livez", *[f"A{i}: b" for i in range(101)]),
            "10,000 headers": head("GET", "/livez", *[f"A{i}: b" for i in range(10000)]),
            "10,000 empty headers": head("GET", "/livez", *["A:"] * 10000),
            "a token of 9,000": head("GET", "/model", "Authorization: Bearer " + "a" * 9000),
            "no end": b"GET /livez HTTP/1.1\r\n" + b"X-A: b\r\n" * 20000}.items():
        answers, closed = raw(house.gateway, request, ends=True)
        assert closed and len(answers) <= 1, f"{what}: {answers}"
        assert all(answer.status in (400, 413, 414, 431, 501) for answer in answers), f"{what}: {answers}"
    answers, _ = raw(house.gateway, head("GET", "/predictions?" + "&".join(f"a{i}=b" for i in range(65)), token), ends=True)
    assert answers[0].status == 400
    answers, _ = raw(house.gateway, head("GET", "/livez", *[f"A{i}: b" for i in range(90)]), ends=True)
    assert answers[0].status == 200


def test_no_value_becomes_a_header_or_a_page(house):
    """What is echoed is JSON, and says so."""
    evil = "<script>alert(1)</script>"
    for path in (f"/employees/{urllib.parse.quote(evil, safe='')}", f"/requests/{urllib.parse.quote(evil, safe='')}",
                 f"/predictions?{urllib.parse.quote(evil)}=1", f"/predictions?band={urllib.parse.quote(evil)}",
                 "/employees/a%0d%0aSet-Cookie:%20a=b", "/employees/a%E5%98%8A%E5%98%8DSet-Cookie:%20a=b"):
        answer = house.admin.get(path)
        assert answer.status in (400, 404, 422), answer
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["x-content-type-options"] == "nosniff" and "set-cookie" not in answer.headers
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    for name, value in (("Prefer", "wait=" + "9" * 100), ("Prefer", "wait=-1"), ("Accept-Language", "x" * 3000),
                        ("Accept-Language", "fr;q=9999999999999999999999,en;q=NaN"), ("If-None-Match", '"' * 1000),
                        ("Idempotency-Key", "a b"), ("Idempotency-Key", "a" * 129), ("Idempotency-Key", "é"),
                        ("traceparent", "x" * 500),
                        ("Range", "bytes=0-,0-,0-"), ("Accept", "*/*;" * 500),
                        ("Accept-Encoding", "gzip;q=" + "0" * 500)):
        answer = house.admin.post("/predict", {"employee_id": "never.seen"}, **{name: value})
        assert answer.status in (400, 404, 422), f"{name}: {value[:20]}: {answer}"
        assert house.admin.get("/docs", **{name: value}).status == 200, name


# ---- S17: pages of other origins ------------------------------------------------------------------


def test_only_pages_of_the_origins_in_the_list_may_call(house):
    token = {"Authorization": f"Bearer {house.tokens['hr']}"}
    for origin in (ORIGIN, "http://127.0.0.1:3000"):
        for answer in (call(house.gateway, "GET", "/model", Origin=origin, **token),
                       call(house.gateway, "GET", "/model", Origin=origin),
                       call(house.gateway, "GET", "/nothing", Origin=origin),
                       call(house.gateway, "GET", "/livez", Origin=origin)):
            assert answer.headers["access-control-allow-origin"] == origin, answer
            assert "Origin" in answer.headers["vary"] and "access-control-allow-credentials" not in answer.headers
        answer = call(house.gateway, "OPTIONS", "/predict", Origin=origin, Access_Control_Request_Method="POST",
                      Access_Control_Request_Headers="authorization, content-type")
        assert answer.status == 204 and answer.headers["access-control-allow-origin"] == origin
        assert "POST" in answer.headers["access-control-allow-methods"]
        allowed = answer.headers["access-control-allow-headers"].lower()
        assert "authorization" in allowed and "*" not in allowed and "cookie" not in allowed
        assert "access-control-allow-credentials" not in answer.headers
    for origin in ("https://evil.example", "null", "", "*", "https://hr.example.org.evil.example",
                   "https://evilhr.example.org",
                   "http://hr.example.org", "https://hr.example.org:443", "https://hr.example.org:8443",
                   "https://HR.example.org",
                   "https://hr.example.org/", "https://hr.example.org/path", "https://a.hr.example.org",
                   "https://hr.example.org@evil.example",
                   "https://hrxexample.org", f"{ORIGIN}, https://evil.example", f"{ORIGIN} https://evil.example",
                   f"{ORIGIN},", "file://",
                   "https://hr.example.org%00.evil.example", "http://127.0.0.1", "http://127.0.0.1:30001",
                   "http://localhost:3000",
                   "https://hr.example.org`.evil.example", "HTTPS://hr.example.org"):
        for answer in (call(house.gateway, "GET", "/model", Origin=origin, **token),
                       call(house.gateway, "OPTIONS", "/predict", Origin=origin, Access_Control_Request_Method="POST")):
            assert not [name for name in answer.headers if name.startswith("access-control-")], f"{origin}: {answer}"
    two = head("GET", "/livez", f"Origin: {ORIGIN}", "Origin: https://evil.example")
    answers, closed = raw(house.gateway, two, ends=True)
    assert closed and [answer.status for answer in answers] == [400], "two origins"
