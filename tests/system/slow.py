# SPDX-License-Identifier: MIT
"""A thousand clients that are slow on purpose: slowhttptest against a gateway."""
import subprocess

from conftest import wait_for

CLIENTS = 1000
# What it does to which address: it sends a head's lines one by one, a body's bytes, or reads an answer five bytes a
# second, through the smallest window that the kernel gives.
ATTACKS = {
    "headers": ("/livez", "-H", "-i", "1"),
    "bodies": ("/login", "-B", "-i", "1", "-s", "8192", "-t", "POST", "-f", "application/json"),
    "reads": ("/openapi.json", "-X", "-k", "3", "-n", "1", "-z", "5", "-w", "1", "-y", "2"),
}


class Attack:
    """Begun when all clients are there; ended with the block."""

    def __init__(self, gateway, kind, directory):
        path, *options = ATTACKS[kind]
        self.gateway = gateway
        self.log = directory / f"slowhttptest-{kind}"
        self.command = ["slowhttptest", *options, "-c", str(CLIENTS), "-r", str(CLIENTS), "-l", "600", "-p", "5",
                        "-u", gateway.url + path, "-v", "0"]

    def clients(self):
        return self.gateway.metric("retentionai_http_connections")

    def __enter__(self):
        with open(self.log, "wb") as out:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        try:
            wait_for("its thousand clients", lambda: self.clients() >= CLIENTS * 0.95, 30)
        except AssertionError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
