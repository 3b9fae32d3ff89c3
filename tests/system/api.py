# SPDX-License-Identifier: MIT
"""A client of the gateway that has nothing to do with our code: what a call said, whatever its status."""
import http.client
import json
import urllib.parse

from conftest import SLOW

USER, PASSWORD = "hr_manager", "securepassword"


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        """Of a problem."""
        assert self.headers["Content-Type"] == "application/problem+json", (self.status, self.headers, self.body)
        problem = self.json
        assert problem["status"] == self.status, problem
        return problem["code"]

    def fields(self):
        """Of a problem: {field: code}."""
        return {error["field"]: error["code"] for error in self.json.get("errors", [])}

    def __repr__(self):
        return f"<{self.status} {self.body[:500]!r}>"


class Api:
    """Calls of one user (none: nobody) on a connection of their own."""

    def __init__(self, url, token=None):
        self.url, self.token = url, token
        parts = urllib.parse.urlsplit(url)
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=90 * SLOW)

    def call(self, method, path, body=None, **headers):
        """`body`: JSON of anything but bytes and text. Headers with _ for -."""
        sent = {name.replace("_", "-"): str(value) for name, value in headers.items()}
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        if self.token is not None:
            sent.setdefault("Authorization", "Bearer " + self.token)
        try:
            self.connection.request(method, path, body, sent)
            answer = self.connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        except (http.client.HTTPException, OSError):
            self.connection.close()
            raise

    def get(self, path, **headers):
        return self.call("GET", path, **headers)

    def post(self, path, body=None, **headers):
        return self.call("POST", path, body, **headers)

    def login(self, name=USER, password=PASSWORD):
        """-> a client with that user's token (and `refresh_token`)"""
        answer = self.post("/login", {"username": name, "password": password})
        assert answer.status == 200, answer
        user = Api(self.url, answer.json["access_token"])
        user.refresh_token = answer.json["refresh_token"]
        return user

    def register(self, name=USER, password=PASSWORD):
        """-> the same of somebody new, who gets the role hr"""
        answer = self.post("/register", {"username": name, "password": password})
        assert answer.status == 201, answer
        return self.login(name, password)
