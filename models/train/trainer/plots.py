# SPDX-License-Identifier: MIT
"""The report's pictures, each as SVG text that stands in the page."""

import io
import math
import re

import matplotlib

matplotlib.use("Agg")

import numpy  # noqa: E402
from matplotlib import pyplot  # noqa: E402
from sklearn import metrics  # noqa: E402

STAYED, LEFT, OTHER = "#4c78a8", "#d1495b", "#8d8d8d"
# The same picture has the same bytes: ids come from its content, and no date is written.
pyplot.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "report", "font.size": 8,
                        "axes.spines.top": False, "axes.spines.right": False, "axes.titlesize": 9,
                        "legend.frameon": False, "figure.constrained_layout.use": True})


def svg(figure):
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    pyplot.close(figure)
    text = out.getvalue()
    return re.sub(r"(\d+\.\d{2})\d+", r"\1", text[text.index("<svg"):])


def panels(count, width=4, size=(2.35, 1.75)):
    rows = math.ceil(count / width)
    figure, axes = pyplot.subplots(rows, width, squeeze=False, figsize=(size[0] * width, size[1] * rows))
    for axis in axes.flat[count:]:
        axis.axis("off")
    return figure, list(axes.flat[:count])


def balance(y):
    figure, axis = pyplot.subplots(figsize=(4, 1.2))
    axis.barh(["stayed", "left"], [(y == 0).sum(), y.sum()], color=[STAYED, LEFT])
    for i, count in enumerate([(y == 0).sum(), y.sum()]):
        axis.text(count, i, f" {count} ({count / len(y):.1%})", va="center")
    axis.set_xlim(0, len(y))
    return svg(figure)


def distributions(features, table):
    """How each number is spread, stayers and leavers apart, each group as shares of itself."""
    numbers = [(i, a) for i, a in enumerate(features.attributes) if not a.is_category]
    figure, axes = panels(len(numbers))
    for axis, (i, attribute) in zip(axes, numbers):
        values = table.x[:, i]
        known = ~numpy.isnan(values)
        different = numpy.unique(values[known])
        bins = 20
        if len(different) <= 12 and len(different) > 1:
            bins = [*(different[:-1] + numpy.diff(different) / 2), different[-1] + 0.5]
            bins.insert(0, different[0] - 0.5)
        parts = [values[known & (table.y == kind)] for kind in (0, 1)]
        axis.hist(parts, bins=bins, density=True, color=[STAYED, LEFT], label=["stayed", "left"])
        axis.set_title(attribute.name)
        axis.set_yticks([])
    axes[0].legend(fontsize=7)
    return svg(figure)


def boxes(features, table):
    numbers = [(i, a) for i, a in enumerate(features.attributes) if not a.is_category]
    figure, axes = panels(len(numbers), width=8, size=(1.2, 1.5))
    for axis, (i, attribute) in zip(axes, numbers):
        values = table.x[:, i]
        axis.boxplot(values[~numpy.isnan(values)], widths=0.6, flierprops={"markersize": 2})
        axis.set_title(attribute.name, fontsize=6)
        axis.set_xticks([])
        axis.tick_params(labelsize=6)
    return svg(figure)


def level_rates(categories, overall):
    figure, axes = panels(len(categories), width=2, size=(4.7, 1.9))
    for axis, category in zip(axes, categories):
        names = [f"{name} ({count})" for name, count, _ in category["levels"]]
        axis.barh(names, [rate for _, _, rate in category["levels"]], color=LEFT)
        axis.axvline(overall, color=OTHER, linestyle=":")
        axis.set_title(f"{category['name']}: share that left")
        axis.invert_yaxis()
    return svg(figure)


def correlations(names, matrix):
    figure, axis = pyplot.subplots(figsize=(7.5, 6.5))
    image = axis.pcolormesh(matrix[::-1], cmap="RdBu_r", vmin=-1, vmax=1)
    axis.set_xticks(numpy.arange(len(names)) + 0.5, names, rotation=90, fontsize=7)
    axis.set_yticks(numpy.arange(len(names)) + 0.5, names[::-1], fontsize=7)
    figure.colorbar(image, label="Spearman's correlation")
    return svg(figure)


