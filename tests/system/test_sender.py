# SPDX-License-Identifier: MIT
"""lib/bus/sender against the real broker, which goes away and comes back: the cases are in sender.c."""
import os
import secrets
import subprocess

from conftest import BUILD, REPO, SERVICES, SLOW
from proxy import PRODUCE, kafka_proxy

NOT_LEADER_OR_FOLLOWER = 6


def test_sender(stack):
    local = f"{REPO}/docker/local --dir {SERVICES}"
    with kafka_proxy() as proxy:
        lie = f"exec 3<>/dev/tcp/127.0.0.1/{proxy.control_port}; echo errors {PRODUCE} {NOT_LEADER_OR_FOLLOWER} >&3; read -r <&3"
        environment = dict(os.environ, KAFKA_BOOTSTRAP_SERVERS=stack.kafka, TOPIC_PREFIX=f"t{secrets.token_hex(4)}-",
                           PROXIED_SERVERS=f"127.0.0.1:{proxy.port}", PROXY_LIE=f"bash -c '{lie}'",
                           **{f"KAFKA_{verb.upper()}": f"{local} {verb} kafka >/dev/null" for verb in ("kill", "stop", "start")})
        try:
            done = subprocess.run([BUILD / "bin/system-sender"], env=environment, stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True, timeout=180 * SLOW)
        finally:
            stack.start("kafka")
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout)
