# SPDX-License-Identifier: MIT
"""The report: one page of HTML that needs nothing beside itself."""

import html

from sklearn import metrics

from . import plots
from .evaluate import compare

STYLE = """body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:72em;padding:0 1em;color:#222}
h2{margin-top:2.2em;border-bottom:1px solid #ccc}table{border-collapse:collapse;margin:1em 0;font-size:13px}
td,th{padding:.2em .6em;border-bottom:1px solid #e4e4e4;text-align:right}td:first-child,th:first-child{text-align:left}
td.t{text-align:left}tr.ours{background:#eef4fb}tr.small{color:#888}svg{max-width:100%;height:auto}pre{background:#f6f6f6;padding:1em}
.wide{overflow-x:auto}"""

SHOWN = (("auc", "AUC"), ("average_precision", "PR AUC"), ("log_loss", "log loss"), ("brier", "Brier"),
         ("ece", "ECE"), ("calibration_slope", "slope"), ("precision", "precision"), ("recall", "recall"),
         ("f1", "F1"), ("accuracy", "accuracy"), ("flagged_share", "flagged"), ("recall_top_10", "recall top 10 %"),
         ("recall_top_16", "recall top 16 %"))


def escape(value):
    return html.escape(str(value))


def cell(value, places=3):
    if value is None:
        return "<td>-</td>"
    if isinstance(value, str):
        return f'<td class="t">{escape(value)}</td>'
    return f"<td>{value:.{places}f}</td>" if isinstance(value, float) else f"<td>{escape(value)}</td>"


def table(head, rows, classes=None):
    """Rows of cells; a float has three places, other text is escaped."""
    out = ["<div class=wide><table><tr>", *(f"<th>{escape(name)}</th>" for name in head), "</tr>"]
    for i, row in enumerate(rows):
        out.append(f'<tr class="{classes[i] if classes else ""}">')
        out += [cell(float(v) if hasattr(v, "dtype") and v.dtype.kind == "f" else v) for v in row]
        out.append("</tr>")
    return "".join([*out, "</table></div>"])


def spread(pair):
    return f"{pair[0]:.3f} ± {pair[1]:.3f}"


def data_part(run):
    data, features = run.table, run.features
    out = [f"<p>{len(data.y)} people, {int(data.y.sum())} of them left ({data.y.mean():.1%}). "
           f"Source: {escape(features.source)}{' (the people are invented)' if features.fictional else ''}. "
           f"SHA-256 {data.sha256}.</p>", plots.balance(data.y),
           "<p>The classes are unequal. That is answered by measures that do not reward saying \"stays\" of "
           "everybody (PR AUC, Brier, recall) and not by resampling; what SMOTE does is shown below.</p>",
           "<h3>Columns that were dropped</h3>", table(["column", "why"], data.dropped)]
    audits = ", ".join(a.name for a in features.audits)
    if audits:
        out.append(f"<p>Kept for the fairness report, no inputs of the model: {escape(audits)}.</p>")
    if data.broken_rules:
        out += ["<h3>Plausibility</h3>", table(["rule", "people who break it"], data.broken_rules.items())]
    return "".join(out)


def exploration_part(run):
    found, data = run.explored, run.table
    head = ("mean", "sd", "min", "q1", "median", "q3", "max", "skew", "outliers", "missing", "stayed",
            "left", "p")
    out = ["<h3>Numbers</h3><p>\"stayed\" and \"left\" are the means of those groups; p is of the "
           "Mann-Whitney test between them; outliers lie further than 1.5 times the middle half beyond its "
           "ends. They stay in: they are people, and the model clips what it has not seen.</p>",
           table(["attribute", "role", *head],
                 [[row["name"], row["role"], *(row[name] for name in head)] for row in found["numbers"]]),
           plots.distributions(run.features, data), plots.boxes(run.features, data)]
    if found["categories"]:
        out += ["<h3>Categories</h3>",
                table(["attribute", "role", "levels", "missing", "p (chi-squared)"],
                      [[row["name"], row["role"], len(row["levels"]), row["missing"], row["p"]]
                       for row in found["categories"]]),
                plots.level_rates(found["categories"], data.y.mean())]
    out += ["<h3>Correlations</h3>", plots.correlations(found["names"], found["correlations"]),
            table(["attribute", "and", "correlation"], found["strongest"])]
    return "".join(out)


def preparation_part(run):
    values = run.artefact["features"]
    return (
        "<p>Missing values become the lower median or the most frequent level, numbers outside the range of "
        "the training its nearer end; categories become a column a level (one-hot), numbers stay and get "
        "the steps that the features file names; every column is standardised. All of this is part of the "
        "pipeline, so in a cross-validation it is learnt from the training folds alone.</p>"
        + table(["input", "type", "missing", "seen in training"],
                [[f["name"], f["type"], str(f["missing"].get("value", "refused")),
                  ", ".join(f["categories"]) if "categories" in f else f"{f['train_min']} to {f['train_max']}"]
                 for f in values]))


