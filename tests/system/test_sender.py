# SPDX-License-Identifier: MIT
"""lib/bus/sender against the real broker, which goes away and comes back: the cases are in sender.c."""
import os
import secrets
import subprocess

from conftest import BUILD, REPO, SERVICES, SLOW


def test_sender(stack):
    local = f"{REPO}/docker/local --dir {SERVICES}"
    environment = dict(os.environ, KAFKA_BOOTSTRAP_SERVERS=stack.kafka, TOPIC_PREFIX=f"t{secrets.token_hex(4)}-",
                       **{f"KAFKA_{verb.upper()}": f"{local} {verb} kafka >/dev/null" for verb in ("kill", "stop", "start")})
    try:
        done = subprocess.run([BUILD / "bin/system-sender"], env=environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=180 * SLOW)
    finally:
        stack.start("kafka")
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout)
