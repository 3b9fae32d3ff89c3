# SPDX-License-Identifier: MIT
"""The retention worker and a language model that fails in every documented way: whatever it answers, an
episode and a person's request each end in one plan or one refusal that says why.

FAULT_CALLS says how many calls the random run makes."""
import collections
import datetime
import io
import json
import os
import re
import subprocess
import threading
import time
import uuid
import zoneinfo

import fastavro
import pytest
from confluent_kafka import Producer
from confluent_kafka.schema_registry import SchemaRegistryClient

from conftest import BUILD, EMPLOYEES_CSV, REPO, SLOW, World, wait_for
from stub import KEY, Stub
from support import ATTRIBUTES, PLAN_REQUESTS, PLANS, Writer, chance, change, decoded, frame, partition_of, quiet

CALLS = int(os.environ.get("FAULT_CALLS", 600))
IS_LONG = "FAULT_CALLS" in os.environ
MINUTE_MS = 60_000

# What a fault is called in the ledger, by what the worker does about it.
ANSWERED = {
    "good:plain": "accepted",
    "dressed:fence": "accepted", "dressed:thought_first": "accepted", "dressed:split_escape": "accepted",
    "dressed:bom": "accepted", "dressed:newlines": "accepted",
}
# Asked again with a word about what was wrong, or once more as it was.
MENDED = {
    "bad_plan:two": "wrong-fields", "bad_plan:four": "wrong-fields", "bad_plan:duplicate_key": "bad-json",
    "bad_plan:equal": "alike", "bad_plan:equal_spelling": "alike", "bad_plan:empty": "wrong-length",
    "bad_plan:blank": "wrong-length", "bad_plan:number": "not-text", "bad_plan:null": "not-text",
    "bad_plan:array": "not-text", "bad_plan:long": "wrong-length",
    "content:language": "wrong-language", "content:children": "protected-attribute",
    "content:surveillance": "surveillance", "content:dismissal": "threat", "content:system_prompt": "not-one-line",
    "content:html": "markup", "content:url": "link", "content:email": "link", "content:phone": "phone",
    "content:formula": "formula", "content:name": "person-name",
    "finish:RECITATION": "bad-finish", "finish:OTHER": "bad-finish", "finish:SOMETHING_NEW": "bad-finish",
    "finish:LANGUAGE": "bad-finish", "finish:MALFORMED_RESPONSE": "bad-finish",
    "thought_ate:plain": "thought-ate-tokens", "truncated:plain": "max-tokens",
    "no_parts:missing": "empty-answer", "no_parts:empty_list": "empty-answer", "no_parts:empty_text": "empty-answer",
    "no_parts:no_candidates": "empty-answer", "no_parts:empty_object": "empty-answer",
    "no_parts:no_content": "empty-answer",
    "dressed:surrogate_pair": "odd-characters", "dressed:lone_surrogate": "broken-answer",
    "dressed:lone_surrogate_inside": "bad-json", "dressed:invalid_utf8": "broken-answer", "wire:gzip": "answer-too-large", "wire:large": "answer-too-large",
}
# This prompt is refused: nobody else is there to be asked.
BLOCKED = {
    "blocked:plain": "blocked", "finish:SAFETY": "blocked", "finish:SPII": "blocked", "finish:BLOCKLIST": "blocked",
    "finish:PROHIBITED_CONTENT": "blocked",
}
# Asked again later.
AGAIN = {
    "bare429:plain": "rate-limited", "internal:plain": "server-error", "overloaded:plain": "overloaded",
    "deadline:plain": "server-timeout", "request_timeout:plain": "server-timeout",
    "cancelled:plain": "server-timeout", "proxy_html:empty": "overloaded",
    "wire:reset": "no-connection", "wire:short": "no-connection", "wire:chunked": "no-connection",
    "wire:headers_only": "no-connection",
}
# The same once the call's time is over.
HANGING = {"wire:silent": "no-connection", "wire:drip": "no-connection", "wire:chunked_open": "no-connection"}
REFUSING = {"wire:refuse": "no-connection"}
# Not before the delay that the server names, ms. The script shortens those that stand in the body.
DELAYED = {
    "rpm:millis": ("rate-limited", 900), "rpm:seconds": ("rate-limited", 400), "rpm:wrapped": ("rate-limited", 300),
    "rpm:details_null": ("rate-limited", 300),
}
LONG_DELAYED = {
    "rpm:disagree_longer": ("rate-limited", 5000), "rpm:disagree_shorter": ("rate-limited", 2837),
    "proxy_html:seconds": ("server-error", 3000), "proxy_html:date": ("overloaded", 2000),
}
# A quota of the minute without a delay is a minute long, and nobody waits so long for one answer.
MINUTES = {"rpm:zero": "rate-limited", "rpm:junk": "rate-limited"}
# Nobody is called any more.
TERMINAL = {
    "key_invalid:plain": "key-refused", "key_class:plain": "key-refused", "forbidden:plain": "key-forbidden",
    "country:plain": "precondition", "unknown_field:plain": "request-refused",
    "thinking_level:plain": "request-refused", "model_turn:plain": "request-refused",
    "model_gone:plain": "model-gone", "rpd:plain": "daily-quota", "credits:plain": "no-credits",
    "rpm:huge": "long-delay", "wire:redirect": "redirect",
}
ALL = [ANSWERED, MENDED, BLOCKED, AGAIN, HANGING, REFUSING, DELAYED, LONG_DELAYED, MINUTES, TERMINAL]


