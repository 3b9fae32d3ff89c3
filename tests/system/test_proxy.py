# SPDX-License-Identifier: MIT
"""The proxy does what it is told, and nothing else: what tests with it show rests on that."""
import contextlib
import socket
import struct
import threading
import time

import pytest
from confluent_kafka.admin import AdminClient

from conftest import wait_for
from proxy import END_TXN, FETCH, METADATA, PRODUCE, Proxy, kafka_proxy
from support import quiet


class Echo:
    """A server that sends back what comes, and keeps it."""

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port, self.got, self.ended = self.listener.getsockname()[1], [], []
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self.answer, args=self.listener.accept()[:1], daemon=True).start()

    def answer(self, connection):
        with contextlib.suppress(OSError), connection:
            while data := connection.recv(65536):
                self.got.append(data)
                connection.sendall(data)
            self.ended.append(True)


def request(key, body=b"body"):
    return struct.pack(">IH", 2 + len(body), key) + body


def receive(client, count):
    data = b""
    while len(data) < count:
        piece = client.recv(count - len(data))
        assert piece, "the connection has ended"
        data += piece
    return data


@pytest.fixture
def echo():
    with Echo() as echo:
        yield echo


@pytest.fixture
def proxy(echo):
    with Proxy(echo.port, is_kafka=True) as proxy:
        yield proxy


def client_of(proxy):
    return socket.create_connection(("127.0.0.1", proxy.port), 5)


def test_everything_passes_and_requests_are_counted(proxy):
    client, sent = client_of(proxy), b"".join(request(key, bytes(key * 1000)) for key in (0, 1, 26, 1))
    for at in range(0, len(sent), 7):  # heads come in pieces, too
        client.sendall(sent[at:at + 7])
    assert receive(client, len(sent)) == sent
    assert {key: count for key, count in proxy.status().items() if isinstance(key, int)} == {0: 1, 1: 2, 26: 1}
    client.close()
    wait_for("the link is over", lambda: proxy.status()["links"] == 0)


def test_a_held_request_stops_its_connection_alone_and_outlives_its_client(proxy, echo):
    proxy.tell(f"hold {END_TXN} 1")
    first, second = client_of(proxy), client_of(proxy)
    first.sendall(request(END_TXN, b"goes on"))
    assert receive(first, 13) == request(END_TXN, b"goes on")
    first.sendall(request(END_TXN, b"is held") + request(PRODUCE, b"behind it"))
    wait_for("it is held", lambda: proxy.status()["held"] == 1)
    second.sendall(request(END_TXN, b"passes"))
    assert receive(second, 12) == request(END_TXN, b"passes")
    first.close()
    assert b"is held" not in b"".join(echo.got)
    assert proxy.tell("release")["held"] == 0
    wait_for("it comes late", lambda: b"".join(echo.got).endswith(
        request(END_TXN, b"is held") + request(PRODUCE, b"behind it")))
    wait_for("it was answered", lambda: proxy.status()["late"] == 1)
    assert proxy.status()["links"] == 1


def test_what_is_held_can_be_forgotten(proxy, echo):
    proxy.tell(f"hold {FETCH}")
    client = client_of(proxy)
    client.sendall(request(FETCH))
    wait_for("it is held", lambda: proxy.status()["held"] == 1)
    assert proxy.tell("forget")["links"] == 0
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    assert echo.got == []


def test_an_answer_gets_another_error_code(proxy):
    """The echo of such a request is an answer to it: its key and version are the correlation id."""
    def end_txn(code):
        return struct.pack(">IHHIh", 10, END_TXN, 1, END_TXN << 16 | 1, code)
    client, others = client_of(proxy), request(FETCH) + request(PRODUCE, bytes(100))
    proxy.tell(f"error {END_TXN} 51 1")
    for code in (0, 51, 0):
        for at in range(0, 14, 5):  # in pieces
            client.sendall(end_txn(0)[at:at + 5])
        client.sendall(others)
        assert receive(client, 14 + len(others)) == end_txn(code) + others
    assert proxy.status()["errors"] == 1


def test_a_delay_lasts_and_keeps_the_order(proxy):
    client = client_of(proxy)
    proxy.tell("delay 100 50")
    began = time.monotonic()
    for i in range(20):
        client.sendall(request(i, b"%02d" % i))
    assert receive(client, 20 * 8) == b"".join(request(i, b"%02d" % i) for i in range(20))
    assert time.monotonic() - began >= 0.2  # both ways


def test_a_blackhole_swallows_nothing(proxy):
    client = client_of(proxy)
    proxy.tell("blackhole on")
    client.sendall(request(PRODUCE))
    client.settimeout(0.3)
    with pytest.raises(TimeoutError):
        client.recv(1)
    proxy.tell("blackhole off")
    client.settimeout(5)
    assert receive(client, 10) == request(PRODUCE)


def test_a_cut_resets_and_an_end_ends(proxy, echo):
    client = client_of(proxy)
    client.sendall(request(PRODUCE))
    receive(client, 10)
    proxy.tell("end client")
    wait_for("the server has seen the end", lambda: echo.ended)
    client = client_of(proxy)
    client.sendall(request(PRODUCE))
    receive(client, 10)
    proxy.tell("cut")
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    proxy.tell("refuse on")
    with client_of(proxy) as client, contextlib.suppress(ConnectionResetError):
        assert client.recv(1) == b""
    proxy.tell("heal")
    client = client_of(proxy)
    client.sendall(request(PRODUCE))
    assert receive(client, 10) == request(PRODUCE)


def test_clients_of_kafka_stay_on_the_proxy(stack):
    with kafka_proxy() as proxy:
        admin = AdminClient(quiet(f"127.0.0.1:{proxy.port}"))
        brokers = admin.list_topics(timeout=20).brokers.values()
        assert [broker.port for broker in brokers] == [proxy.port]
        assert proxy.status()[METADATA] > 0
