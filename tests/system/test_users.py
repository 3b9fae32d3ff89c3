# SPDX-License-Identifier: MIT
"""retentionctl users, retentionctl keys: accounts and signing keys in a real PostgreSQL."""
import ctypes
import ctypes.util
import datetime
import hashlib
import json
import os
import pty
import re
import secrets
import select
import subprocess

import psycopg
import pytest

from conftest import BUILD, SLOW

PASSWORD = "seventeen purple Otters swim"
# "imported password", made by another bcrypt.
BCRYPT = "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"
SECRET_KEY = secrets.token_urlsafe(48)


class Tool:
    """retentionctl on a database with tables, nothing else."""

    def __init__(self, world):
        self.world = world
        self.seen = []  # all that was ever printed
        world.ctl("migrate")
        self.database = psycopg.connect(world.environment["DATABASE_URL"], autocommit=True)

    def __call__(self, *arguments, stdin="", status=0, **environment):
        """-> standard output, standard error"""
        done = subprocess.run(
            [BUILD / "bin/retentionctl", *map(str, arguments)], input=stdin, capture_output=True, text=True,
            env={**self.world.environment, **environment}, timeout=60 * SLOW)
        self.seen.append(done.stdout + done.stderr)
        assert done.returncode == status, f"{arguments} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout, done.stderr

    def json(self, *arguments, **other):
        return [json.loads(line) for line in self(*arguments, "--json", **other)[0].splitlines()]

    def rows(self, sql, *values):
        return self.database.execute(sql, values).fetchall()

    def hash_of(self, name):
        return self.rows("SELECT password_hash FROM users WHERE username = %s", name)[0][0]


@pytest.fixture
def tool(bare_world):
    tool = Tool(bare_world)
    yield tool
    tool.database.close()


def is_password(password, hashed):
    """By libsodium itself, not by our code."""
    sodium = ctypes.CDLL(ctypes.util.find_library("sodium"))
    assert sodium.sodium_init() >= 0
    return sodium.crypto_pwhash_str_verify(
        hashed.encode().ljust(128, b"\0"), password.encode(), ctypes.c_ulonglong(len(password.encode()))) == 0


def test_the_first_admin_is_made_with_a_password_from_standard_input(tool):
    printed, _ = tool("users", "add", "Chef.Admin", "--role", "admin", stdin=PASSWORD + "\n")
    assert printed == "chef.admin: added as admin\n"
    hashed = tool.hash_of("chef.admin")
    assert hashed.startswith("$argon2id$") and is_password(PASSWORD, hashed) and not is_password("other", hashed)
    _, words = tool("users", "add", "CHEF.ADMIN", "--role", "hr", stdin=PASSWORD + "\n", status=1)
    assert "there is a user chef.admin already" in words
    assert tool.json("users", "list") == [{
        "id": 1, "username": "chef.admin", "role": "admin", "is_disabled": False,
        "created_at": tool.json("users", "list")[0]["created_at"],
        "password_changed_at": tool.json("users", "list")[0]["password_changed_at"]}]
    assert not any(PASSWORD in text or hashed in text for text in tool.seen)


def test_a_password_can_be_made_and_is_printed_once(tool):
    printed, _ = tool("users", "add", "anna", "--role", "hr", "--generate")
    made = re.fullmatch(r"anna: added as hr\npassword: ([A-Za-z0-9_-]{43})\n", printed).group(1)
    assert is_password(made, tool.hash_of("anna"))
    account, = tool.json("users", "add", "bert", "--role", "service", "--generate")
    assert account["username"] == "bert" and account["role"] == "service" and account["id"] > 0
    assert is_password(account["password"], tool.hash_of("bert"))
    again, = tool.json("users", "reset", "bert", "--generate")
    assert again["password"] != account["password"] and is_password(again["password"], tool.hash_of("bert"))


