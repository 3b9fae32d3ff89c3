# SPDX-License-Identifier: MIT
"""lib/bus against the real broker: the cases are in bus.c."""
import os
import secrets
import signal
import subprocess

from conftest import BUILD, SLOW


def test_bus(stack):
    broker = stack.pid("kafka")
    environment = dict(os.environ, KAFKA_BOOTSTRAP_SERVERS=stack.kafka, KAFKA_PID=str(broker),
                       TOPIC_PREFIX=f"t{secrets.token_hex(4)}-")
    try:
        done = subprocess.run([BUILD / "bin/system-bus"], env=environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=100 * SLOW)
    finally:
        os.kill(broker, signal.SIGCONT)  # it is stopped in one of the cases, which may have died there
    assert done.returncode == 0, done.stdout + done.stderr
