# SPDX-License-Identifier: MIT
"""Every error that a broker can give a transactional producer, one at a time, in the answer to each of its requests.
The proxy writes it into a real broker's answer: the broker has done what was asked and the worker is told otherwise,
which is the hardest form. What the worker made of it is in its metrics, that nothing was lost or doubled in the audit.

The groups are those of lib/bus/decision.c. Whether an error is fatal, abortable or retriable differs from request to
request, and only the real client says it."""
import re

from audit import audit
from conftest import wait_for
from proxy import (ADD_OFFSETS_TO_TXN, ADD_PARTITIONS_TO_TXN, END_TXN, INIT_PRODUCER_ID, PRODUCE, TXN_OFFSET_COMMIT,
                   kafka_proxy)
from support import Writer, history

INVALID_MSG, MSG_SIZE_TOO_LARGE, COORDINATOR_LOADS, NOT_COORDINATOR, NOT_ENOUGH_REPLICAS = 2, 10, 14, 16, 19
ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, REBALANCE_IN_PROGRESS = 22, 25, 27
TOPIC_NOT_ALLOWED, GROUP_NOT_ALLOWED, TRANSACTIONAL_ID_NOT_ALLOWED = 29, 30, 53
OUT_OF_ORDER, INVALID_PRODUCER_EPOCH, INVALID_TXN_STATE, INVALID_PRODUCER_ID_MAPPING = 45, 47, 48, 49
INVALID_TIMEOUT, CONCURRENT_TRANSACTIONS, UNKNOWN_PRODUCER_ID, FENCED_INSTANCE_ID = 50, 51, 59, 82
INVALID_RECORD, PRODUCER_FENCED, TRANSACTION_ABORTABLE = 87, 90, 120

# What becomes of it: `inside` the client tries again and nobody notices; the transaction is lost (`abort`); the
# client is made anew (`rebuild`), also where it tried again a request that must not come twice (the guard); another
# process has the slot (`taken`) or only an operator can help (`ends`): the worker ends, with this exit status.
TAKEN, ENDS = 3, 1
TABLE = {
    ADD_PARTITIONS_TO_TXN: {
        "inside": [CONCURRENT_TRANSACTIONS, NOT_COORDINATOR, COORDINATOR_LOADS],
        "abort": [TRANSACTION_ABORTABLE], "rebuild": [INVALID_TXN_STATE]},
    PRODUCE: {
        "inside": [NOT_ENOUGH_REPLICAS],
        "abort": [MSG_SIZE_TOO_LARGE, INVALID_MSG, INVALID_RECORD, UNKNOWN_PRODUCER_ID, INVALID_TXN_STATE,
                  TRANSACTION_ABORTABLE],
        "rebuild": [OUT_OF_ORDER], "taken": [INVALID_PRODUCER_EPOCH], "ends": [TOPIC_NOT_ALLOWED]},
    ADD_OFFSETS_TO_TXN: {
        "inside": [CONCURRENT_TRANSACTIONS, NOT_COORDINATOR, COORDINATOR_LOADS],
        "abort": [TRANSACTION_ABORTABLE], "rebuild": [INVALID_TXN_STATE], "taken": [PRODUCER_FENCED]},
    TXN_OFFSET_COMMIT: {
        "abort": [ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, REBALANCE_IN_PROGRESS, FENCED_INSTANCE_ID, GROUP_NOT_ALLOWED,
                  TRANSACTION_ABORTABLE],
        "rebuild": [COORDINATOR_LOADS, NOT_COORDINATOR, INVALID_PRODUCER_ID_MAPPING],
        "taken": [INVALID_PRODUCER_EPOCH, PRODUCER_FENCED]},
    END_TXN: {
        "rebuild": [CONCURRENT_TRANSACTIONS, NOT_COORDINATOR, COORDINATOR_LOADS, INVALID_TXN_STATE,
                    INVALID_PRODUCER_ID_MAPPING, TRANSACTION_ABORTABLE],
        "taken": [INVALID_PRODUCER_EPOCH, PRODUCER_FENCED]},
    INIT_PRODUCER_ID: {
        "inside": [CONCURRENT_TRANSACTIONS, NOT_COORDINATOR, COORDINATOR_LOADS],
        "ends": [INVALID_TIMEOUT, TRANSACTIONAL_ID_NOT_ALLOWED]},
}


def outcomes(worker):
    """-> {"commit": 7, ...}, of the one lane that works here"""
    return {outcome: float(count) for outcome, count in re.findall(
        r'^retentionai_transactions_total\{lane="employee-changes",outcome="(\w+)"\} (\d+)', worker.http("/metrics")[1],
        re.MULTILINE)}


class Flow:
    """A worker behind the proxy, and events a few at a time."""

    def __init__(self, world, proxy):
        self.world, self.proxy, self.writer, self.sent = world, proxy, Writer(world), 0
        self.events = history(100_000, 1)
        leaks = world.directory / "leaks"
        leaks.write_text("leak:librdkafka\n")  # it loses a request that a fatal error overtakes
        self.settings = {"LOG_LEVEL": "info", "LANES": "employee-changes,recorder",
                         "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{proxy.port}", "LSAN_OPTIONS": f"suppressions={leaks}"}
        self.start()

    def start(self):
        self.worker = self.world.start("retentionai-scoring", **self.settings)

    def send(self):
        for _ in range(10):
            self.writer.send(next(self.events))
        self.writer.flush()
        self.sent += 10

    def is_scored(self):
        return self.world.scalar("SELECT count(*) FROM predictions_history") == self.sent

    def settle(self):
        wait_for("scores", lambda: self.is_scored() or not self.worker.running(), 60)

    def tell(self, key, code, expected):
        """-> what becomes of it. The broker has committed: scores may be recorded before the worker ends, or counts."""
        errors = self.proxy.status()["errors"]
        self.proxy.tell(f"error {key} {code}")
        before = {}
        if key == INIT_PRODUCER_ID:
            self.worker.kill()
            self.start()
        else:
            before = outcomes(self.worker)
        self.send()
        wait_for("it was told", lambda: self.proxy.status()["errors"] == errors + 1)
        if expected in ("taken", "ends"):
            wait_for("the worker's end", lambda: not self.worker.running())
        self.settle()
        if not self.worker.running():
            status = self.worker.wait()
            assert status in (TAKEN, ENDS), self.worker.tail()
            self.start()
            self.settle()
            return "taken" if status == TAKEN else "ends"
        if expected in ("rebuild", "abort"):
            wait_for("its count", lambda: outcomes(self.worker).get(expected, 0) > before.get(expected, 0))
        after = outcomes(self.worker)
        if after.get("rebuild", 0) > before.get("rebuild", 0):
            return "rebuild"
        return "abort" if after.get("abort", 0) > before.get("abort", 0) else "inside"


def test_every_error_is_handled_by_the_table(world):
    told, wrong = 0, []
    with kafka_proxy() as proxy:
        flow = Flow(world, proxy)
        flow.send()
        flow.settle()
        for key, expected in TABLE.items():
            for outcome, codes in expected.items():
                for code in codes:
                    found = flow.tell(key, code, outcome)
                    told += 1
                    wrong += [(key, code, outcome, found)] if found != outcome else []
        assert not wrong, f"request, error, expected and found: {wrong}"
        assert len(audit(world).predictions) == flow.sent
        flow.worker.stop()
    print(f"{told} errors")