@pytest.mark.parametrize("password, words", [
    ("", "no password on standard input"), ("elevenchars", "12"), ("password1234", "guess"), ("annaannaanna", "guess"),
    ("x" * 1025, "at most 1024"), ("x" * 2000, "longer than a password"), ("\udcff" * 12 + "abc", "UTF-8")],
    ids=["none", "short", "known", "name", "long", "longer", "no-text"])
def test_what_is_no_password_is_refused_with_the_reason(tool, password, words):
    # As bytes, since one is no text.
    done = subprocess.run(
        [BUILD / "bin/retentionctl", "users", "add", "anna", "--role", "hr"],
        input=password.encode(errors="surrogateescape") + b"\n", capture_output=True, env=tool.world.environment, timeout=60)
    said = done.stderr.decode(errors="replace")
    assert done.returncode == 1 and words in said, said
    assert len(password) < 5 or password.encode(errors="surrogateescape") not in done.stderr
    assert tool.rows("SELECT count(*) FROM users") == [(0,)]
    # What zxcvbn has to say can be turned off, the length cannot.
    weak = {"password1234": 0, "annaannaanna": 0}.get(password, 1)
    tool("users", "add", "anna", "--role", "hr", "--password-score", "0", status=weak,
         stdin="" if weak else password + "\n")


def test_names_and_roles_that_are_none_are_misuse(tool):
    for arguments in (["an", "--role", "hr"], ["a b c", "--role", "hr"], ["anna", "--role", "root"], ["anna"],
                      ["--role", "hr"], ["anna", "bert", "--role", "hr"]):
        tool("users", "add", *arguments, stdin=PASSWORD, status=2)
    tool("users", "invite", "--role", "root", status=2)
    tool("users", "disable", "x", status=2)
    for command in ("disable", "enable", "reset"):
        assert "there is no user nobody" in tool("users", command, "nobody", stdin=PASSWORD, status=1)[1]
    assert tool.rows("SELECT count(*) FROM users") == [(0,)]


def test_a_person_at_a_terminal_is_asked_twice_and_not_shown(tool):
    def typed(*lines):
        """-> exit status, what the terminal showed"""
        parent, child = pty.openpty()
        program = subprocess.Popen(
            [BUILD / "bin/retentionctl", "users", "add", "anna", "--role", "hr"], stdin=child, stdout=child, stderr=child,
            env=tool.world.environment, start_new_session=True)
        os.close(child)
        shown = b""
        waiting = [(b"password: ", lines[0]), (b"once more: ", lines[1])]
        while select.select([parent], [], [], 30 * SLOW)[0]:
            try:
                more = os.read(parent, 4096)
            except OSError:  # the program has ended
                break
            shown += more
            if waiting and shown.endswith(waiting[0][0]):
                os.write(parent, waiting.pop(0)[1].encode() + b"\n")
        os.close(parent)
        return program.wait(30 * SLOW), shown.decode()

    status, shown = typed(PASSWORD, PASSWORD + "!")
    assert status == 1 and "the two differ" in shown and PASSWORD not in shown
    status, shown = typed(PASSWORD, PASSWORD)
    assert status == 0 and "anna: added as hr" in shown and PASSWORD not in shown
    assert is_password(PASSWORD, tool.hash_of("anna"))


