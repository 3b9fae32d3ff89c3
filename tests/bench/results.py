# SPDX-License-Identifier: MIT
"""The table of a benchmark: what was measured, beside what, and whether its limit holds. Printed, and kept as a list of
objects (name, unit, product, reference, ratio, low, high, target, at_most, holds) in build/bench/NAME.json."""

import json
import os
import pathlib
import statistics
import sys

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "build/bench"


class Table:
    def __init__(self):
        self.rows = []

    def add(self, name, product, reference, unit, ratio, target, at_most, low=None, high=None):
        """A target of None: only shown."""
        holds = target is None or (ratio <= target if at_most else ratio >= target)
        self.rows.append({"name": name, "unit": unit, "product": product, "reference": reference, "ratio": ratio,
                          "low": ratio if low is None else low, "high": ratio if high is None else high,
                          "target": target, "at_most": at_most, "holds": holds})

    def compare(self, name, products, references, unit, target=None, at_most=False):
        """Of figures that were measured in turn: the median of their ratios, and the least and the greatest."""
        ratios = [a / b for a, b in zip(products, references, strict=True)]
        self.add(name, statistics.median(products), statistics.median(references), unit, statistics.median(ratios),
                 target, at_most, min(ratios), max(ratios))

    def bound(self, name, product, unit, target):
        """A figure with a limit of its own."""
        self.add(name, product, None, unit, product, target, True)

    def show(self):
        print(f"\n{'name':42} {'product':>11} {'reference':>11} {'unit':8} {'ratio':>8} {'target':>9}  holds")
        for row in self.rows:
            target = "" if row["target"] is None else f"{'<=' if row['at_most'] else '>='} {row['target']:g}"
            reference = "" if row["reference"] is None else f"{row['reference']:.1f}"
            verdict = "" if row["target"] is None else "yes" if row["holds"] else "NO"
            print(f"{row['name']:42} {row['product']:11.1f} {reference:>11} {row['unit']:8} {row['ratio']:8.3f} {target:>9}"
                  f"  {verdict:3}  [{row['low']:.3f} .. {row['high']:.3f}]")
        print(f"load of the machine {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors")

    def keep(self, name):
        FOLDER.mkdir(parents=True, exist_ok=True)
        (FOLDER / f"{name}.json").write_text(json.dumps(self.rows, indent=1) + "\n")

    def end(self):
        """Ends the program where a limit does not hold."""
        missed = [row["name"] for row in self.rows if not row["holds"]]
        if missed:
            sys.exit("a target is missed: " + ", ".join(missed))