def comparison_part(run):
    best = run.results[0]
    rows, classes = [], []
    for result in run.results:
        difference, p = compare(result, best, "auc")
        rows.append([result.candidate.name, *(spread(result.values[key]) for key, _ in SHOWN),
                     "" if result is best else f"{difference:+.4f}, p {p:.3f}"])
        classes.append("ours" if result is best else "")
    return ("<p>Mean ± spread over the folds; the same folds for all. ECE, slope and flagged are over whole passes. "
            f"Precision, recall and F1 are at the threshold {run.threshold:g}. Last column: difference in AUC to the "
            "first row, with the p of a t-test that allows for folds sharing people. Many candidates "
            "were looked at on the same folds: take differences below 0.01 as none.</p>"
            + table(["candidate", *(name for _, name in SHOWN), "to the first"], rows, classes))


def tuning_part(run):
    found = run.fitted.search.cv_results_
    rows = [[", ".join(f"{k.split('__')[1]} {v}" for k, v in parameters.items()), float(mean), float(sd), int(rank)]
            for parameters, mean, sd, rank in zip(found["params"], found["mean_test_score"],
                                                  found["std_test_score"], found["rank_test_score"])]
    chosen = "; ".join(f"{name}: {count} of {sum(result.chosen.values())} folds"
                       for result in run.results[:1] for name, count in result.chosen.most_common())
    return (f"<p>Grid search by {escape(run.candidate.scoring)} in {run.candidate.inner} folds, on everybody for "
            f"the model that is written, and anew inside each fold of the cross-validation (there: {escape(chosen)}).</p>"
            + table(["parameters", "score", "sd", "rank"], rows))


def evaluation_part(run):
    y, first = run.table.y, run.results[0].probabilities[0]
    shown = [(r.candidate.name, r.probabilities) for r in run.results if r.candidate in run.drawn]
    return "".join([
        plots.curves(y, shown), plots.calibration(y, shown),
        "<p>Everybody once, each predicted by a model that had not seen this person (first repetition):</p>",
        plots.confusion(y, first, run.threshold, "cross-validation"),
        f"<pre>{escape(report_of(y, first > run.threshold))}</pre>",
        "<h3>Where to draw the line</h3>", plots.thresholds(y, run.results[0].probabilities)])


def report_of(y, flagged):
    return metrics.classification_report(y, flagged, target_names=["stayed", "left"], zero_division=0)


def holdout_part(run):
    out = ["<p>The usual split, beside the above because it is usual: with these numbers of people the AUC of "
           "one split moves by ± 0.03 with the split alone.</p>"]
    for name, y, p in run.holdout:
        out += [f"<h3>{escape(name)}</h3><p>AUC {metrics.roc_auc_score(y, p):.3f}, PR AUC "
                f"{metrics.average_precision_score(y, p):.3f}, Brier {metrics.brier_score_loss(y, p):.3f}</p>",
                plots.confusion(y, p, run.threshold, "80/20 split"),
                f"<pre>{escape(report_of(y, p > run.threshold))}</pre>"]
    return "".join(out)


def model_part(run):
    out = [plots.influence(run.influence)]
    if "linear" in run.artefact:
        out.append(table(["column", "weight", "mean"],
                         [[f"{t['f']} {'' if t['op'] == 'id' else t['op']} {t.get('v', '')}", t["w"], t["m"]]
                          for t in run.artefact["linear"]["terms"]]))
    return "".join(out)


def fairness_part(run):
    head = ("people", "leavers", "flagged", "selection_rate", "ratio", "ratio_low", "ratio_high", "tpr", "ppv",
            "calibration_gap")
    rows = [[f"{g['attribute']}: {g['group']}", *(g[name] for name in head)] for g in run.groups]
    return (f"<p>At the threshold {run.threshold:g}. The ratio is to the group of the same attribute that is flagged most "
            "often, with its 95 % interval; tpr is the share of leavers that are found, ppv the share of flagged "
            "people who leave, calibration_gap predicted minus observed. Groups in grey have fewer than 50 people or "
            "10 leavers: too few to judge. Where groups leave at different rates, a calibrated model flags them at "
            "different rates; the table shows it, it does not excuse it. Being flagged leads to an offer here; used for "
            "anything else, the same numbers mean something else.</p>"
            + table(["group", *head], rows, ["small" if g["small"] else "" for g in run.groups]))


PARTS = (("Data", data_part), ("Exploration", exploration_part), ("Preparation", preparation_part),
         ("Comparison", comparison_part), ("Tuning", tuning_part), ("Evaluation", evaluation_part),
         ("80/20 split", holdout_part), ("What the model looks at", model_part), ("Fairness", fairness_part))


def page(run):
    values = run.results[0].values
    title = f"Training report: {run.candidate.name}"
    head = ("<!doctype html><html lang=en><meta charset=utf-8>"
            f"<title>{escape(title)}</title><style>{STYLE}</style><h1>{escape(title)}</h1>"
            f"<p>{escape(run.artefact['metrics']['protocol'])}: AUC {values['auc'][0]:.3f}, PR AUC "
            f"{values['average_precision'][0]:.3f}, Brier {values['brier'][0]:.3f}, ECE {values['ece'][0]:.3f}; of "
            f"the people above {run.threshold:g}, {values['observed_above_threshold'][0]:.0%} left.</p><p>")
    links = " · ".join(f'<a href="#{i}">{escape(name)}</a>' for i, (name, _) in enumerate(PARTS))
    body = "".join(f"<h2 id={i}>{escape(name)}</h2>{part(run)}\n" for i, (name, part) in enumerate(PARTS))
    return f"{head}{links}</p>\n{body}</html>\n"