def known_faults():
    text = (REPO / "tests/support/stub_llm/faults.def").read_text()
    return {f"{name}:{variant}" for name, variants in re.findall(r"^FAULT\((\w+), \d+, \w+, (.*)\)$", text, re.M)
            for variant in re.findall(r'"([^"]+)"', variants)}


def step(reference, **more):
    """A step of the stand-in's script; delays are those of DELAYED."""
    if reference in DELAYED and reference != "rpm:millis":
        more["retry_delay"] = f"{DELAYED[reference][1] / 1000}s"
    return {"fault": reference, **more}


# ---- the company ------------------------------------------------------------------------------------


def people_at_risk():
    done = subprocess.run([BUILD / "bin/retentionctl", "score", "--csv", EMPLOYEES_CSV, "--json"], check=True,
                          capture_output=True, text=True, cwd=REPO)
    return [attributes for attributes, line in zip(ATTRIBUTES, done.stdout.splitlines())
            if json.loads(line)["band"] == "high"]


class Company:
    """People at risk, more of them whenever asked for, and those who want plans for them."""

    def __init__(self, world):
        self.world, self.at_risk = world, people_at_risk()
        world.scoring()
        self.writer, self.employees, self.asked = Writer(world), 0, []
        self.producer = Producer({**quiet(world.stack.kafka), "linger.ms": 5})
        latest = SchemaRegistryClient({"url": world.stack.registry}).get_latest_version(
            f"{world.topic(PLAN_REQUESTS)}-value")
        self.id, self.schema = latest.schema_id, fastavro.parse_schema(json.loads(latest.schema.schema_str))

    def episodes(self, count):
        """-> the predictions that opened them"""
        first, self.employees = self.employees, self.employees + count
        for i in range(first, self.employees):
            self.writer.send(change(f"e{i}", self.at_risk[i % len(self.at_risk)]))
        self.writer.flush()
        names = [f"e{i}" for i in range(first, self.employees)]

        def opened():
            rows = self.world.query("SELECT opened_by FROM risk_episode WHERE employee_id = ANY(%s)", names)
            return [row[0] for row in rows] if len(rows) == count else None
        return wait_for("the episodes", opened, 60)

    def ask(self, count):
        """Requests for new plans, of different people as far as there are. -> their ids"""
        rows = self.world.query("SELECT employee_id, opened_by FROM risk_episode ORDER BY employee_id LIMIT %s", count)
        ids = [str(uuid.uuid4()) for _ in range(count)]
        for i, request_id in enumerate(ids):
            employee, prediction = rows[i % len(rows)]
            out = io.BytesIO()
            fastavro.schemaless_writer(out, self.schema, {
                "request_id": request_id, "prediction_id": prediction, "employee_id": employee, "requested_by": "u1",
                "language": ("en", "fr", None)[i % 3], "anew": True,
                "requested_at": datetime.datetime.now(datetime.timezone.utc)})
            self.producer.produce(self.world.topic(PLAN_REQUESTS), frame(self.id, out.getvalue()), employee,
                                  partition=partition_of(employee.encode()))
        assert self.producer.flush(20 * SLOW) == 0
        self.asked += ids
        return ids

    def plans(self, where, *values):
        columns = "plan_id, request_id, prediction_id, status, generated_by, refusal, language"
        rows = self.world.query(f"SELECT {columns} FROM retention_plan WHERE {where}", *values)
        return [dict(zip(columns.split(", "), row)) for row in rows]

    def answers(self, ids, seconds=30):
        """-> the plans of these requests, once all are there"""
        def answered():
            found = self.plans("request_id = ANY(%s)", ids)
            assert len(found) == len(ids), f"{len(found)} of {len(ids)} answers"
            return found
        return wait_for("the answers", answered, seconds)

    def answer(self, seconds=30):
        """One more person asks. -> the plan"""
        return self.answers(self.ask(1), seconds)[0]

    def settle(self, seconds=60):
        """Each episode and each request has one plan, none is lost, none doubled, in topic and table alike.
        -> all plans"""
        def settled():
            due = self.world.scalar("SELECT count(*) FROM risk_episode") + len(self.asked)
            count = self.world.scalar("SELECT count(*) FROM retention_plan")
            assert count >= due, f"{count} of {due} plans"
            return True
        wait_for("a plan for each", settled, seconds)
        episodes = [row[0] for row in self.world.query("SELECT opened_by FROM risk_episode")]
        plans = self.plans("true")
        assert sorted(p["prediction_id"] for p in plans if p["request_id"] is None) == sorted(episodes)
        assert sorted(p["request_id"] for p in plans if p["request_id"] is not None) == sorted(self.asked)
        topic = [{name: record.value[name] for name in plans[0]} for record in decoded(self.world, PLANS)]
        assert sorted(topic, key=lambda p: p["plan_id"]) == sorted(plans, key=lambda p: p["plan_id"])
        assert all((p["status"] == "refused") == (p["refusal"] is not None) for p in plans)
        return plans

    def ledger(self, since):
        """-> [(plan_id, attempt, outcome, claimed_ms, finished_ms)] of calls, in their order"""
        return self.world.query(
            "SELECT plan_id, attempt, outcome, (extract(epoch FROM claimed_at) * 1000)::bigint,"
            " (extract(epoch FROM finished_at) * 1000)::bigint FROM llm_call"
            " WHERE provider = 'gemini' AND copied_from IS NULL AND claimed_at >= %s ORDER BY claimed_at, plan_id", since)

    def now(self):
        return datetime.datetime.now(datetime.timezone.utc)


