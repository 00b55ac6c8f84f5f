"""Rows of two values with the lines of three false-alarm rates, and the scores of new rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from isthmus import AnomalyDetector
from isthmus.plotting.anomalies import score_histogram

INK, PAPER = "#1d2127", "#fdfdfe"
BLUE, ORANGE = "#3f90da", "#ffa90e"
RATES = (0.1, 0.01, 0.001)


def rows(n: int, rng: np.random.Generator) -> np.ndarray:
    """Return normal rows: the second value follows the square of the first."""
    x = rng.uniform(-1.5, 1.5, n)
    return np.column_stack([x, x**2 + 0.12 * rng.normal(size=n)])


def draw(folder: Path) -> None:
    """Write ``anomaly.png``."""
    rng = np.random.default_rng(0)
    detector = AnomalyDetector(calibration_fraction=0.5, random_state=0).fit(rows(6000, rng))
    normal = rows(600, rng)
    odd = rng.uniform([-2.2, -1.2], [2.2, 3.6], size=(60, 2))
    figure = Figure(figsize=(8.8, 3.7), layout="constrained", facecolor=PAPER)
    plane, scores = figure.subplots(1, 2, width_ratios=(1.05, 1))
    x, y = np.meshgrid(np.linspace(-2.3, 2.3, 160), np.linspace(-1.3, 3.7, 160))
    p = detector.p_values(np.column_stack([x.ravel(), y.ravel()])).reshape(x.shape)
    for rate, width in zip(RATES, (2.0, 1.2, 0.6), strict=True):
        plane.contour(x, y, p, [rate], colors=INK, linewidths=width)
        plane.plot([], [], color=INK, linewidth=width, label=f"p = {rate:g}")
    for points, colour in ((normal, BLUE), (odd, ORANGE)):
        alarm = detector.p_values(points) <= 0.01
        plane.scatter(*points[~alarm].T, s=9, color=colour, linewidths=0, alpha=0.7)
        plane.scatter(*points[alarm].T, s=26, color=colour, marker="x", linewidths=1.4)
    plane.set(xlim=(-2.3, 2.3), ylim=(-1.3, 4.1))
    plane.legend(frameon=False, fontsize=9, loc="upper center", ncols=3, columnspacing=1.2)
    plane.set_title(
        "lines of three p-values; crosses raise an alarm at 0.01", fontsize=10, color=INK
    )
    plane.set_facecolor("none")
    plane.tick_params(colors=INK, labelsize=9)
    for side in ("top", "right"):
        plane.spines[side].set_visible(False)
    groups = {"new rows, normal": detector.score_samples(normal)}
    groups["new rows, odd"] = detector.score_samples(odd)
    score_histogram(groups, threshold=detector.offset_, ax=scores)
    scores.get_legend().set_loc("upper center")
    scores.set_title("their scores and the line of 0.01", fontsize=10, color=INK)
    figure.savefig(folder / "anomaly.png", dpi=105)
