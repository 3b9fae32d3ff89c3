# SPDX-License-Identifier: MIT
"""How much of what, and the schedule that a seed makes of it; and which faults bring a planted bug to light."""
import collections
import random

import faults_rare  # adds its kinds, too
from faults import KINDS

Profile = collections.namedtuple("Profile", "events per_second seconds faults least_faults least_kinds settle_seconds has_company least_each", defaults=[0])

CI = Profile(
    events=400_000, per_second=4_500, seconds=90, least_faults=35, least_kinds=12, settle_seconds=60, has_company=False,
    faults={"worker-kill": 6, "worker-term": 3, "worker-pause": 3, "worker-zombie": 1, "rebalance-storm": 1,
            "kafka-delay": 1, "kafka-cut": 3, "kafka-blackhole": 2, "kafka-half-close": 2, "kafka-refusal": 1,
            "database-delay": 1, "database-cut": 2, "database-blackhole": 1, "database-half-close": 1,
            "database-refusal": 1, "held-end": 2, "held-offsets": 2,
            "broker-kill": 1, "broker-restart": 1, "broker-pause": 1, "database-kill": 1, "database-immediate": 1,
            "backends-terminated": 3, "table-locked": 2, "model-swap": 4, "poison-burst": 4})

FULL = Profile(
    events=2_000_000, per_second=3_000, seconds=660, least_faults=100, least_kinds=18, settle_seconds=180, has_company=True,
    faults={"worker-kill": 12, "crash-point": 18, "worker-term": 5, "worker-pause": 6, "worker-doze": 3, "worker-zombie": 3,
            "recorder-zombie": 3, "rebalance-storm": 3, "clock-jump": 2,
            "kafka-delay": 4, "kafka-cut": 8, "kafka-blackhole": 5, "kafka-half-close": 5, "kafka-refusal": 3,
            "database-delay": 3, "database-cut": 4, "database-blackhole": 3, "database-half-close": 3, "database-refusal": 2,
            "held-end": 6, "held-offsets": 6, "held-group-offsets": 2,
            "broker-kill": 2, "broker-restart": 2, "broker-pause": 4, "database-kill": 2, "database-immediate": 2,
            "backends-terminated": 6, "table-locked": 5, "disk-full": 3, "registry-restart": 1,
            "model-swap": 20, "poison-burst": 10,
            "retention-kill": 10, "retention-pause": 4, "gateway-kill": 5, "gateway-term": 2, "language-model": 8})

# To see whether it runs at all.
SHORT = CI._replace(events=30_000, per_second=1_500, seconds=20, least_faults=5, least_kinds=4, settle_seconds=120,
                    faults={"worker-kill": 2, "worker-term": 1, "worker-pause": 1, "kafka-cut": 1, "database-cut": 1,
                            "kafka-half-close": 1, "held-end": 1, "held-offsets": 1, "backends-terminated": 1,
                            "table-locked": 1, "model-swap": 2, "poison-burst": 1})

# Each crash point again and again (some cannot be brought about), and what makes transactions abort, so that all are passed.
POINTS = CI._replace(events=1_200_000, per_second=900, seconds=1_200, least_faults=360, least_kinds=len(faults_rare.POINTS),
                     least_each=30, faults={f"crash-{name}": 33 for name in faults_rare.POINTS} | {"kafka-cut": 120})

PROFILES = {"ci": CI, "full": FULL, "night": FULL, "short": SHORT, "points": POINTS}

# Deliberate bug -> (what PLANT is to be, the faults that it must be seen by). `none` has all of these faults and no bug.
BUGS = {
    "auto-commit": ("auto-commit", {"rebalance-storm": 3, "worker-kill": 6, "worker-zombie": 1}),
    "offsets-outside": ("offsets-outside", {"held-group-offsets": 4, "kafka-delay": 3, "worker-kill": 6}),
    "no-rewind": ("no-rewind", {"worker-doze": 4, "kafka-cut": 3}),
    "uncommitted-reads": ("uncommitted-reads", {"worker-kill": 10, "kafka-delay": 4}),
    "no-compare-and-set": ("no-compare-and-set", {"recorder-zombie": 3, "database-delay": 3}),
    "overwriting-zombie": ("overwriting-zombie", {"recorder-zombie": 3, "database-delay": 3}),
    "guard-off-end": ("guard-off", {"held-end": 6}),
    "guard-off-offsets": ("guard-off", {"held-offsets": 6}),
    "recorder-offsets-first": ("recorder-offsets-first", {"worker-kill": 10, "database-cut": 4, "backends-terminated": 4}),
    "none": ("none", {"rebalance-storm": 1, "worker-kill": 4, "worker-zombie": 1, "recorder-zombie": 1, "worker-doze": 1, "held-end": 2,
                      "held-offsets": 2, "held-group-offsets": 1, "kafka-delay": 1, "database-delay": 1}),
}


def of_bug(bug):
    """A short run in which the bug has to show."""
    return CI._replace(events=100_000, per_second=3_000, seconds=50, least_faults=1, least_kinds=1, settle_seconds=30, faults=BUGS[bug][1])


def schedule(profile, seed):
    """-> {track: [(second, kind, chance)]}, in order: the same for the same seed."""
    tracks = collections.defaultdict(list)
    for name, count in sorted(profile.faults.items()):
        tracks[KINDS[name][0]] += [name] * count
    planned = {}
    for track, names in sorted(tracks.items()):
        chance = random.Random(f"{seed}/{track}")
        chance.shuffle(names)
        times = sorted(chance.uniform(2, profile.seconds) for _ in names)
        planned[track] = [(time, name, random.Random(chance.random())) for time, name in zip(times, names)]
    return planned
