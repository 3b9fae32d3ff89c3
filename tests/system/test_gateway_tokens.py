# SPDX-License-Identifier: MIT
"""Access and refresh tokens from the outside: another JWT library verifies ours from the JWKS, and whatever is
only like one of ours is refused, with one and the same answer. The forgeries are signed by a key that really
verifies (its secret is the test's), so that each is refused for the one thing that is wrong with it."""
import base64
import concurrent.futures
import hmac
import json
import secrets
import socket
import time
import urllib.parse

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from callers import (PASSWORD, ROLES, Caller, House, Key, add_user, add_verifying_key, base64url, call, claims_for, kids,
                     log_in, read_answer, retentionctl)
from conftest import SLOW, wait_for

REVOKED_WITHIN = 5.0
PATH = "/model"


@pytest.fixture(scope="module")
def house(module_world):
    return House(module_world)


@pytest.fixture(scope="module")
def second(house):
    """Another gateway on the same tables."""
    return house.world.gateway()


@pytest.fixture(scope="module")
def key(house):
    return add_verifying_key(house)


def status_of(gateway, token):
    return call(gateway, "GET", PATH, token=token).status


def good_for(gateway, token):
    return status_of(gateway, token) == 200


def refused_within(gateway, token, seconds=REVOKED_WITHIN):
    wait_for("the token is refused", lambda: status_of(gateway, token) == 401, seconds, 0.1)


def token_of(key, header, claims):
    """With the header and the claims as they are, signed by the key."""
    return key.sign(header if isinstance(header, str) else json.dumps(header),
                    claims if isinstance(claims, str) else json.dumps(claims))


def header_of(key, **other):
    header = {"typ": "at+jwt", "alg": "EdDSA", "kid": key.kid, **other}
    return {name: value for name, value in header.items() if value is not None}


# ---- theirs of ours -------------------------------------------------------------------------------


def test_another_jwt_library_verifies_our_tokens_from_the_jwks(house):
    client = jwt.PyJWKClient(house.gateway.url + "/.well-known/jwks.json")
    for role in ROLES:
        token = house.tokens[role]
        found = client.get_signing_key_from_jwt(token)
        claims = jwt.decode(token, found.key, ["EdDSA"], audience="retentionai", issuer="retentionai", leeway=2, options={
            "require": ["iss", "aud", "sub", "exp", "iat", "nbf", "jti", "client_id", "role"]})
        assert jwt.get_unverified_header(token) == {"alg": "EdDSA", "typ": "at+jwt", "kid": found.key_id}
        assert (claims["sub"], claims["role"], claims["client_id"]) == (str(house.ids[role]), role, "retentionai")
        assert claims["exp"] - claims["iat"] == 900 and len(claims["jti"]) >= 22
    assert len({jwt.decode(log_in(house.gateway, "hr.one")["access_token"], options={"verify_signature": False})["jti"]
                for _ in range(3)}) == 3
    answer = call(house.gateway, "GET", "/.well-known/jwks.json")
    for jwk in answer.json["keys"]:
        assert set(jwk) <= {"kty", "crv", "x", "kid", "use", "alg", "key_ops"}, "no secret, and nothing that is not needed"
        assert (jwk["kty"], jwk["crv"]) == ("OKP", "Ed25519") and len(base64.urlsafe_b64decode(jwk["x"] + "=")) == 32


# ---- ours of theirs -------------------------------------------------------------------------------