def test_disable_and_reset_end_what_was_going_on(tool):
    for name in ("anna", "bert"):
        tool("users", "add", name, "--role", "admin", stdin=PASSWORD)
    ids = dict(tool.rows("SELECT username, id FROM users"))

    def log_in(name, family):
        tool.rows("INSERT INTO refresh_family VALUES (%s, %s, now(), now() + interval '1 day') RETURNING 1", family, ids[name])

    def open_families():
        return {row[0] for row in tool.rows("SELECT family FROM refresh_family WHERE revoked_at IS NULL")}

    def refused_before(name):
        rows = tool.rows("SELECT issued_before FROM revoked_token WHERE kind = 'user' AND id = %s", str(ids[name]))
        return rows[0][0] if rows else None

    for name, family in (("anna", "a1"), ("anna", "a2"), ("bert", "b1")):
        log_in(name, family)
    before = datetime.datetime.now(datetime.timezone.utc)
    assert tool("users", "disable", "Anna") == ("anna: disabled, its sessions are over\n", "")
    assert open_families() == {"b1"}
    assert abs((refused_before("anna") - before).total_seconds()) < 60 and refused_before("bert") is None
    assert [user["is_disabled"] for user in tool.json("users", "list")] == [True, False]
    # Nobody is left who may do everything: that is said, and done.
    assert "no admin is left" in tool("users", "disable", "bert")[1]
    assert tool("users", "enable", "bert")[0] == "bert: enabled\n"
    log_in("bert", "b2")
    first = tool.hash_of("bert")
    tool("users", "reset", "bert", stdin="another " + PASSWORD)
    assert tool.hash_of("bert") != first and is_password("another " + PASSWORD, tool.hash_of("bert"))
    assert open_families() == set() and refused_before("bert") > before


def test_an_invite_is_kept_as_a_hash_only(tool):
    invite, = tool.json("users", "invite", "--role", "viewer", "--expires", "2d")
    expires = datetime.datetime.fromisoformat(invite["expires_at"])
    left = expires - datetime.datetime.now(datetime.timezone.utc)
    assert abs(left - datetime.timedelta(days=2)) < datetime.timedelta(minutes=1)
    stored, = tool.rows("SELECT code_sha256, role, expires_at, used_at FROM user_invite")
    assert stored == (hashlib.sha256(invite["invite"].encode()).hexdigest(), "viewer", expires, None)
    printed, _ = tool("users", "invite")
    assert re.match(r"invite: [A-Za-z0-9_-]{43}\nfor one account as hr, until 20", printed)


def test_accounts_of_another_system_are_imported_all_or_none(tool, tmp_path):
    tool("users", "add", "there", "--role", "admin", stdin=PASSWORD)
    argon2id = tool.hash_of("there")
    csv = tmp_path / "users.csv"
    # As psql's \copy writes the table of the first RetentionAI.
    csv.write_text(
        "id,username,password_hash,created_at\n"
        f"1,HR_Manager,{BCRYPT},2025-01-01 00:00:00\n2,there,{BCRYPT},\n3,zoe,\"{argon2id}\",\n"
        f"4,hr_manager,\"{argon2id}\",\n")
    printed, _ = tool("users", "import", csv, "--role", "hr")
    assert printed == "there: there already\nhr_manager: there already\n2 imported, 2 there already\n"
    assert tool.hash_of("hr_manager") == BCRYPT and tool.hash_of("there") == argon2id
    assert tool.rows("SELECT role FROM users WHERE username = 'zoe'") == [("hr",)]
    again = tool.json("users", "import", csv, "--role", "hr")
    assert [row["is_imported"] for row in again] == [False] * 4 and again[0]["username"] == "hr_manager"

    bad = tmp_path / "bad.csv"
    costly = BCRYPT.replace("$10$", "$31$")
    bad.write_text(
        "username;role;password_hash\n"
        f"fine;viewer;{BCRYPT}\nno name;hr;{BCRYPT}\nplain;hr;correct horse battery\ncostly;hr;{costly}\nboss;root;{BCRYPT}\n")
    _, words = tool("users", "import", bad, status=1)
    assert [re.match(r"line (\d)", line).group(1) for line in words.splitlines()[:4]] == ["3", "4", "5", "6"]
    assert "4 rows can be no accounts, nothing was imported" in words and "correct horse" not in words
    assert tool.rows("SELECT count(*) FROM users") == [(3,)]
    bad.write_text("username,hash\nanna,x\n")
    assert "has no column password_hash" in tool("users", "import", bad, status=1)[1]
    bad.write_text("")
    assert "is empty" in tool("users", "import", bad, status=1)[1]
    tool("users", "import", tmp_path / "absent.csv", status=1)
    # Many, in one statement.
    csv.write_text("username,password_hash,role\n" + "".join(f"user-{i},{BCRYPT},viewer\n" for i in range(5000)))
    assert tool("users", "import", csv)[0] == "5000 imported, 0 there already\n"
    assert len(tool.json("users", "list")) == 5003


