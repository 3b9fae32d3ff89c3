# SPDX-License-Identifier: MIT
"""What models/train/run does, one job a file: read (features, data), encode, candidates, evaluate,
fairness, explore, then write (artefact, golden, report, card)."""


class Problem(Exception):
    """Something that the person at the keyboard can mend; its text is all that is shown."""
