#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An invented logistics company, with other columns than the shipped data: 2,000 people to train from
and 200 to score, among these a site that did not exist at the time of the training. Written with the
headers, aliases, missing values and quoted fields that exports have. The same files on every run.

usage: generate.py DIR    writes DIR/people.csv and DIR/arrivals.csv"""

import csv
import math
import random
import sys
from pathlib import Path

SEED = 7
PEOPLE, ARRIVALS = 2000, 200
HEADER = ["StaffNumber", "Status", "Site", "Contract type", "Shift", "Tenure (months)", "HoursPerWeek", "HourlyPay",
          "Commute, minutes", "Engagement", "LastReview", "AbsencesLastQuarter", "ManagerChanges", "TrainingDays",
          "Sex", "BirthYear", "Company"]
SITES = (("Lille", 35), ("Lyon", 30), ("Nantes", 20), ("Saint-Étienne", 15))
NEW_SITES = (("Lille", 25), ("Lyon", 25), ("Nantes", 10), ("St-Étienne", 10), ("Marseille", 30))


def pick(dice, weighted):
    return dice.choices([name for name, _ in weighted], [weight for _, weight in weighted])[0]


def within(value, low, high):
    return min(max(value, low), high)


def person(dice, sites):
    birth = within(round(dice.gauss(1986, 11)), 1958, 2006)
    tenure = int(within(dice.expovariate(1 / 45), 0, 12 * (2024 - birth - 18) + 3))
    contract = pick(dice, (("permanent", 60), ("fixed-term", 28 if tenure < 24 else 5), ("agency", 16 if tenure < 18 else 1)))
    shift = pick(dice, (("day", 50), ("rotating", 35), ("night", 15)))
    pay = within(dice.gauss(13.2 + 0.018 * tenure + (1.6 if shift == "night" else 0), 1.7), 11.6, 38)
    engagement = within(dice.gauss(6.1 + (0.5 if shift == "day" else -0.3), 1.9), 0, 10)
    row = {
        "Site": pick(dice, sites), "Contract": contract, "Shift": shift, "Tenure": tenure,
        "Hours": within(dice.choice((35, 35, 35, 37.5, 39, 28, 24)) + dice.choice((0, 0, 0, 1.5, 4)), 10, 48),
        "Pay": round(pay, 2), "Commute": int(within(dice.expovariate(1 / 24) + 4, 2, 110)),
        "Engagement": round(engagement, 1),
        "Review": int(within(round(dice.gauss(3.2 + 0.15 * (engagement - 6), 0.8)), 1, 5)),
        "Absences": int(within(dice.expovariate(1 / (1.2 + 0.25 * (10 - engagement))), 0, 40)),
        "Changes": pick(dice, ((0, 60), (1, 27), (2, 10), (3, 3))),
        "Training": within(round(dice.expovariate(1 / 2.2) * 2) / 2, 0, 15),
        "Sex": pick(dice, (("F", 38), ("M", 62))), "Birth": birth,
    }
    return row, left(dice, row)


def left(dice, row):
    """The truth: jumps for newcomers, a kink in engagement, and one interaction that no additive model has."""
    log_odds = -3.05
    log_odds += 1.25 * (row["Tenure"] <= 6) + 0.65 * (row["Tenure"] <= 24) - 0.004 * row["Tenure"]
    log_odds += {"permanent": 0, "fixed-term": 0.75, "agency": 1.3}[row["Contract"]]
    log_odds += {"day": 0, "rotating": 0.25, "night": 0.8}[row["Shift"]]
    log_odds += {"Nantes": 0.35, "Marseille": 0.6}.get(row["Site"], 0)
    log_odds += 0.42 * max(0, 6.5 - row["Engagement"]) + 0.5 * (row["Engagement"] <= 3.5)
    log_odds += 0.021 * (row["Commute"] - 25) - 0.16 * (row["Pay"] - 14) + 0.07 * row["Absences"]
    log_odds += 0.7 * (row["Changes"] >= 2) - 0.12 * row["Training"]
    log_odds += 0.8 * (row["Shift"] == "night" and row["Commute"] > 40)
    return dice.random() < 1 / (1 + math.exp(-log_odds))


def line(dice, number, row, has_left):
    """As an export has it: some values are missing, some are spelt in another way."""
    engagement = "" if dice.random() < 0.07 else row["Engagement"]
    review = "" if row["Tenure"] < 4 or dice.random() < 0.02 else row["Review"]
    commute = "" if dice.random() < 0.03 else row["Commute"]
    contract = {"permanent": "CDI", "fixed-term": "CDD"}.get(row["Contract"], row["Contract"])
    contract = contract if dice.random() < 0.1 else row["Contract"]
    return [f"S{number:05d}", "left" if has_left else "active", row["Site"], contract, row["Shift"], row["Tenure"],
            f"{row['Hours']:g}", f"{row['Pay']:.2f}", commute, engagement, review, row["Absences"], row["Changes"],
            f"{row['Training']:g}", row["Sex"], row["Birth"], "Convoy, Ltd."]


def write(path, dice, count, first, sites):
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(HEADER)
        for i in range(count):
            row, has_left = person(dice, sites)
            out.writerow(line(dice, first + i, row, has_left))


def main(directory):
    directory.mkdir(parents=True, exist_ok=True)
    dice = random.Random(SEED)
    write(directory / "people.csv", dice, PEOPLE, 1, SITES)
    write(directory / "arrivals.csv", dice, ARRIVALS, PEOPLE + 1, NEW_SITES)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
