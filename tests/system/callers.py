# SPDX-License-Identifier: MIT
"""Who calls the gateway: well-behaved clients with a token and an address of their own, and bytes on a bare
socket for what no client library would send. All of 127.0.0.0/8 is this machine, so that a test can have
as many addresses as it wants."""
import base64
import hashlib
import http.client
import itertools
import json
import socket
import subprocess
import threading
import time
import urllib.parse

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from conftest import BUILD, SLOW, wait_for

PASSWORD = "seventeen purple Otters swim"
ROLES = ("admin", "hr", "viewer", "service")


class Addresses:
    """next(addresses): one that nobody has used, whichever thread asks."""

    def __init__(self):
        self.all = itertools.product(range(20, 250), range(250), range(1, 250))
        self.lock = threading.Lock()

    def __next__(self):
        with self.lock:
            return "127.{}.{}.{}".format(*next(self.all))


addresses = Addresses()


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, {name.lower(): value for name, value in headers}, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        """Of a problem."""
        assert self.headers.get("content-type") == "application/problem+json", self
        return self.json["code"]

    @property
    def fields(self):
        """Of a problem: {field: code}"""
        return {error["field"]: error["code"] for error in self.json.get("errors", ())}

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body[:400]!r}"


class Caller:
    """One kept connection, with or without a token."""

    def __init__(self, gateway, token=None, address=None, seconds=30):
        self.gateway, self.token, self.address = gateway, token, address
        where = urllib.parse.urlsplit(gateway.url)
        self.connection = http.client.HTTPConnection(
            where.hostname, where.port, timeout=seconds * SLOW, source_address=(address, 0) if address else None)

    def __call__(self, method, path, body=None, **headers):
        """`body`: bytes as they are, else JSON. Names of headers with _ for -. -> Answer"""
        head = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token is not None:
            head.setdefault("Authorization", f"Bearer {self.token}")
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is not None:
            head.setdefault("Content-Type", "application/json")
        for again in (True, False):
            try:
                self.connection.request(method, path, body, head)
                answer = self.connection.getresponse()
                return Answer(answer.status, answer.getheaders(), answer.read())
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                # A kept connection that the server has closed in the meantime.
                self.connection.close()
                if not again or method != "GET":
                    raise

    def get(self, path, **headers):
        return self("GET", path, **headers)

    def post(self, path, body=None, **headers):
        return self("POST", path, body, **headers)

    def close(self):
        self.connection.close()


def call(gateway, method, path, body=None, token=None, address=None, **headers):
    """One call on a connection of its own -> Answer"""
    caller = Caller(gateway, token, address)
    try:
        return caller(method, path, body, **headers)
    finally:
        caller.close()


def log_in(gateway, name, password=PASSWORD, address=None):
    """-> what /login answers, as a value"""
    answer = call(gateway, "POST", "/login", {"username": name, "password": password}, address=address)
    assert answer.status == 200, answer
    return answer.json


def retentionctl(world, *arguments, given="", status=0):
    """-> standard output, standard error"""
    done = subprocess.run([BUILD / "bin/retentionctl", *arguments], input=given, env=world.environment, text=True,
                          capture_output=True, timeout=60 * SLOW)
    assert done.returncode == status, f"{arguments} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout, done.stderr


def add_user(world, name, role):
    """By retentionctl, with PASSWORD -> its id"""
    retentionctl(world, "users", "add", name, "--role", role, given=PASSWORD)
    return world.scalar("SELECT id FROM users WHERE username = %s", name)


def add_users_like(world, name, names):
    """Accounts with the password of `name`, without the work of hashing it again."""
    with world.db() as db:
        db.execute("INSERT INTO users (username, password_hash, role) SELECT n, password_hash, role FROM users, "
                   "unnest(%s::text[]) AS n WHERE username = %s", (list(names), name))


class House:
    """A gateway with one user of each role, who are logged in: .names[role], .ids[role], .tokens[role]."""

    def __init__(self, world, **settings):
        self.world, self.settings = world, settings
        self.gateway = world.gateway(**settings)
        self.names = {role: f"{role}.one" for role in ROLES}
        self.ids = {role: add_user(world, self.names[role], role) for role in ROLES}
        self.tokens = {role: log_in(self.gateway, self.names[role])["access_token"] for role in ROLES}
        self.callers = {role: Caller(self.gateway, self.tokens[role]) for role in ROLES}
        self.admin, self.stranger = self.callers["admin"], Caller(self.gateway)


