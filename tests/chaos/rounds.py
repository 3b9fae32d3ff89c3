# SPDX-License-Identifier: MIT
"""Runs in order, and what they print."""
import argparse
import collections
import contextlib
import multiprocessing
import pathlib
import random
import shutil
import sys
import threading
import time

from confluent_kafka import KafkaException

import checks
import load
import reader
from audit import Part
from company import Company
from conftest import BUILD, Stack, World, wait_for
from faults import KINDS, scored
from faults_rare import PLANTED
from profiles import BUGS, PROFILES, of_bug, schedule
from scene import Missed, Scene, Violation
from support import CHANGES, REQUESTS, last_offsets, read_ends, settle

LATE = 1.5  # times the planned seconds: what has not begun by then is left out
CONTEXT = multiprocessing.get_context("spawn")
FINISHED = "everything is finished, and no transaction hangs"
# Not of the programs under test.
OURS = "the run itself"


class Run:
    def __init__(self, scene, profile, seed, is_quiet=False):
        self.scene, self.profile, self.seed, self.is_quiet = scene, profile, seed, is_quiet
        self.done, self.missed, self.left_out = collections.Counter(), [], 0
        self.lanes = (CHANGES, REQUESTS) if profile.has_company else (CHANGES,)

    def track(self, faults):
        """Thread of one track: each at its time, or behind the one before."""
        began = time.monotonic()
        for second, name, chance in faults:
            now = time.monotonic() - began
            if now > self.profile.seconds * LATE:
                self.left_out += 1
                continue
            if self.scene.over.wait(max(0.0, second - now)):
                return
            try:
                self.scene.note(f"{name} begins")
                self.scene.note(f"{name} is over: {KINDS[name][1](self.scene, chance)}")
                self.done[name] += 1
            except Missed as missed:
                self.scene.note(f"{name} missed: {missed}")
                self.missed.append(name)
            except Exception as error:  # whatever a fault meets ends the run
                self.scene.note(f"{name} failed: {error!r}")
                self.scene.fail(Violation(OURS, f"{name}: {type(error).__name__}: {error}"))

    def faults(self):
        threads = [threading.Thread(target=self.track, args=(faults,), daemon=True)
                   for faults in schedule(self.profile, self.seed).values()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.raise_violation()

    def raise_violation(self):
        if self.scene.violation is not None:
            raise self.scene.violation

    def start(self, target, *arguments):
        """A process that ends with this one. -> it, and our end of its pipe"""
        ours, theirs = CONTEXT.Pipe()
        process = CONTEXT.Process(target=target, args=(*arguments, theirs), daemon=True)
        process.start()
        theirs.close()
        return process, ours

    def receive(self, helper, what, seconds):
        process, pipe = helper
        end = time.monotonic() + seconds
        while not pipe.poll(0.2):
            self.raise_violation()
            if process.exitcode not in (None, 0):
                raise Violation(OURS, f"{what}: its process has ended with {process.exitcode}")
            if time.monotonic() > end:
                raise Violation(what, f"not within {seconds:.0f} s")
        return pipe.recv()

    def __call__(self):
        """-> what was counted"""
        scene, world, profile = self.scene, self.scene.world, self.profile
        scene.load = load.Load(CONTEXT, profile.events)
        reading = self.start(reader.run, world.stack.kafka, [world.topic(name) for name in checks.READ])
        scene.start()
        if profile.has_company:
            scene.company = Company(scene)
            scene.company.start()
        sending = self.start(load.run, Part(world), self.seed, profile.per_second, scene.load)
        checks.check("events flow", wait_for, "scores", lambda: sum(map(scored, scene.workers)) > 0, 120)
        self.stage("events flow")
        self.faults()
        if sending[0].exitcode is not None:
            raise Violation(OURS, "the load has ended")
        self.stage("the faults are over")
        if scene.company is not None:
            scene.company.end_calls()
        scene.load.is_over.value = 1
        sent = self.receive(sending, "the load ends", 60 + 2 * profile.events / profile.per_second)
        self.stage("the load is sent")
        scene.heal()
        checks.check(FINISHED, settle, world, profile.settle_seconds, self.lanes, read_ends)
        self.raise_violation()
        found = {}
        if scene.company is not None:
            found = checks.check("every answer is true, every episode has its plan", scene.company.check, profile.settle_seconds)
        self.stage("all has gone through")
        reading[1].send({(world.topic(name), p): last for name in checks.READ for p, last in last_offsets(read_ends(world, name)).items()})
        seen = self.receive(reading, "a reader of committed data comes to the end", 60)
        if isinstance(seen, str):
            raise Violation("what a reader saw never vanishes", seen)
        scene.stop_workers()
        checks.check_offsets(world, self.lanes)
        checks.check_database(world)
        found |= checks.check_all(CONTEXT, scene, seen, self.lanes)
        self.stage("checked")
        self.check_counts(found, sent)
        return found

    def check_counts(self, found, sent):
        checks.check_load(sent, found)
        if self.done["model-swap"] and len(found["by_model"]) < 2:
            raise Violation("another model takes over", f"all scores are of {list(found['by_model'])}")
        cores = [path for folder in (self.scene.world.directory, pathlib.Path.cwd()) for path in folder.glob("core*") if path.is_file()]
        if cores:
            raise Violation("no core file", str(cores))

    def stage(self, text):
        self.scene.note(text)
        if not self.is_quiet:
            print(f"{time.monotonic() - self.scene.began:6.0f} s  {text}", flush=True)

    def show(self, found, seconds):
        scene = self.scene
        print("\n".join(f"  {name:22} {self.done[name]:4}" for name in sorted(self.done)))
        for name in ("answers", "accepted", "replies", "plans"):
            if name in found:
                print(f"  {name:22} {found[name]:4}")
        programs = [program for program in (*scene.workers, *scene.others) if program.starts]
        print(f"events {found['good']}, and {found['bad']} that can never work; faults {sum(self.done.values())} of {len(self.done)} kinds "
              f"({len(self.missed)} missed, {self.left_out} left out); {found['high_risk']} scores of high risk; "
              f"scores by model {sorted(found['by_model'].values())}; starts {sum(p.starts for p in programs)}; "
              f"most resident {max(p.most_mb for p in programs):.0f} MB; {seconds:.0f} s; seed {self.seed}", flush=True)


def end_of(path, lines=25):
    return "\n".join(path.read_text().splitlines()[-lines:])


def attempt(stack, profile, seed, directory, name="retentionai-scoring", is_quiet=False, **settings):
    """One run in a world of its own. -> the violation, or None"""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    began = time.monotonic()
    world = World(stack, "chaos", directory).apply()
    scene = Scene(world, name, **settings)
    run = Run(scene, profile, seed, is_quiet)
    try:
        found = run()
        if not is_quiet:
            run.show(found, time.monotonic() - began)
        if sum(run.done.values()) < profile.least_faults or len(run.done) < profile.least_kinds:
            raise Violation(OURS, f"{profile.least_faults} faults of {profile.least_kinds} kinds are wanted, {sum(run.done.values())} of "
                            f"{len(run.done)} were done; missed: {run.missed}")
        few = {name: run.done[name] for name in profile.faults if run.done[name] < profile.least_each}
        if few:
            raise Violation(OURS, f"{profile.least_each} of each kind are wanted; too few: {few}")
        return None
    except Violation as violation:
        violation.seconds = time.monotonic() - began
        scene.note(f"VIOLATED: {violation}")
        return violation
    except Exception as error:  # of the run itself: with the same last words
        scene.note(f"failed: {error!r}")
        violation = Violation(OURS, f"{type(error).__name__}: {error}")
        violation.seconds = time.monotonic() - began
        return violation
    finally:
        if scene.company is not None:
            scene.company.close()
        scene.close()
        with contextlib.suppress(KafkaException):  # services that do not answer are wiped soon
            world.end(False)


def tell(violation, directory, again):
    print(f"VIOLATED after {violation.seconds:.0f} s: {violation.invariant}\n{violation.text[:8000]}\n\n"
          f"the last faults:\n{end_of(directory / 'faults.log')}\n\nlogs: {directory}\nagain: tests/run chaos {again}", flush=True)


def run_profile(stack, options, seed):
    """-> exit status"""
    print(f"seed {seed}, profile {options.profile}", flush=True)
    directory = BUILD / f"chaos/{options.profile}-{seed}"
    violation = attempt(stack, PROFILES[options.profile], seed, directory)
    if violation is not None:
        tell(violation, directory, f"--profile {'full' if options.profile == 'night' else options.profile} --seed {seed}")
        return 1
    shutil.rmtree(directory)
    return 0


def run_bug(stack, bug, seed):
    """-> was it as it should be: caught, where there is one"""
    directory = BUILD / f"chaos/plant-{bug}-{seed}"
    began = time.monotonic()
    violation = attempt(stack, of_bug(bug), seed, directory, PLANTED, is_quiet=True, PLANT=BUGS[bug][0])
    is_caught = violation is not None and violation.invariant != OURS
    is_right = is_caught if bug != "none" else violation is None
    word = "caught" if is_caught else "not caught" if violation is None else "the run failed"
    print(f"  {bug:24} {word:14} {time.monotonic() - began:5.0f} s  {violation.invariant if violation else ''}", flush=True)
    if violation is not None:
        first = violation.text.splitlines()[0] if violation.text else ""
        print(f"  {'':24} {first[:300]}", flush=True)
    if is_right:
        shutil.rmtree(directory)
    else:
        print(f"  logs: {directory}\n{end_of(directory / 'faults.log', 12)}", flush=True)
    return is_right


def main(what):
    parser = argparse.ArgumentParser(prog="tests/run chaos", description=what)
    parser.add_argument("--profile", choices=PROFILES, default="ci",
                        help="ci: 400,000 events in 4 minutes; full: 2,000,000 and all programs, 15 minutes; night: full again and again; points: each crash point 30 times, half an hour; short: does it run")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000), help="makes the schedule and the load; printed")
    parser.add_argument("--hours", type=float, default=8, help="of profile night")
    parser.add_argument("--plant", choices=BUGS, help="run with this deliberate bug, which must be caught (none: must pass)")
    parser.add_argument("--planted", action="store_true", help="the same with each of them, and a table")
    options = parser.parse_args()
    stack = Stack()
    if options.planted or options.plant:
        print(f"planted bugs, seed {options.seed}", flush=True)
        results = [run_bug(stack, bug, options.seed) for bug in ([options.plant] if options.plant else BUGS)]
        print(f"{sum(results)} of {len(results)} as they should be", flush=True)
        sys.exit(0 if all(results) else 1)
    end, seed = time.monotonic() + options.hours * 3600, options.seed
    status = run_profile(stack, options, seed)
    while options.profile == "night" and status == 0 and time.monotonic() < end:
        seed += 1
        status = run_profile(stack, options, seed)
    sys.exit(status)
