# SPDX-License-Identifier: MIT
"""docker/local under the accidents that happen to it: repeated, killed, interrupted, a port that is taken,
a process id that is somebody else's now, another user's directory."""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time
import urllib.request

import pytest

from conftest import BUILD, REPO, SLOW, wait_for


def command(directory, *arguments):
    return [REPO / "docker/local", "--dir", directory, *arguments]


def called(words, **environment):
    """-> (status, output)"""
    done = subprocess.run(
        words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240,
        env={**os.environ, "LOCAL_PRESET": BUILD.name, **environment})
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """Runs docker/local on a directory of this file's own, whose name needs care -> (status, output)."""
    directory = tmp_path_factory.mktemp("local") / "Bob's [own] stack $1"

    def run(*arguments, **environment):
        return called(command(directory, *arguments), **environment)

    run.directory = directory
    status, output = run("up", "--services", "--stub-llm", "--free-ports")
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


def port_of(local, name):
    ports = dict(line.split("=") for line in (local.directory / "ports").read_text().splitlines())
    return int(ports[name])


def listening(port):
    taken = socket.socket()
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    taken.bind(("127.0.0.1", port))
    taken.listen()
    return taken


def test_up_again_changes_nothing(local):
    before = pids(local)
    status, output = local("up", "--services")
    assert status == 0, output
    assert pids(local) == before and len(before) == 4


def test_what_was_killed_is_named_and_started_again(local):
    local("kill", "registry"), local("kill", "stub-llm")
    assert local("status")[0] == 3
    assert states(local)["registry"] == states(local)["stub-llm"] == "died" and states(local)["postgres"] == "running"
    status, output = local("up", "--services", "--stub-llm")
    assert status == 0, output
    for name in ("registry", "stub-llm"):
        assert f"{name:10} was not stopped but is gone" in output


def test_a_process_id_that_belongs_to_somebody_else_now_is_left_alone(local):
    assert local("stop", "stub-llm")[0] == 0
    boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    with subprocess.Popen(["sleep", "600"]) as stranger:
        try:
            (local.directory / "run/stub-llm.pid").write_text(f"{stranger.pid} 1 {boot}\n")
            assert states(local)["stub-llm"] == "died"
            assert local("stop", "stub-llm")[0] == 0
            assert stranger.poll() is None
        finally:
            stranger.kill()
    assert local("start", "stub-llm")[0] == 0


def test_a_busy_port_is_reported_with_the_process_that_has_it_or_another_is_taken(local):
    assert local("stop", "stub-llm")[0] == 0
    port = port_of(local, "stub-llm")
    with listening(port):
        status, output = local("start", "stub-llm")
        assert status != 0 and f"port {port} is taken by process {os.getpid()} (" in output
        assert "LOCAL_STUB_LLM_PORT" in output and "--free-ports" in output
        before = {name: port_of(local, name) for name in ("kafka", "postgres", "scoring")}
        status, output = local("up", "--services", "--stub-llm", "--free-ports")
        assert status == 0 and f"port {port} is taken by process {os.getpid()} (" in output, output
        assert port_of(local, "stub-llm") != port and states(local)["stub-llm"] == "running"
        assert {name: port_of(local, name) for name in before} == before


def test_another_port_for_a_running_service_is_refused(local):
    status, output = local("up", "--services", LOCAL_KAFKA_PORT="19999")
    assert status != 0 and "first docker/local down" in output
    status, output = local("up", "--services", LOCAL_KAFKA_PORT="70000")
    assert status == 2 and "70000 is no port" in output


def test_a_port_on_which_nothing_came_up_is_not_remembered(local):
    assert local("stop", "stub-llm")[0] == 0
    before = (local.directory / "ports").read_text()
    with listening(0) as taken:
        status, output = local("up", "--services", "--stub-llm", LOCAL_STUB_LLM_PORT=str(taken.getsockname()[1]))
    assert status == 1 and "is taken by process" in output
    assert (local.directory / "ports").read_text() == before