@pytest.fixture(scope="module")
def company(stack, request, tmp_path_factory):
    world = World(stack, "faults", tmp_path_factory.mktemp("faults"))
    yield Company(world.apply())
    world.end(request.session.testsfailed > 0)


@pytest.fixture
def stub(tmp_path):
    stub = Stub(tmp_path, "--keep", 1000)
    yield stub
    stub.stop()


@pytest.fixture
def worker(company, stub):
    """Starts a worker that asks the stand-in as fast as it can, or as the settings say; ends all of them."""
    started = []

    def start(is_ready=True, **settings):
        program = company.world.start("retentionai-retention", **{
            "PLAN_PROVIDERS": "gemini", "GEMINI_BASE_URL": f"http://127.0.0.1:{stub.port}", "GEMINI_API_KEY": KEY,
            "GEMINI_PAID_TIER": "yes", "GEMINI_CONCURRENCY": 32, "GEMINI_REQUESTS_PER_MINUTE": 0,
            "GEMINI_TOKENS_PER_MINUTE": 0, "GEMINI_REQUESTS_PER_DAY": 0, "GEMINI_USD_PER_DAY": 0,
            "LLM_TIMEOUT": f"{SLOW:.0f}s", "PLAN_CACHE": 0, **settings})
        started.append(program)
        return program.wait_ready() if is_ready else program
    yield start
    for program in started:
        if program.running():
            program.stop()


