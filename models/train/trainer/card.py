# SPDX-License-Identifier: MIT
"""The model card: what the model is, how good, for whom, and where it must not be used, in Markdown
and from the numbers of the artefact."""

WORDS = (("auc", "AUC"), ("average_precision", "PR AUC (average precision)"), ("log_loss", "log loss"),
         ("brier", "Brier score"), ("ece", "calibration error (ECE)"), ("precision", "precision above the threshold"),
         ("recall", "recall above the threshold"), ("f1", "F1 at the threshold"),
         ("flagged_share", "share of people flagged"), ("recall_top_10", "recall in the top 10 %"),
         ("recall_top_16", "recall in the top 16 %"))


def number(value, places=3):
    return "-" if value is None else f"{value:.{places}f}"


def row(cells):
    return "| " + " | ".join(cells) + " |"


def measures(metrics, original):
    head = ["", "this model"] + (["the original recipe"] if original else [])
    lines = [row(head), row(["---"] * len(head))]
    for key, words in WORDS:
        cells = [words, f"{number(metrics[key]['mean'])} ± {number(metrics[key]['sd'])}"]
        if original:
            cells.append(f"{number(original[key][0])} ± {number(original[key][1])}")
        lines.append(row(cells))
    return lines


def ratio(group):
    if group["ratio"] is None:
        return "-"
    if group["ratio_low"] == group["ratio_high"] == 1:
        return "1"
    return f"{number(group['ratio'], 2)} ({number(group['ratio_low'], 2)} to {number(group['ratio_high'], 2)})"


def fairness(groups):
    lines = [row(["group", "people", "leavers", "flagged", "ratio (95 %)", "leavers found", "flagged who leave",
                  "predicted - observed"]), row(["---"] * 8)]
    for group in groups:
        name = f"{group['attribute']}: {group['group']}" + (" (small)" if group["small"] else "")
        rate = f"{100 * group['selection_rate']:.1f} %"
        lines.append(row([name, str(group["people"]), str(group["leavers"]), rate, ratio(group),
                          number(group["tpr"], 2), number(group["ppv"], 2),
                          f"{group['calibration_gap']:+.3f}"]))
    return lines


def card(artefact, audits, original=None, influence=()):
    """`original`: the measures of the original recipe on the same folds, or None."""
    training, metrics = artefact["training"], artefact["metrics"]
    decision = artefact["decision"]
    positives = training["positives"] / training["rows"]
    people = "invented people" if training["fictional"] else "people"
    left_out = (f"{', '.join(audits)}: not inputs, kept to measure fairness." if audits
                else "No attribute was kept apart for a fairness report.")
    values = metrics["values"]
    lines = [
        "## Model card",
        "",
        f"- **What**: {training['estimator']} ({', '.join(f'{k} {v}' for k, v in training['parameters'].items() if v is not None)}), "
        f"{len(artefact['features'])} inputs; resampling: {training['resampling']}; calibration: {artefact['calibration']['type']}.",
        f"- **Data**: {training['source']}; {training['rows']} {people}, {training['positives']} with {training['label']} "
        f"({positives:.1%}); SHA-256 `{training['data_sha256'][:16]}…`.",
        f"- **Horizon**: {training['horizon'] or 'none: the data have no dates, so a score says nothing about when'}.",
        f"- **Left out**: {left_out}",
        f"- **Bands**: high above {decision['threshold']:g}, elevated from {decision['elevated']:g}, low below.",
        "- **For**: offering people a reason to stay. **Not for**: dismissal, pay, promotion, hiring, or any decision "
        "that a person does not look at.",
        "",
        f"### How good: {metrics['protocol']}",
        "",
        *measures(values, original),
        "",
        f"Of the people above {decision['threshold']:g}, {values['observed_above_threshold']['mean']:.0%} left. "
        "± is the spread over folds (over whole passes for the calibration error and the share flagged). "
        "Tuning is part of each fold, and no cut was chosen on the people it was measured on.",
        "",
    ]
    if influence:
        parts = ", ".join(f"{name} {size:.2f}" for name, size in influence[:10])
        lines += [f"What moves scores most (mean size in log-odds): {parts}.", ""]
    if artefact["fairness"]["groups"]:
        lines += [
            f"### Fairness, at the threshold {artefact['fairness']['threshold']:g}",
            "",
            "The ratio is to the group of the same attribute that is flagged most often. Small: fewer than 50 people or "
            "10 leavers. Groups that leave at different rates are flagged at different rates by any calibrated "
            "model, also by one that does not know the group: this table is to be looked at, not only printed.",
            "",
            *fairness(artefact["fairness"]["groups"]),
            "",
        ]
    lines += [f"Made with {', '.join(f'{name} {version}' for name, version in training['libraries'].items())}, "
              f"seed {training['seed']}.", ""]
    return "\n".join(lines)