@pytest.mark.parametrize("call, word", [
    (("up", "--nonsense"), "--nonsense"), (("demo", "now"), "now"), (("down", "x"), "x"), (("frob",), "frob"),
    (("start", "cassandra"), "one of postgres kafka"), (("start",), "one of postgres kafka"), (("status", "x"), "status"),
    (("env", "x"), "env"), (("logs", "kafka", "postgres"), "kafka and postgres"), (("logs",), "of what"), (("--dir",), "--dir"), (("--dir=", "up"), "--dir"),
])
def test_wrong_calls_end_with_status_2_name_the_mistake_and_point_to_the_help(local, call, word):
    status, output = local(*call)
    assert status == 2 and "docker/local --help" in output and word in output and len(output.splitlines()) == 1, output


def test_what_is_not_there_or_does_not_run_is_said(local, tmp_path):
    status, output = local("logs", "frob")
    assert status == 1 and "no log of frob" in output and "kafka postgres registry stub-llm" in output
    local("stop", "stub-llm")
    assert local("stop", "stub-llm") == (0, "stub-llm   does not run\n")
    new = command(tmp_path / "new", "down")
    assert called(new) == (0, f"nothing to stop: {tmp_path}/new does not exist\n")
    assert called(command(tmp_path / "new", "up"), LOCAL_KAFKA_PORT="0")[0] == 2
    assert called(new) == (0, f"nothing runs in {tmp_path}/new\n")
    assert called(command(tmp_path / "new", "psql"))[1].count("docker/local up") == 1
    status, output = called(command(tmp_path / "a,b", "up"))
    assert status == 1 and "no comma" in output and not (tmp_path / "a,b").exists()


def test_two_at_once_wait_for_each_other(local):
    local("stop", "stub-llm")
    both = [subprocess.Popen(command(local.directory, "up", "--services", "--stub-llm"), stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                             env={**os.environ, "LOCAL_PRESET": BUILD.name}) for _ in range(2)]
    outputs = [process.communicate(timeout=240)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert sum("stub-llm   is up" in output for output in outputs) == 1, outputs


def test_ctrl_c_ends_all_that_was_begun_and_leaves_what_runs(local):
    """The registry is made to hang, so that there is something to wait for in the background."""
    before = pids(local)
    registry = int(before["registry.pid"].split()[0])
    os.kill(registry, signal.SIGSTOP)
    try:
        up = subprocess.Popen(command(local.directory, "up", "--services"), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, process_group=0)
        assert any("kafka      runs" in line for line in up.stdout)
        os.killpg(up.pid, signal.SIGINT)
        began = time.monotonic()
        said = up.communicate(timeout=60)[0]  # ends when nobody can write any more
        assert time.monotonic() - began < 5 * SLOW and up.returncode == 130
        assert "docker/local: interrupted" in said and "still waiting" not in said, said
    finally:
        os.kill(registry, signal.SIGCONT)
    status, output = local("up", "--services")
    assert status == 0 and pids(local) == before, output


def test_an_environment_can_be_read_by_a_shell_whatever_the_repository_is_called(local, tmp_path):
    shutil.copytree(REPO / "docker", tmp_path / "re $po's" / "docker")
    script = 'set -a; . <("$0" --dir "$1" env); printf %s "$MODEL_FILE"'
    status, output = called(["bash", "-c", script, tmp_path / "re $po's/docker/local", local.directory])
    assert (status, output) == (0, f"{tmp_path}/re $po's/models/attrition.json")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_another_users_directory_is_told_by_its_owners_name(local):
    mark = local.directory / ".retentionai-local"
    os.chown(mark, 65534, -1)
    try:
        for call in (("up", "--services"), ("demo",), ("start", "kafka")):
            status, output = local(*call)
            assert status == 1 and f"{local.directory} belongs to nobody: call this as that user" in output, output
        assert states(local)["kafka"] == "running"
    finally:
        os.chown(mark, 0, -1)


def test_a_full_disk_is_told_before_anything_starts(tmp_path):
    (tmp_path / "small").mkdir()
    small = 'mount -t tmpfs -o size=20m none "$1" && shift && exec "$@"'
    words = ["unshare", "-rm", "sh", "-c", small, "sh", tmp_path / "small"]
    if called([*words, "true"])[0] != 0:
        pytest.skip("no file system can be mounted here")
    status, output = called([*words, *command(tmp_path / "small/stack", "up", "--services")])
    assert status == 1 and "MB are free where" in output and len(output.splitlines()) == 1, output


def test_the_language_models_stand_in_counts_from_when_it_was_asked_for(local):
    local("stop", "stub-llm")
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