def forgeries(house, key):
    """{what is wrong: a token}"""
    claims, now = claims_for(house), int(time.time())
    pem = key.secret.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    other = Key()
    real = house.tokens["admin"]
    header, payload, signature = real.split(".")
    table = {}

    # S1: no signature at all.
    table["alg none, by PyJWT"] = jwt.encode(claims, None, "none", headers={"typ": "at+jwt", "kid": key.kid})
    for alg in ("none", "None", "nOnE", "NONE", "", None, "null", 0, ["EdDSA"], "eddsa", "Ed25519", "ES256", "RS256"):
        table[f"alg {alg!r}"] = token_of(key, header_of(key, alg=alg), claims)
        table[f"alg {alg!r}, without a signature"] = table[f"alg {alg!r}"].rpartition(".")[0] + "."
    table["dots only"], table["one dot"], table["none"] = "..", ".", "x"
    table["four parts"], table["five parts"] = real + ".", real + "." + header + "."
    table["no signature"], table["no claims"] = f"{header}.{payload}.", f"{header}..{signature}"
    table["no header"] = f".{payload}.{signature}"

    # S2: another key, or another use of ours.
    for name, secret in (("raw", key.public), ("base64url", base64url(key.public).encode()), ("pem", pem),
                         ("hex", key.public.hex().encode()), ("jwk", json.dumps(key.jwk()).encode()), ("empty", b"")):
        for alg, digest in (("HS256", "sha256"), ("HS512", "sha512")):
            signed = ".".join(base64url(json.dumps(part).encode()) for part in (header_of(key, alg=alg), claims))
            mac = hmac.digest(secret, signed.encode(), digest)
            table[f"{alg} with the public key as {name}"] = f"{signed}.{base64url(mac)}"
    for name, kid in (("the kid of ours", key.kid), ("the kid that signs", jwt.get_unverified_header(real)["kid"]),
                      ("its own kid", other.kid)):
        table[f"another key under {name}"] = jwt.encode(
            claims, other.secret, "EdDSA", headers={"typ": "at+jwt", "kid": kid})
    for kid in ("", None, 0, [key.kid], "../../../../dev/null", "/dev/null", "' OR 1=1 --", "x' UNION SELECT 'a",
                key.kid + "=", key.kid.lower(), "A" * 43, "A" * 1200, key.kid + "\0", "http://127.0.0.1/jwks.json"):
        table[f"kid {str(kid)[:40]!r}"] = token_of(key, header_of(key, kid=kid), claims)
    for name, value in (("jwk", other.jwk()), ("jku", house.gateway.url + "/.well-known/jwks.json"), ("x5c", ["MIIB"]),
                        ("x5u", "https://evil.example/c"), ("x5t", "AA"), ("crit", ["exp"]), ("b64", False),
                        ("zip", "DEF"), ("cty", "JWT"), ("x", 1)):
        table[f"{name} in the header"] = token_of(key, header_of(key, **{name: value}), claims)
        table[f"{name} in the header, by another key"] = token_of(other, header_of(key, **{name: value}), claims)
    for typ in ("JWT", "jwt", "at+JWT", "application/at+jwt", "", None, 1, "rt+jwt"):
        table[f"typ {typ!r}"] = token_of(key, header_of(key, typ=typ), claims)

    # S3: times.
    table["exp past"] = token_of(key, header_of(key), claims_for(house, exp=now - 61, iat=now - 900, nbf=now - 900))
    for name, value in (("before iat", now - 1), ("long past", 1), ("a float", now + 900.0),
                        ("a float with a part", now + 600.5), ("a string", str(now + 900)), ("missing", None),
                        ("negative", -1), ("zero", 0), ("true", True),
                        ("a list", [now + 900]), ("too far", now + 901), ("years away", now + 10**9), ("2^63", 2**63),
                        ("-2^63", -2**63)):
        table[f"exp {name}"] = token_of(key, header_of(key), claims_for(house, exp=value, iat=now, nbf=now))
    for name in ("iat", "nbf"):
        for what, value in (("in the future", now + 90), ("a string", str(now)), ("a float", float(now)), ("missing", None),
                            ("1e308", 1e308), ("negative", -5)):
            table[f"{name} {what}"] = token_of(key, header_of(key), claims_for(house, **{"exp": now + 900, name: value}))
    text = json.dumps(claims)
    for number in ("1e308", "1e400", "NaN", "Infinity", "-0", "0x7fffffff", "9" * 400, "null"):
        table[f"exp {number[:20]}"] = token_of(key, header_of(key), text.replace(str(claims["exp"]), number))

    # S4: claims.
    for name, values in {"iss": ("other", "retentionai ", "RetentionAI", None, ["retentionai"], 1, ""),
                         "aud": ("other", ["retentionai"], ["retentionai", "other"], None, "", 1, "retentionai\0"),
                         "client_id": ("other", None, 1), "sub": (None, "", 1, True, "a" * 65, "a b", "é", ["1"]),
                         "role": ("root", "Admin", "admin ", None, 0, ["admin"], "", "admin,hr"),
                         "jti": (None, "", 1, "short", "A" * 200, "not base64url!" * 2)}.items():
        for value in values:
            table[f"{name} {str(value)[:30]!r}"] = token_of(key, header_of(key), claims_for(house, **{name: value}))
    for name in ("sub", "role", "aud", "iss", "exp", "jti"):
        table[f"{name} twice"] = token_of(key, header_of(key), text[:-1] + f', "{name}": {json.dumps(claims[name])}}}')
        table[f"{name} twice, spelled otherwise"] = token_of(
            key, header_of(key), text[:-1] + f', "\\u{ord(name[0]):04x}{name[1:]}": {json.dumps(claims[name])}}}')
    for name in ("alg", "kid", "typ"):
        whole = json.dumps(header_of(key))
        table[f"{name} twice"] = token_of(key, whole[:-1] + f', "{name}": {json.dumps(header_of(key)[name])}}}', claims)
    for what, body in (("a list", "[]"), ("a string", '"x"'), ("null", "null"), ("nothing", ""), ("cut", text[:-1]),
                       ("more", text + "x"), ("two", text + text), ("a BOM", "\ufeff" + text),
                       ("deep", '{"a":' * 100 + "1" + "}" * 100), ("a NUL", text[:-1] + ', "a": "\\u0000"}'),
                       ("half a pair", text[:-1] + ', "a": "\\ud800"}')):
        table[f"claims that are {what}"] = token_of(key, header_of(key), body)
    mine = json.loads(base64.urlsafe_b64decode(house.tokens["viewer"].split(".")[1] + "=="))
    theirs = house.tokens["viewer"].split(".")
    for name, value in (("role", "admin"), ("sub", str(house.ids["admin"]))):
        edited = json.dumps({**mine, name: value}, separators=(",", ":"))
        table[f"an edited {name}"] = f"{theirs[0]}.{base64url(edited.encode())}.{theirs[2]}"
    table["another one's signature"] = f"{theirs[0]}.{payload}.{theirs[2]}"

    # S5: other spellings of the same bytes.
    table["padding"], table["padding within"] = real + "==", f"{header}=.{payload}.{signature}"
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for i in range(1, 16):
        table[f"the last bits are {i}"] = real[:-1] + letters[letters.index(real[-1]) ^ i]
    while not set("-_") & set(signature):
        signature = log_in(house.gateway, "admin.one")["access_token"].split(".")[2]
    table["other letters of base64"] = f"{header}.{payload}." + signature.replace("-", "+").replace("_", "/")
    # S + L: the same signature to who does not look (RFC 8032, 5.1.7).
    order = 2**252 + 27742317777372353535851937790883648493
    whole = base64.urlsafe_b64decode(real.split(".")[2] + "==")
    larger = int.from_bytes(whole[32:], "little") + order
    if larger < 2**256:
        table["a larger S"] = f"{header}.{payload}." + base64url(whole[:32] + larger.to_bytes(32, "little"))
    table["too long"] = real + "A" * 2000
    return table