def requests_of(stub, count=1000):
    """-> what it was asked last, the oldest first"""
    return json.loads(stub.ask("GET", f"/requests?n={count}")[2])[::-1]


# ---- each fault alone -------------------------------------------------------------------------------


def test_every_fault_of_the_stand_in_has_its_place_here():
    counted = collections.Counter(reference for faults in ALL for reference in faults)
    assert set(counted) == known_faults() and set(counted.values()) == {1}


def ends(names):
    """What becomes of a task whose calls met these faults, None for a good answer: -> status, refusal."""
    corrections = regenerations = tries = 0
    for name in names:
        corrections += name in ANSWERED
        regenerations += name in MENDED
        tries += name is not None and name not in ANSWERED and name not in MENDED
        if name in BLOCKED or corrections > 2 or regenerations > 1 or tries > 3:
            return "refused", "no-usable-answer"
    return "written", None


def play(company, stub, faults, begin):
    """One call at a time, so that the ledger's calls are those of the script in their order: each fault once,
    and then good answers. -> the plans of those that were called for"""
    names = list(faults)
    stub.stats("DELETE")
    stub.script(*map(step, names))
    since = company.now()
    begin()
    plans = {plan["plan_id"]: plan for plan in company.settle()}
    calls = company.ledger(since)
    seen = [request["outcome"] for request in requests_of(stub)]
    assert seen[:len(names)] == names and set(seen[len(names):]) <= {"good:plain"}
    met = collections.defaultdict(list)
    for i, (plan_id, _, outcome, _, finished_ms) in enumerate(calls):
        name = names[i] if i < len(names) else None
        met[plan_id].append((name, outcome, finished_ms))
        if name is not None:
            wanted = [faults[name][0] if isinstance(faults[name], tuple) else faults[name]]
            if name.startswith("content:") and plans[plan_id]["language"] == "fr":
                wanted.append("wrong-language")  # the stand-in says it in English
            assert outcome in wanted, f"call {i + 1}: {name} is stored as {outcome}, not {wanted}"
            if isinstance(faults[name], tuple):
                waited_ms = calls[i + 1][3] - finished_ms
                assert waited_ms >= faults[name][1] - 1, f"{name}: called again after {waited_ms} ms"
        else:
            assert outcome == "accepted", outcome
    for plan_id, turns in met.items():
        wanted = ends([name for name, _, _ in turns])
        assert (plans[plan_id]["status"], plans[plan_id]["refusal"]) == wanted, turns
        is_good = wanted[0] == "written"
        assert [outcome == "accepted" for _, outcome, _ in turns] == [False] * (len(turns) - 1) + [is_good]
    return [plans[plan_id] for plan_id in met]


def test_each_fault_that_passes_ends_in_a_plan_or_is_refused(company, stub, worker):
    faults = ANSWERED | MENDED | BLOCKED | AGAIN | DELAYED | HANGING
    quick = faults if IS_LONG else ANSWERED | MENDED | BLOCKED | AGAIN
    company.episodes(len(faults))
    running = []
    plans = play(company, stub, faults, lambda: running.append(worker(GEMINI_CONCURRENCY=1)))
    assert len(plans) == len(faults) and all(plan["request_id"] is None for plan in plans)
    plans = play(company, stub, quick, lambda: company.ask(len(quick)))
    assert len(plans) == len(quick) and all(plan["request_id"] is not None for plan in plans)
    assert {plan["language"] for plan in plans} == {"en", "fr"}
    assert running[0].metric("retentionai_llm_provider_stopped") == 0
    # A port that is closed for a while; the tries that find it so never get to the stand-in.
    stub.script({"fault": "wire:refuse", "hold_ms": 150})
    company.episodes(1)
    since, asked = company.now(), company.ask(1)
    plans = company.settle()
    assert {row[2] for row in company.ledger(since)} <= {"no-connection", "accepted"}
    refusals = {plan["refusal"] for plan in plans if plan["request_id"] == asked[0] or plan["status"] == "refused"}
    assert refusals <= {None, "no-usable-answer"}