# ---- bytes ----------------------------------------------------------------------------------------


def read_answer(file):
    """One answer of a kept connection -> Answer, None: it was closed before one began."""
    line = file.readline()
    if not line:
        return None
    status, headers = int(line.split()[1]), []
    while (line := file.readline().rstrip(b"\r\n")):
        name, _, value = line.partition(b":")
        headers.append((name.decode(), value.strip().decode("latin-1")))
    answer = Answer(status, headers, b"")
    # What libmicrohttpd refuses by itself it answers with a page, and some versions write the head of that twice.
    is_its_own = answer.headers.get("connection") == "close" and "content-type" not in answer.headers and status >= 400
    answer.body = file.read(-1 if is_its_own else int(answer.headers.get("content-length", 0)))
    return answer


def raw(gateway, *pieces, ends=False, seconds=10.0, most=20):
    """Sends the pieces on a connection of their own (`ends`: and says that nothing follows, upon which the server may
    take the client for gone), and reads until the server closes it or has been silent for a moment
    -> (answers, was it closed)."""
    where = urllib.parse.urlsplit(gateway.url)
    answers, closed = [], False
    with socket.create_connection((where.hostname, where.port), timeout=seconds * SLOW) as wire:
        try:
            for piece in pieces:
                wire.sendall(piece)
            if ends:
                wire.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it was refused before its end; the answer may be there
        file = wire.makefile("rb")
        try:
            while len(answers) < most:
                answer = read_answer(file)
                if answer is None:
                    closed = True
                    break
                answers.append(answer)
                if not ends and answer.headers.get("connection", "").lower() != "close":
                    wire.settimeout(0.5 * SLOW)  # another one may follow
        except TimeoutError:
            pass
        except ConnectionResetError:
            closed = True
    return answers, closed


def head(method, path, *lines, host="gateway.test", version="HTTP/1.1"):
    """The bytes of a request's head."""
    hosts = [f"Host: {host}"] if host else []
    return "\r\n".join([f"{method} {path} {version}", *hosts, *lines, "", ""]).encode("latin-1")


# ---- keys -----------------------------------------------------------------------------------------


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Key:
    """An Ed25519 key pair of the test's own."""

    def __init__(self):
        self.secret = ed25519.Ed25519PrivateKey.generate()
        self.public = self.secret.public_key().public_bytes(
            serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        # RFC 7638
        self.kid = base64url(hashlib.sha256(
            b'{"crv":"Ed25519","kty":"OKP","x":"' + base64url(self.public).encode() + b'"}').digest())

    def jwk(self):
        return {"kty": "OKP", "crv": "Ed25519", "x": base64url(self.public)}

    def sign(self, header, claims):
        """Texts, whatever they say, as a token."""
        signed = f"{base64url(header.encode())}.{base64url(claims.encode())}"
        return f"{signed}.{base64url(self.secret.sign(signed.encode()))}"


def add_verifying_key(house):
    """A key whose secret the test knows, among those that verify: what is refused of its tokens is refused for
    what they say, not for their signature. It never signs: it is older than the gateway's own."""
    key = Key()
    with house.world.db() as db:
        db.execute("INSERT INTO signing_key (kid, public_key, sealed_key, signs_from) SELECT %s, %s, %s, "
                   "min(signs_from) - interval '1 hour' FROM signing_key", (key.kid, key.public, bytes(73)))
    wait_for("the key is in use", lambda: key.kid in kids(house.gateway))
    return key


def kids(gateway):
    return [key["kid"] for key in call(gateway, "GET", "/.well-known/jwks.json").json["keys"]]


def claims_for(house, whose="admin", **other):
    """As the gateway writes them; a value of None takes a claim away."""
    now = int(time.time())
    claims = {"iss": "retentionai", "aud": "retentionai", "sub": str(house.ids[whose]), "client_id": "retentionai",
              "role": whose, "jti": base64url(hashlib.sha256(str(time.perf_counter_ns()).encode()).digest()[:16]),
              "iat": now, "nbf": now, "exp": now + 900, **other}
    return {name: value for name, value in claims.items() if value is not None}
