# SPDX-License-Identifier: MIT
"""The language model's stand-in as tests run it: its process, its pages, and requests as it wants them."""
import http.client
import json
import signal
import socket
import subprocess
import time

from conftest import BUILD, SLOW, wait_for

GEMINI = "/v1beta/models/gemini-3.8-flash:generateContent"
OPENAI = "/v1/chat/completions"
KEY = "AQ.sesame"
SYSTEM = "Propose three retention actions as one JSON object."
FACTS = {"language": "en", "risk": "high", "facts": {"overtime": "yes", "business travel": "frequent"}}
STRINGS = {"type": "STRING"}


class Stub:
    def __init__(self, directory, *arguments):
        self.directory = directory
        port_file = directory / "port"
        port_file.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [BUILD / "bin/retentionai-stub-llm", "--port", "0", "--port-file", port_file, *map(str, arguments)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

        def told():
            assert self.process.poll() is None, self.process.stderr.read()
            return port_file.exists()
        wait_for("the port", told)
        self.port = int(port_file.read_text())

    def stop(self):
        """-> seconds that SIGTERM took"""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(10 * SLOW) == 0, self.process.stderr.read()
        self.process.stderr.close()
        return time.monotonic() - began

    def connect(self, seconds=20):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds * SLOW)

    def ask(self, method, path, body=None, headers=None):
        """-> (status, headers, bytes)"""
        connection = self.connect()
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def script(self, *steps):
        status, _, body = self.ask("PUT", "/script", json.dumps(steps))
        assert status == 200, body

    def stats(self, method="GET"):
        return json.loads(self.ask(method, "/stats")[2])

    def gemini(self, change=None, user=FACTS, path=GEMINI, headers=None):
        return self.ask("POST", path, json.dumps(gemini_body(user) | (change or {})), headers or gemini_headers())

    def openai(self, user=FACTS):
        return self.ask("POST", OPENAI, json.dumps(openai_body(user)), openai_headers())

    def raw(self, body=None):
        """A socket on which a request was sent."""
        data = json.dumps(body or gemini_body()).encode()
        head = (f"POST {GEMINI} HTTP/1.1\r\nHost: x\r\nx-goog-api-key: {KEY}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(data)}\r\n\r\n")
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=20 * SLOW)
        connection.sendall(head.encode() + data)
        return connection


def gemini_headers():
    return {"x-goog-api-key": KEY, "Content-Type": "application/json"}


def openai_headers():
    return {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}


def gemini_body(user=FACTS):
    names = ["action_1", "action_2", "action_3"]
    return {"systemInstruction": {"parts": [{"text": SYSTEM}]},
            "contents": [{"role": "user", "parts": [{"text": json.dumps(user)}]}],
            "generationConfig": {"maxOutputTokens": 2048, "responseMimeType": "application/json",
                                 "responseSchema": {"type": "OBJECT", "properties": dict.fromkeys(names, STRINGS),
                                                    "required": names}},
            "store": False}


def openai_body(user=FACTS):
    return {"model": "local", "max_tokens": 2048,
            "messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": json.dumps(user)}]}