def test_what_is_only_like_one_of_ours_is_refused_with_one_and_the_same_answer(house, key):
    """S1 to S4."""
    caller = Caller(house.gateway)
    assert good_for(house.gateway, token_of(key, header_of(key), claims_for(house))), "the forger can also do it right"
    now = int(time.time())
    late = claims_for(house, iat=now - 890, nbf=now - 890, exp=now - 30)
    assert good_for(house.gateway, token_of(key, header_of(key), late)), "clocks may differ by a minute"
    expected = caller.get(PATH, Authorization="Bearer x.y.z")
    assert (expected.status, expected.code) == (401, "bad-token")
    table, wrong = forgeries(house, key), []
    assert len(table) > 180
    for what, token in table.items():
        assert token.isascii(), what
        answer = caller.get(PATH, Authorization=f"Bearer {token}")
        if (answer.status, answer.body) != (401, expected.body) or set(answer.headers) != set(expected.headers):
            wrong.append((what, answer))
    assert not wrong, wrong
    assert all(good_for(house.gateway, house.tokens[role]) for role in ("admin", "hr", "viewer"))


def test_a_token_that_is_no_text_of_ours_reaches_nobody(house):
    """Among the bytes that a header may hold."""
    caller = Caller(house.gateway)
    for token in ("é.ü.ß", "\x80" * 50 + ".a.b", "a\tb.c.d", "%41.%42.%43", '"a.b.c"'):
        answer = caller.get(PATH, Authorization=f"Bearer {token}")
        assert (answer.status, answer.code) == (401, "bad-token"), f"{token!r}: {answer}"


