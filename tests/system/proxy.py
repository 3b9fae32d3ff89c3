# SPDX-License-Identifier: MIT
"""The proxy that misbehaves on demand (tests/support/proxy), between programs of ours and a server."""
import socket
import subprocess

from conftest import BUILD, SERVICES, free_port, wait_for

PRODUCE, FETCH, METADATA = 0, 1, 3
INIT_PRODUCER_ID, ADD_PARTITIONS_TO_TXN, ADD_OFFSETS_TO_TXN, END_TXN, TXN_OFFSET_COMMIT = 22, 24, 25, 26, 28


class Proxy:
    """Runs from the start of a with block to its end. What it is told is done when `tell` returns."""

    def __init__(self, to_port, listen_port=None, is_kafka=False):
        self.port, self.control_port = listen_port or free_port(), free_port()
        self.arguments = [BUILD / "bin/retentionai-proxy", "--listen", str(self.port), "--to", str(to_port),
                          "--control", str(self.control_port), *(["--kafka"] if is_kafka else [])]

    def __enter__(self):
        self.process = subprocess.Popen(self.arguments, stdin=subprocess.DEVNULL)

        def connect():
            assert self.process.poll() is None, f"the proxy ended with {self.process.returncode}"
            try:
                return socket.create_connection(("127.0.0.1", self.control_port), 5)
            except ConnectionRefusedError:
                return None
        self.control = wait_for("the proxy", connect)
        self.lines = self.control.makefile("r")
        return self

    def __exit__(self, *_):
        self.control.close()
        self.process.kill()
        self.process.wait()

    def tell(self, command):
        """-> {"links": 3, "held": 0, 26: 17 (requests with that ApiKey)}"""
        self.control.sendall(command.encode() + b"\n")
        answer = self.lines.readline().split()
        assert answer[:1] == ["ok"], f"{command}: {answer}"
        pairs = (pair.split("=") for pair in answer[1:])
        return {int(name) if name.isdigit() else name: int(value) for name, value in pairs}

    def status(self):
        return self.tell("status")


def kafka_proxy():
    """In front of the broker's listener for it: clients with its port as their bootstrap server stay on it."""
    at, advertised = (SERVICES / "kafka/proxied").read_text().split(":")
    return Proxy(int(at), int(advertised), is_kafka=True)
