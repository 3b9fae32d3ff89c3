# SPDX-License-Identifier: MIT
"""What docker/lib-local/download.sh takes from npm's registry: here a server of the test's own, which gives
what it should, something else, or nothing."""
import contextlib
import functools
import gzip
import hashlib
import http.server
import io
import os
import pathlib
import subprocess
import tarfile
import threading

import pytest

REPO = pathlib.Path(__file__).resolve().parents[2]
LIB = REPO / "docker/lib-local"
FILES = {"page.js": b"one();\n" * 100, "schemas/LICENSE": b"yours\n"}


def tarball(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(f"package/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


@pytest.fixture
def registry(tmp_path):
    """(folder that is served, its address)"""
    served = tmp_path / "served"
    served.mkdir()
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=served)
    handler.log_message = lambda *_: None
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield served, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@contextlib.contextmanager
def given(registry, content):
    place = registry[0] / "@some/thing/-/thing-1.2.3.tgz"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    yield
    place.unlink()


def download(tmp_path, registry, checksum, npmrc=False):
    """-> (exit status, what it said, the folder)"""
    parts, cache = tmp_path / "parts", tmp_path / "cache"
    parts.mkdir(exist_ok=True)
    cache.mkdir(exist_ok=True)
    (parts / "checksums.sha256").write_text(f"{checksum}  some-thing-1.2.3/thing-1.2.3.tgz\n")
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "cache": str(cache), "parts": str(parts)}
    if npmrc:
        (tmp_path / ".npmrc").write_text(f"fund=false\nregistry = {registry[1]}\n")
    else:
        environment["npm_config_registry"] = registry[1]
    script = f"""set -u; . {LIB}/process.sh; . {LIB}/download.sh
        download_npm "$cache/some-thing-1.2.3" "a thing" @some/thing 1.2.3 {' '.join(FILES)}"""
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stderr, cache / "some-thing-1.2.3"


def sha256(content):
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("npmrc", [False, True])
def test_the_files_are_unpacked_and_compressed_beside(tmp_path, registry, npmrc):
    content = tarball({**FILES, "not-wanted.js": b"two();\n"})
    with given(registry, content):
        status, said, folder = download(tmp_path, registry, sha256(content), npmrc)
    assert status == 0, said
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert {name: content for name, content in found.items() if not name.endswith(".gz")} == FILES
    assert {name: gzip.decompress(content) for name, content in found.items() if name.endswith(".gz")} == \
        {name + ".gz": content for name, content in FILES.items()}
    # A second call asks nobody: the server has nothing any more.
    assert download(tmp_path, registry, sha256(content))[0] == 0


def test_another_content_is_refused_and_the_right_one_taken_afterwards(tmp_path, registry):
    content = tarball(FILES)
    for bad in (tarball({**FILES, "page.js": b"steal();\n"}), content[:-10], b""):
        with given(registry, bad):
            status, said, folder = download(tmp_path, registry, sha256(content))
        assert status != 0 and "not the ones we know" in said, said
        assert not folder.exists()
    with given(registry, content):
        status, said, folder = download(tmp_path, registry, sha256(content))
    assert status == 0 and folder.is_dir() and "starting it again" in said, said


def test_a_registry_that_gives_nothing_is_told(tmp_path, registry):
    status, said, folder = download(tmp_path, registry, "0" * 64)
    assert status != 0 and "npm_config_registry" in said and not folder.exists(), said


def test_a_tarball_without_a_file_that_is_wanted_is_refused(tmp_path, registry):
    content = tarball({"page.js": b"one();\n"})
    with given(registry, content):
        status, said, folder = download(tmp_path, registry, sha256(content))
    assert status != 0 and not folder.exists(), said