def test_keys_are_replaced_without_an_end_for_anybody(tool):
    assert tool.json("keys", "list") == []
    key, = tool.json("keys", "rotate", SECRET_KEY=SECRET_KEY)
    first, = tool.json("keys", "list")
    assert first == {"kid": key["kid"], "does": "signs", "signs_from": key["signs_from"], "verifies_until": None}
    second, = tool.json("keys", "rotate", SECRET_KEY=SECRET_KEY)
    listed = tool.json("keys", "list")
    assert [(key["kid"], key["does"]) for key in listed] == [(second["kid"], "next"), (first["kid"], "signs")]
    times = {name: datetime.datetime.fromisoformat(value) for name, value in
             (("from", listed[0]["signs_from"]), ("until", listed[1]["verifies_until"]))}
    now = datetime.datetime.now(datetime.timezone.utc)
    assert abs(times["from"] - now - datetime.timedelta(minutes=6)) < datetime.timedelta(minutes=1)
    assert times["until"] - times["from"] == datetime.timedelta(minutes=16)
    # A public key of Ed25519 each, and nothing of the secret one but sealed.
    rows = tool.rows("SELECT kid, public_key, sealed_key FROM signing_key")
    assert {row[0] for row in rows} == {first["kid"], second["kid"]}
    assert all(len(row[1]) == 32 and len(row[2]) == 73 for row in rows)
    assert "this key signs" in tool("keys", "retire", first["kid"], status=1)[1]
    third, = tool.json("keys", "rotate", "--in", "0s", SECRET_KEY=SECRET_KEY)
    tool("keys", "retire", first["kid"])
    assert [key["kid"] for key in tool.json("keys", "list") if key["does"] == "signs"] == [third["kid"]]
    assert first["kid"] not in str(tool.json("keys", "list"))
    assert "there is no such key" in tool("keys", "retire", "none", status=1)[1]
    lines = tool("keys", "list")[0].splitlines()
    assert lines[0].split() == ["KEY", "DOES", "SIGNS", "FROM", "VERIFIES", "UNTIL"] and len(lines) == 3


def test_a_secret_key_that_is_none_or_another_one_makes_no_key(tool, tmp_path):
    for bad in ("short", "your-256-bit-secret-your-256-bit-secret", "a" * 64):
        _, words = tool("keys", "rotate", status=1, SECRET_KEY=bad)
        assert "SECRET_KEY" in words and bad not in words
    tool("keys", "rotate", status=2)
    assert tool.rows("SELECT count(*) FROM signing_key") == [(0,)]
    file = tmp_path / "secret"
    file.write_text(SECRET_KEY + "\n")
    tool("keys", "rotate", SECRET_KEY_FILE=str(file))
    tool("keys", "rotate", SECRET_KEY=SECRET_KEY)
    other = secrets.token_urlsafe(48)
    assert "--new-secret" in tool("keys", "rotate", SECRET_KEY=other, status=1)[1]
    assert tool.rows("SELECT count(*) FROM signing_key") == [(2,)]
    changed, = tool.json("keys", "rotate", "--new-secret", SECRET_KEY=other)
    assert [key["kid"] for key in tool.json("keys", "list") if key["does"] == "signs"] == [changed["kid"]]
    for _ in range(5):
        tool("keys", "rotate", SECRET_KEY=other)
    assert "8 keys verify tokens already" in tool("keys", "rotate", SECRET_KEY=other, status=1)[1]
    assert not any(key in text for text in tool.seen for key in (SECRET_KEY, other))