def curves(y, results):
    """ROC and precision over recall, all repetitions together."""
    figure, (roc, recall) = pyplot.subplots(1, 2, figsize=(9, 3.6))
    for color, (name, p) in zip((LEFT, STAYED, OTHER), results):
        whole, all_p = numpy.tile(y, len(p)), p.ravel()
        x, up, _ = metrics.roc_curve(whole, all_p)
        at = numpy.linspace(0, 1, 201)
        roc.plot(at, numpy.interp(at, x, up), color=color,
                 label=f"{name}, AUC {metrics.auc(x, up):.3f}")
        precision, found, _ = metrics.precision_recall_curve(whole, all_p)
        recall.plot(at, numpy.interp(at, found[::-1], precision[::-1]), color=color, label=name)
    roc.plot([0, 1], [0, 1], color=OTHER, linestyle=":")
    roc.set(xlabel="share of stayers flagged", ylabel="share of leavers found", title="ROC")
    recall.set(xlabel="recall", ylabel="precision", title="precision and recall", ylim=(0, 1))
    recall.axhline(y.mean(), color=OTHER, linestyle=":")
    roc.legend(loc="lower right", fontsize=7)
    return svg(figure)


def calibration(y, results, bins=10):
    figure, (axis, counts) = pyplot.subplots(1, 2, figsize=(9, 3.6))
    for color, (name, p) in zip((LEFT, STAYED, OTHER), results):
        whole, all_p = numpy.tile(y, len(p)), p.ravel()
        place = numpy.minimum((all_p * bins).astype(int), bins - 1)
        used = [b for b in range(bins) if (place == b).sum() >= 5 * len(p)]
        axis.plot([all_p[place == b].mean() for b in used], [whole[place == b].mean() for b in used],
                  marker="o", markersize=3, color=color, label=name)
        counts.hist(all_p, bins=20, range=(0, 1), histtype="step", color=color, label=name,
                    weights=numpy.full(len(all_p), 1 / len(p)))
    axis.plot([0, 1], [0, 1], color=OTHER, linestyle=":")
    axis.set(xlabel="predicted probability", ylabel="share that left", title="calibration")
    counts.set(xlabel="predicted probability", ylabel="people", title="how the scores are spread")
    axis.legend(fontsize=7)
    return svg(figure)


def confusion(y, p, threshold, title):
    figure, axis = pyplot.subplots(figsize=(2.8, 2.4))
    matrix = metrics.confusion_matrix(y, p > threshold)
    axis.imshow(matrix, cmap="Blues")
    for (i, j), count in numpy.ndenumerate(matrix):
        axis.text(j, i, count, ha="center", va="center",
                  color="white" if count > matrix.max() / 2 else "black")
    axis.set_xticks([0, 1], ["not flagged", "flagged"])
    axis.set_yticks([0, 1], ["stayed", "left"])
    axis.set_title(title)
    return svg(figure)


def thresholds(y, p):
    """Precision, recall and the share of people flagged, over where the line is drawn."""
    at = numpy.linspace(0.02, 0.95, 94)
    whole, all_p = numpy.tile(y, len(p)), p.ravel()
    rows = [((all_p > t).mean(), whole[all_p > t].mean() if (all_p > t).any() else numpy.nan,
             whole[all_p > t].sum() / whole.sum()) for t in at]
    figure, axis = pyplot.subplots(figsize=(5.5, 3))
    for values, name, color in zip(zip(*rows), ("flagged", "precision", "recall"), (OTHER, LEFT, STAYED)):
        axis.plot(at, values, label=name, color=color)
    axis.set(xlabel="threshold", ylim=(0, 1))
    axis.legend()
    return svg(figure)


def influence(rows):
    """Mean size of each attribute's contribution, in log-odds."""
    figure, axis = pyplot.subplots(figsize=(6, 0.17 * len(rows) + 0.5))
    axis.barh([name for name, _ in rows], [size for _, size in rows], color=STAYED)
    axis.invert_yaxis()
    axis.set_xlabel("mean size of the contribution in log-odds")
    return svg(figure)
