# SPDX-License-Identifier: MIT
"""lib/bus against the real broker: the cases are in bus.c."""
import os
import secrets
import subprocess

from conftest import BUILD, SLOW


def test_bus(stack):
    environment = dict(os.environ, KAFKA_BOOTSTRAP_SERVERS=stack.kafka, KAFKA_PID=str(stack.pid("kafka")),
                       TOPIC_PREFIX=f"t{secrets.token_hex(4)}-")
    done = subprocess.run([BUILD / "bin/system-bus"], env=environment, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=100 * SLOW)
    assert done.returncode == 0, done.stdout + done.stderr