def test_every_flip_of_a_bit_of_a_real_token_is_refused(house):
    """S5: each of the eight bits of each byte, over one kept connection (a control character ends it, as it must)."""
    token = house.tokens["hr"].encode()
    where = urllib.parse.urlsplit(house.gateway.url)
    before, after = f"GET {PATH} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ".encode(), b"\r\n\r\n"
    flips = [token[:at] + bytes([token[at] ^ 1 << bit]) + token[at + 1:] for at in range(len(token)) for bit in range(8)]
    assert len(flips) == 8 * len(token) > 3000

    def try_all(some):
        told, wire, file = {}, None, None
        for flip in some:
            if wire is None:
                wire = socket.create_connection((where.hostname, where.port), timeout=30 * SLOW)
                file = wire.makefile("rb")
            wire.sendall(before + flip + after)
            answer = read_answer(file)
            is_text = all((byte >= 32 and byte != 127) or byte == 9 for byte in flip)
            told.setdefault((is_text, answer.status, answer.body if answer.status != 400 else b""), flip)
            if answer.headers.get("connection", "").lower() == "close":
                file.close()
                wire.close()
                wire = None
        return told

    assert good_for(house.gateway, token.decode())  # remembered, too: a flip must not find it
    expected = call(house.gateway, "GET", PATH, token="x.y.z").body
    told = {}
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for some in pool.map(try_all, [flips[i::4] for i in range(4)]):
            told |= some
    assert set(told) <= {(True, 401, expected), (False, 400, b"")}, told
    assert (True, 401, expected) in told and good_for(house.gateway, token.decode())


# ---- the end of a token ---------------------------------------------------------------------------


def test_after_a_logout_the_token_counts_nowhere(house, second):
    """S6: at once where it was said, within five seconds elsewhere; other logins of the user go on."""
    world, gateway = house.world, house.gateway
    add_user(world, "leaver", "hr")
    first, other = log_in(gateway, "leaver"), log_in(second, "leaver")
    token = first["access_token"]
    assert good_for(gateway, token) and good_for(second, token) and good_for(second, other["access_token"])
    answer = call(gateway, "POST", "/logout", {"refresh_token": first["refresh_token"]}, token=token)
    assert (answer.status, answer.body) == (204, b"")
    assert status_of(gateway, token) == 401
    refused_within(second, token)
    assert call(second, "POST", "/refresh", {"refresh_token": first["refresh_token"]}).code == "bad-refresh-token"
    assert good_for(gateway, other["access_token"]) and good_for(second, other["access_token"])
    assert call(gateway, "POST", "/logout", token=token).code == "bad-token"
    # Also without a body, and another one's refresh token is not ended by it.
    answer = call(second, "POST", "/logout", {"refresh_token": log_in(gateway, "viewer.one")["refresh_token"]},
                  token=other["access_token"])
    assert answer.status == 204
    refused_within(gateway, other["access_token"])
    again = log_in(gateway, "leaver")
    assert good_for(gateway, again["access_token"]) and good_for(second, again["access_token"])


def test_another_ones_refresh_token_is_not_ended_by_a_logout(house):
    add_user(house.world, "victim", "hr")
    victim = log_in(house.gateway, "victim")
    mine = log_in(house.gateway, "viewer.one")["access_token"]
    assert call(house.gateway, "POST", "/logout", {"refresh_token": victim["refresh_token"]}, token=mine).status == 204
    assert good_for(house.gateway, victim["access_token"])
    assert call(house.gateway, "POST", "/refresh", {"refresh_token": victim["refresh_token"]}).status == 200


def test_after_a_change_of_the_password_no_token_from_before_counts(house, second):
    world, gateway, new = house.world, house.gateway, "another eleven purple Herons"
    add_user(world, "changer", "hr")
    logins = [log_in(where, "changer") for where in (gateway, second, gateway)]
    body = {"current_password": PASSWORD, "new_password": new}
    wrong = call(gateway, "POST", "/password", {**body, "current_password": new}, token=logins[0]["access_token"])
    assert wrong.code == "wrong-password"
    assert good_for(second, logins[1]["access_token"])
    time.sleep(1.1 - time.time() % 1)  # iat counts whole seconds: a login in the second of the change is refused, too
    answer = call(gateway, "POST", "/password", body, token=logins[0]["access_token"])
    assert (answer.status, answer.body) == (204, b""), answer
    fresh = log_in(gateway, "changer", new)
    for login in logins:
        assert status_of(gateway, login["access_token"]) == 401
        refused_within(second, login["access_token"])
        assert call(second, "POST", "/refresh", {"refresh_token": login["refresh_token"]}).code == "bad-refresh-token"
    assert good_for(gateway, fresh["access_token"]) and good_for(second, fresh["access_token"])
    assert call(second, "POST", "/login", {"username": "changer", "password": PASSWORD}).code == "bad-credentials"
    # retentionctl does the same from beside.
    world.ctl("users", "disable", "changer")
    for where in (gateway, second):
        refused_within(where, fresh["access_token"])
        assert call(where, "POST", "/login", {"username": "changer", "password": new}).code == "bad-credentials"