def test_delays_that_a_server_names_are_kept_by_all_calls(company, stub, worker):
    """Calls at once that are told to wait for different times; the longest counts for whoever calls next.
    Quotas of the minute without a delay keep everybody away for a minute."""
    worker(GEMINI_CONCURRENCY=len(LONG_DELAYED))
    company.episodes(2 * len(LONG_DELAYED))
    company.settle()
    stub.stats("DELETE")
    stub.script(*({"fault": name, "delay_ms": 500} for name in LONG_DELAYED))
    company.answers(company.ask(2 * len(LONG_DELAYED)))
    calls = requests_of(stub)
    told = calls[:len(LONG_DELAYED)]
    assert [call["outcome"] for call in told] == list(LONG_DELAYED)
    until_ms = max(call["at_ms"] + 500 + LONG_DELAYED[call["outcome"]][1] for call in told)
    assert min(call["at_ms"] for call in calls[len(told):]) >= until_ms
    asked = company.asked[-2 * len(LONG_DELAYED):]
    assert {plan["status"] for plan in company.settle() if plan["request_id"] in asked} == {"written"}

    stub.script(*({"fault": name, "delay_ms": 500} for name in MINUTES))
    refused = company.answers(company.ask(len(MINUTES)))
    assert {plan["refusal"] for plan in refused} == {"no-usable-answer"}
    before, waiting = stub.stats()["calls"], company.ask(1)
    if IS_LONG:
        assert company.answers(waiting, 70)[0]["status"] == "written"
        asked = requests_of(stub, 3)
        assert asked[2]["at_ms"] - max(call["at_ms"] for call in asked[:2]) >= MINUTE_MS
    else:
        assert company.world.ctl("plans", "off") and company.answers(waiting)[0]["refusal"] == "plans-are-off"
        assert company.world.ctl("plans", "on") and stub.stats()["calls"] == before
    company.settle()


# ---- faults that end all calls ----------------------------------------------------------------------


def end_of_day_in_los_angeles(now):
    there = now.astimezone(zoneinfo.ZoneInfo("America/Los_Angeles"))
    return (there + datetime.timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)


def check_stop_time(name, began, until):
    if name == "rpd:plain":
        assert until == end_of_day_in_los_angeles(began)
    elif name == "rpm:huge":
        assert abs((until - began).total_seconds() - 9_999_999) < 60 * SLOW
    else:
        assert until is None


def end_stop(world, until):
    """By its time where it has one, which is moved; else as an operator does."""
    if until is None:
        assert "called again" in world.ctl("llm", "resume", "gemini")
        return
    with world.db() as db:
        db.execute("UPDATE llm_provider SET stopped_until = now() + interval '100 ms'")


