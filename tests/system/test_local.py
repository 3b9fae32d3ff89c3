# SPDX-License-Identifier: MIT
"""docker/local under the accidents that happen to it: repeated, killed, a port that is taken, a process
id that is somebody else's now."""
import json
import os
import pathlib
import socket
import subprocess
import urllib.request

import pytest

from conftest import REPO, wait_for


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """Runs docker/local on a directory of this file's own -> (status, output)."""
    directory = tmp_path_factory.mktemp("local") / "stack"

    def run(*arguments, **environment):
        done = subprocess.run(
            [REPO / "docker/local", "--dir", directory, *arguments], stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=240, env={**os.environ, **environment})
        return done.returncode, done.stdout + done.stderr

    run.directory = directory
    status, output = run("up", "--services", "--free-ports")
    assert status == 0, output
    yield run
    status, output = run("down", "--wipe")
    assert status == 0 and not directory.exists(), output


def pids(local):
    return {path.name: path.read_text() for path in (local.directory / "run").glob("*.pid")}


def environment_of(local):
    return dict(line.split("=", 1) for line in local("env")[1].splitlines())


def states(local):
    """-> {service: its state}, as `status` says."""
    lines = local("status")[1].splitlines()
    return {line.split()[0]: " ".join(line.split()[4:]) for line in lines if " process " in line}


def test_up_again_changes_nothing(local):
    before = pids(local)
    status, output = local("up", "--services")
    assert status == 0, output
    assert pids(local) == before and len(before) == 3


def test_what_was_killed_is_named_and_started_again(local):
    local("kill", "registry")
    assert local("status")[0] == 3
    assert states(local)["registry"] == "died" and states(local)["postgres"] == "running"
    status, output = local("up", "--services")
    assert status == 0, output
    assert "registry   was not stopped but is gone" in output


def test_a_process_id_that_belongs_to_somebody_else_now_is_left_alone(local):
    assert local("stop", "registry")[0] == 0
    boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    with subprocess.Popen(["sleep", "600"]) as stranger:
        try:
            (local.directory / "run/registry.pid").write_text(f"{stranger.pid} 1 {boot}\n")
            assert states(local)["registry"] == "died"
            assert local("stop", "registry")[0] == 0
            assert stranger.poll() is None
        finally:
            stranger.kill()
    assert local("start", "registry")[0] == 0


def test_a_busy_port_is_reported_with_the_process_that_has_it(local):
    assert local("stop", "registry")[0] == 0
    port = int(environment_of(local)["SCHEMA_REGISTRY_URL"].split(":")[2].split("/")[0])
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        status, output = local("start", "registry")
    assert status != 0
    assert f"port {port} is taken by process {os.getpid()} (" in output
    assert "LOCAL_REGISTRY_PORT" in output
    assert local("start", "registry")[0] == 0


def test_another_port_for_a_running_service_is_refused(local):
    status, output = local("up", "--services", LOCAL_KAFKA_PORT="19999")
    assert status != 0 and "first docker/local down" in output
    status, output = local("up", "--services", LOCAL_KAFKA_PORT="70000")
    assert status == 2 and "70000 is no port" in output


def test_a_port_on_which_nothing_came_up_is_not_remembered(local):
    assert local("stop", "registry")[0] == 0
    before = (local.directory / "ports").read_text()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        status, output = local("up", "--services", LOCAL_REGISTRY_PORT=str(taken.getsockname()[1]))
    assert status == 1 and "is taken by process" in output
    assert (local.directory / "ports").read_text() == before
    assert local("start", "registry")[0] == 0


def test_wrong_calls_end_with_status_2_and_point_to_the_help(local):
    for call in (("up", "--nonsense"), ("demo", "now"), ("down", "x"), ("start", "cassandra")):
        status, output = local(*call)
        assert status == 2 and "docker/local --help" in output, call


def test_two_at_once_wait_for_each_other(local):
    assert local("stop", "registry")[0] == 0
    command = [REPO / "docker/local", "--dir", local.directory, "up", "--services"]
    both = [subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True) for _ in range(2)]
    outputs = [process.communicate(timeout=240)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert sum("registry   is up" in output for output in outputs) == 1, outputs


def test_the_language_models_stand_in_counts_from_when_it_was_asked_for(local):
    assert "stub-llm" not in states(local) and "GEMINI_BASE_URL" not in environment_of(local)
    status, output = local("up", "--services", "--stub-llm")
    assert status == 0 and "stub-llm   is up on" in output, output
    url = environment_of(local)["GEMINI_BASE_URL"]
    with urllib.request.urlopen(f"{url}/stats", timeout=5) as answer:
        assert json.load(answer)["calls"] == 0
    assert states(local)["stub-llm"] == "running"
    assert local("kill", "stub-llm")[0] == 0 and states(local)["stub-llm"] == "died"
    assert local("start", "stub-llm")[0] == 0 and states(local)["stub-llm"] == "running"
    assert local("stop", "stub-llm")[0] == 0
    assert "stub-llm" not in states(local) and "GEMINI_BASE_URL" not in environment_of(local)


def test_a_folder_of_somebody_else_is_never_used_or_wiped(local, tmp_path):
    (tmp_path / "precious").write_text("x")
    for command in (("up", "--services"), ("down", "--wipe")):
        subprocess.run([REPO / "docker/local", "--dir", tmp_path, *command], stdin=subprocess.DEVNULL,
                       capture_output=True, timeout=60)
        assert (tmp_path / "precious").read_text() == "x"
        assert len(list(tmp_path.iterdir())) == 1


def test_a_killed_kafka_leads_no_partition_before_it_has_joined_again(local):
    """By the place it had before, it would lose ends of transactions: see kafka_fence."""
    local("kill", "kafka")
    status, output = local("start", "kafka")
    assert status == 0, output
    assert "was killed: its controller first gives up" in output

    def said():
        log = (local.directory / "log/kafka.log").read_text().rpartition("\n--- ")[2]
        return log.partition("Successfully registered broker 1")
    wait_for("the groups are read", lambda: said()[2].count("Scheduling loading of metadata from __consumer_off") == 4)
    before, joined, _ = said()
    assert joined and "loading of metadata" not in before


def test_secrets_are_readable_by_their_owner_only(local):
    files = list((local.directory / "secrets").iterdir())
    assert files
    assert all(path.stat().st_mode & 0o077 == 0 for path in files)
    assert (local.directory / "secrets").stat().st_mode & 0o077 == 0
