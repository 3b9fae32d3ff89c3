# SPDX-License-Identifier: MIT
"""models/train/run: from a CSV of people and a features file to a model that the programs load."""

import argparse
import os
import sys
import time
from pathlib import Path

from . import Problem

OVER = "\r\x1b[K"  # to the line's beginning, and wipe it


class Progress:
    """One line that is written over on a terminal; elsewhere a line for each step."""

    def __init__(self):
        self.began, self.is_terminal, self.last = time.monotonic(), sys.stderr.isatty(), None

    def say(self, text):
        print(f"{OVER if self.is_terminal else ''}{time.monotonic() - self.began:6.0f} s  {text}",
              file=sys.stderr, flush=True)

    def fold(self, name, done, total):
        if self.is_terminal:
            print(f"{OVER}{time.monotonic() - self.began:6.0f} s  {name}: {done} of {total} folds", end="",
                  file=sys.stderr, flush=True)
        elif name != self.last:
            self.say(name)
        self.last = name


def probability(text):
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError("is not between 0 and 1")
    return value


def count(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("is not 1 or more")
    return value


def file_name(text):
    if not text or Path(text).name != text:
        raise argparse.ArgumentTypeError("is no name of a file without its folder")
    return text


def options_of(arguments):
    parser = argparse.ArgumentParser(
        prog="models/train/run", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Explores the data, compares models, trains one, and writes NAME.json (the model),\n"
                    "report.html (everything that was seen and measured) and README.md (the model card).",
        epilog="models/train/run check [--quick] [--jobs N]\n  measures the shipped model by repeated cross-validation beside the original recipe,\n"
               "  and compares it byte for byte with what the training makes of the data.\n\n"
               "An uncalibrated logistic model, as shipped, has the same bytes on any x86-64; trees and sigmoids\n"
               "may differ in last digits between processors. models/FORMAT.md describes the\n"
               "features file and the model.")
    parser.add_argument("command", nargs="?", choices=["train", "check"], default="train", help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, metavar="FILE", help="CSV with one person a line, UTF-8 (models/data/employees.csv)")
    parser.add_argument("--features", type=Path, metavar="FILE", help="what the columns are (models/features.json)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the results go (models; with other options: must be said)")
    parser.add_argument("--name", type=file_name, default="attrition", help="name of the model's file without .json (%(default)s)")
    parser.add_argument("--estimator", choices=["logistic", "forest", "boosting"], default="logistic", help="what is trained (%(default)s)")
    parser.add_argument("--calibration", choices=["none", "sigmoid", "isotonic"],
                        help="what is put behind it (logistic: none, the others: sigmoid)")
    parser.add_argument("--trees", type=count, default=200, metavar="N", help="trees of a forest, or of boosting (%(default)s)")
    parser.add_argument("--depth", type=count, metavar="N", help="their depth (forest: no limit; boosting: tuned)")
    parser.add_argument("--threshold", type=probability, default=0.5, metavar="P", help="above it a score is high (%(default)s)")
    parser.add_argument("--elevated", type=probability, default=0.25, metavar="P", help="from it a score is elevated (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="one repetition instead of ten, compared with the original recipe alone")
    parser.add_argument("--no-report", action="store_true", help="writes the model alone, compared with nothing")
    parser.add_argument("--jobs", type=count, default=len(os.sched_getaffinity(0)), metavar="N",
                        help="folds that are worked on at once (%(default)s here); the results are the same")
    parser.add_argument("--predictions", type=Path, metavar="FILE", help="also writes what scikit-learn itself gives each line of the data")
    options = parser.parse_args(arguments)
    free = {"command", "out", "no_report", "jobs", "predictions"}
    is_usual = all(value == parser.get_default(name) for name, value in vars(options).items() if name not in free)
    if not is_usual and not options.out and options.command == "train":
        parser.error("say with --out where the results go: models/ holds the shipped model, as it is made without options")
    if options.elevated > options.threshold:
        parser.error("--elevated is not above --threshold")
    if options.estimator == "forest" and options.calibration not in (None, "sigmoid"):
        parser.error("a forest is calibrated by a sigmoid (models/FORMAT.md says why)")
    return options


def main():
    options = options_of(sys.argv[1:])
    from . import commands  # after the options: the libraries take their seconds

    try:
        return getattr(commands, options.command)(options, Progress())
    except (Problem, OSError) as problem:
        print(f"models/train/run: {problem}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":  # and not in the processes that work on folds
    sys.exit(main())