def test_terminal_faults_stop_all_calls_and_say_so_until_they_are_ended(company, stub, worker):
    """Each is met by one call of an episode: from then on nobody is called, episodes wait, and a person who
    asks is told. It ends by an operator's word, or by its time where it has one."""
    company.episodes(len(TERMINAL) + 1)
    world, running = company.world, None
    for number, (name, code) in enumerate(TERMINAL.items(), 1):
        stub.script({"fault": name})
        began = company.now()
        if running is None:
            running = worker(is_ready=False, GEMINI_CONCURRENCY=1)
        else:
            end_stop(world, previous)
        wait_for(f"the call that gets {name}", lambda: stub.stats()["calls"] == number)
        wait_for("the stop in the metrics", lambda: running.metric("retentionai_llm_provider_stopped") == 1)

        def says_so():
            status, body = running.http("/readyz")
            assert status == 503 and "gemini" in body, (status, body)
            return [row for row in world.query("SELECT stopped_reason, stopped_until FROM llm_provider") if row[0] == code]
        (_, until), = wait_for(f"the stop for {code}", says_so)
        check_stop_time(name, began, until)
        assert (company.answer()["refusal"], stub.stats()["calls"]) == ("provider-unavailable", number)
        previous = until
    stub.script()
    end_stop(world, None)
    plans = company.settle()
    assert stub.stats()["calls"] == 2 * len(TERMINAL) + 1
    assert sum(plan["refusal"] == "provider-unavailable" for plan in plans) == len(TERMINAL)
    running.wait_ready()
    assert running.metric("retentionai_llm_provider_stopped") == 0

    # The person whose own call it was is told, too, and a worker that starts later knows.
    stub.script({"fault": "key_invalid"})
    assert company.answer()["refusal"] == "provider-unavailable"
    running.stop()
    running = worker(is_ready=False)
    assert company.answer()["refusal"] == "provider-unavailable"
    assert stub.stats()["calls"] == 2 * len(TERMINAL) + 2
    end_stop(world, None)
    running.wait_ready()
    assert company.answer()["status"] == "written"
    company.settle()


# ---- faults at random -------------------------------------------------------------------------------

CONCURRENCY, PER_MINUTE = 32, 12_000
# Of a thousand calls so many get one of these; the others are answered well.
SHARES = [(ANSWERED, 60), (MENDED, 280), (BLOCKED, 30), (AGAIN, 120), (DELAYED, 12), (HANGING, 6), (REFUSING, 1),
          (LONG_DELAYED, IS_LONG)]


def drawn_script(random, count):
    kinds, shares = [list(faults) for faults, _ in SHARES], [share for _, share in SHARES]
    steps = []
    for kind in random.choices([*kinds, ["good"]], [*shares, 1000 - sum(shares)], k=count):
        name = random.choice(kind)
        # The port is closed, and nobody answers, for a short while.
        steps.append(step(name, **({"hold_ms": 50} if name in REFUSING else {})))
    return steps


class Watch(threading.Thread):
    """Puts together what the stand-in was asked, of which it keeps the last thousand only."""

    def __init__(self, stub):
        super().__init__(daemon=True)
        self.stub, self.calls, self.is_over = stub, {}, threading.Event()
        self.start()

    def look(self):
        try:
            for call in requests_of(self.stub, 600):
                self.calls[call["number"]] = (call["at_ms"], call["outcome"])
        except OSError:  # the port is closed for a moment
            pass

    def run(self):
        while not self.is_over.wait(0.4):
            self.look()

    def stop(self):
        """-> [(at_ms, fault)] in their order, without a gap"""
        self.is_over.set()
        self.join()
        wait_for("the last calls", lambda: self.look() or len(self.calls) == self.stub.stats()["calls"])
        return [self.calls[number] for number in range(1, len(self.calls) + 1)]


def most_over(times_ms, per_minute):
    """By how many calls the times go over the rate at most, in any stretch of them."""
    level, most, last = 0.0, 0.0, times_ms[0]
    for at in times_ms:
        level = max(0.0, level - (at - last) * per_minute / MINUTE_MS) + 1
        most, last = max(most, level), at
    return most


def check_delays(calls, ledger):
    """Once the worker has a delay that the server named (its result is in the ledger) no call begins before it is
    over, but for those that were on their way, which are fewer than the slots. -> how many delays there were"""
    told = [(at, *(DELAYED | LONG_DELAYED)[fault]) for at, fault in calls if fault in DELAYED | LONG_DELAYED]
    in_time = 0
    for at, outcome, delay in told:
        known = max((finished for _, _, what, claimed, finished in ledger if what == outcome and claimed <= at <= finished),
                    default=at)
        early = sum(known < later < at + delay for later, _ in calls)
        assert early < CONCURRENCY, f"{early} calls within a delay of {delay} ms, known after {known - at} ms"
        in_time += known - at < delay / 2
    assert in_time > len(told) // 2 or SLOW > 1, f"{in_time} delays of {len(told)} were known in time"
    return len(told)