def test_a_refresh_token_is_used_once_and_its_return_ends_the_family(house, second):
    gateway = house.gateway
    add_user(house.world, "refresher", "service")
    add_user(house.world, "neighbour", "service")
    neighbour = log_in(gateway, "neighbour")
    first = log_in(gateway, "refresher")

    def refresh(where, token):
        return call(where, "POST", "/refresh", {"refresh_token": token})
    answer = refresh(second, first["refresh_token"])
    assert answer.status == 200 and set(answer.json) == {"access_token", "token_type", "expires_in", "refresh_token"}
    following = answer.json
    assert following["refresh_token"] != first["refresh_token"] and following["access_token"] != first["access_token"]
    stored = house.world.query("SELECT token_sha256 || family FROM refresh_token")
    assert not any(login["refresh_token"] in text for (text,) in stored for login in (first, following)), "hashes only"
    third = refresh(gateway, following["refresh_token"]).json
    path = "/requests/none"

    def counts(where, token):
        return call(where, "GET", path, token=token).status == 404
    assert counts(gateway, third["access_token"]) and counts(second, third["access_token"])
    time.sleep(1.1 - time.time() % 1)
    refusals = [refresh(gateway, token) for token in (*(login["refresh_token"] for login in (first, third, following)),
                                                      secrets.token_urlsafe(32), "x")]
    assert {(answer.status, answer.body) for answer in refusals} == {(401, refusals[0].body)}
    assert refusals[0].code == "bad-refresh-token"
    assert refresh(gateway, third["access_token"]).fields == {"refresh_token": "text-too-long"}
    for where in (gateway, second):
        for login in (first, following, third):
            wait_for("what the family was given is refused", lambda: not counts(where, login["access_token"]),
                     REVOKED_WITHIN)
        assert counts(where, neighbour["access_token"])
    again = log_in(second, "refresher")
    assert counts(second, again["access_token"]) and counts(gateway, again["access_token"])


def test_of_many_who_refresh_with_one_token_at_once_one_gets_the_next(house, second):
    add_user(house.world, "racer", "hr")
    token = log_in(house.gateway, "racer")["refresh_token"]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda i: call((house.gateway, second)[i % 2], "POST", "/refresh",
                                               {"refresh_token": token}), range(16)))
    assert sorted(answer.status for answer in answers) == [200] + [401] * 15
    won = next(answer.json for answer in answers if answer.status == 200)
    assert call(second, "POST", "/refresh", {"refresh_token": won["refresh_token"]}).status == 401, "the family has ended"


def test_keys_are_replaced_while_everybody_stays_logged_in(house, second):
    """Last in this file: the key that the fixtures' tokens were signed with is taken away at its end."""
    world, gateway = house.world, house.gateway
    world.environment["SECRET_KEY"] = world.secret_key
    old = jwt.get_unverified_header(house.tokens["hr"])["kid"]
    made = json.loads(world.ctl("keys", "rotate", "--in", "0s", "--json"))["kid"]
    for where in (gateway, second):
        wait_for("both keys are known", lambda: {old, made} <= set(kids(where)), REVOKED_WITHIN)

    def signed_anew(where):
        token = log_in(where, "hr.one")["access_token"]
        return token if jwt.get_unverified_header(token)["kid"] == made else None
    fresh = {where: wait_for("the new key signs", lambda: signed_anew(where), REVOKED_WITHIN, 0.5)
             for where in (gateway, second)}
    for where in (gateway, second):
        client = jwt.PyJWKClient(where.url + "/.well-known/jwks.json")
        for token in (house.tokens["hr"], *fresh.values()):
            assert good_for(where, token)
            found = client.get_signing_key_from_jwt(token)
            assert jwt.decode(token, found.key, ["EdDSA"], audience="retentionai", leeway=2)["role"] == "hr"
    # The one before verifies until the last token that it signed has ended, and not longer.
    until, = world.query("SELECT extract(epoch FROM verifies_until - now()) FROM signing_key WHERE kid = %s", old)[0]
    assert 900 < until <= 960 + 5
    assert "this key signs" in retentionctl(world, "keys", "retire", made, status=1)[1]
    world.ctl("keys", "retire", old)
    for where in (gateway, second):
        refused_within(where, house.tokens["hr"])
        assert old not in kids(where) and made in kids(where)
        assert all(good_for(where, token) for token in fresh.values())