def play_at_random(company, stub, random, calls, allowed):
    stub.stats("DELETE")
    stub.script(*drawn_script(random, calls))
    watch, since = Watch(stub), company.now()
    while stub_calls(stub) < calls:
        tasks = (calls - stub_calls(stub)) * 3 // 4 + 20
        company.episodes(tasks // 2)
        company.ask(tasks // 2)
        company.settle(30 + calls / 20)
    # A call that the worker gave up goes on at the stand-in for a moment.
    wait_for("the stand-in's last call", lambda: stub_calls(stub) >= calls and stub.stats()["in_flight"] == 0)
    made = watch.stop()
    stats, ledger = stub.stats(), company.ledger(since)
    assert stats["refused"] == 0 and stats["max_in_flight"] <= CONCURRENCY
    # A call that found the port closed is in the ledger only.
    assert 0 <= len(ledger) - len(made) <= sum(outcome == "no-connection" for _, _, outcome, _, _ in ledger)
    assert all(outcome is not None for _, _, outcome, _, _ in ledger)
    told = check_delays(made, ledger)
    check_rate(made, ledger)
    statuses = collections.Counter(
        (plan["status"], plan["refusal"]) for plan in company.plans("created_at >= %s", since))
    assert set(statuses) <= allowed, statuses
    print(f"{len(made)} calls, {told} delays; {dict(statuses)}")


def check_rate(made, ledger):
    """1 % of a minute's calls at once, and from then on the rate; on their way to the stand-in calls may come
    closer to each other."""
    burst = PER_MINUTE / 100
    over = most_over([claimed_ms for _, _, _, claimed_ms, _ in ledger], PER_MINUTE)
    over_there = most_over([at for at, _ in made], PER_MINUTE)
    print(f"at most {over:.1f} calls over the rate, {over_there:.1f} by the stand-in's clock")
    assert over <= burst + 1
    assert over > burst / 2 or SLOW > 1, "the rate did not bind"  # slow programs may stay below it
    assert over_there <= burst + 1 + PER_MINUTE / 60 * 0.3 * SLOW


def stub_calls(stub):
    try:
        return stub.stats()["calls"]
    except OSError:
        return 0


def test_faults_at_random_lose_nothing_and_double_nothing(company, stub, worker):
    random = chance(os.environ)
    limits = {"GEMINI_CONCURRENCY": CONCURRENCY, "GEMINI_REQUESTS_PER_MINUTE": PER_MINUTE}
    alone = worker(**limits)
    play_at_random(company, stub, random, CALLS // 2, {
        ("written", None), ("refused", "no-usable-answer"), ("refused", "provider-unavailable")})
    alone.stop()
    worker(PLAN_PROVIDERS="gemini,rules", **limits)
    play_at_random(company, stub, random, CALLS // 2, {("written", None), ("fallback", None)})


# ---- several providers, and none --------------------------------------------------------------------


@pytest.fixture
def second(tmp_path):
    (tmp_path / "second").mkdir()
    stub = Stub(tmp_path / "second")
    yield stub
    stub.stop()


def test_providers_are_asked_in_their_order_and_one_that_fails_is_left_alone(company, stub, second, worker):
    running = worker(PLAN_PROVIDERS="gemini,openai-compatible,rules", OPENAI_API_KEY=KEY, OPENAI_MODEL="local",
                     OPENAI_BASE_URL=f"http://127.0.0.1:{second.port}")
    company.episodes(30)
    company.settle()

    def makers(first, then, count=1):
        """-> who has made the plans of those who ask, and how many calls each has got meanwhile"""
        stub.script(*first), second.script(*then)
        stub.stats("DELETE"), second.stats("DELETE")
        made = {plan["generated_by"] for plan in company.answers(company.ask(count))}
        return made, stub.stats()["calls"], second.stats()["calls"]

    blocked, gone = {"fault": "blocked"}, {"fault": "model_gone"}
    assert makers([], []) == ({"gemini"}, 1, 0)
    assert makers([blocked], []) == ({"openai-compatible"}, 1, 1)
    assert makers([blocked], [blocked]) == ({"rules"}, 1, 1)
    assert makers([{"fault": "content:url", "times": 3}], []) == ({"openai-compatible"}, 3, 1)
    assert makers([gone], []) == ({"openai-compatible"}, 1, 1)
    assert makers([], []) == ({"openai-compatible"}, 0, 1)
    assert makers([], [gone]) == ({"rules"}, 0, 1)
    assert makers([], [], 5) == ({"rules"}, 0, 0)
    assert len(company.world.ctl("llm", "resume").splitlines()) == 2
    running.wait_ready()
    assert makers([], []) == ({"gemini"}, 1, 0)

    # Half of the last minute's calls fail: the breaker opens, and others are asked.
    made, calls, others = makers([{"fault": "overloaded", "times": 100_000}], [], 30)
    assert made == {"openai-compatible"} and others == 30 and calls >= 10
    made, calls, others = makers([{"fault": "overloaded", "times": 100_000}], [], 5)
    assert made == {"openai-compatible"} and others == 5 and calls <= 1, "one may be a probe"
    assert "half of the last minute's calls failed" in running.http("/readyz")[1]
    stub.script()
    wait_for("the breaker to close", lambda: company.answer()["generated_by"] == "gemini", every=0.5)
    running.wait_ready()
    assert makers([], [], 5) == ({"gemini"}, 5, 0)
    company.settle()


def test_nobody_goes_back_to_a_provider_that_has_failed_him(company, stub, second, worker):
    """Two calls in five fail: too many to be tried again where they failed, too few to open the breaker."""
    worker(PLAN_PROVIDERS="gemini,openai-compatible,rules", OPENAI_API_KEY=KEY, OPENAI_MODEL="local",
           OPENAI_BASE_URL=f"http://127.0.0.1:{second.port}", OPENAI_CONCURRENCY=32)
    for server in (stub, second):
        server.script({"random": ["good"] * 3 + ["overloaded"] * 2})
    since = company.now()
    company.episodes(160)
    company.settle()
    turns = collections.defaultdict(list)
    for plan_id, provider in company.world.query(
            "SELECT plan_id, provider FROM llm_call WHERE claimed_at >= %s ORDER BY plan_id, attempt", since):
        turns[plan_id].append(["gemini", "openai-compatible", "rules"].index(provider))
    assert all(places == sorted(places) for places in turns.values()), [t for t in turns.values() if t != sorted(t)]
    assert {place for places in turns.values() for place in places} >= {0, 1}


def test_plans_that_are_off_lose_no_input(company, stub, worker):
    running = worker(PLAN_PROVIDERS="gemini,rules")
    company.episodes(3)
    company.settle()
    began = time.monotonic()
    company.world.ctl("plans", "off")
    wait_for("the switch", lambda: running.metric("retentionai_plans_on") == 0, 5)
    if SLOW == 1:
        assert time.monotonic() - began < 5
    calls, plans = stub.stats()["calls"], company.world.scalar("SELECT count(*) FROM retention_plan")
    held = company.episodes(20)
    refused = company.answers(company.ask(5))
    assert {plan["refusal"] for plan in refused} == {"plans-are-off"}
    wait_for("the episodes to be there", lambda: running.metric("retentionai_plans_unfinished") == len(held))
    assert stub.stats()["calls"] == calls
    assert company.world.scalar("SELECT count(*) FROM retention_plan") == plans + len(refused)
    running.kill()
    running = worker(PLAN_PROVIDERS="gemini,rules")
    wait_for("the episodes again", lambda: running.metric("retentionai_plans_unfinished") == len(held))
    assert stub.stats()["calls"] == calls
    company.world.ctl("plans", "on")
    company.settle()
    assert {plan["status"] for plan in company.plans("prediction_id = ANY(%s) AND request_id IS NULL", held)} == {"written"}
    assert stub.stats()["calls"] == calls + len(held)
