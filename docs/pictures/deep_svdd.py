"""Distances to the centre of one digit and of the others, before training and after."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score

from isthmus import DeepSVDD
from isthmus.models import untrained
from isthmus.plotting._style import INK, PALETTE, PAPER, SMALL_SIZE, tidy

DIGIT = 4


def draw(folder: Path) -> None:
    """Write ``deep_svdd.png``."""
    X, y = load_digits(return_X_y=True)
    X = X / 16
    train = np.flatnonzero(y == DIGIT)[:120]
    test = np.setdiff1d(np.arange(len(y)), train)
    model = DeepSVDD(
        latent_dim=16, learning_rate=3e-3, pretraining_epochs=0, max_epochs=100, random_state=0
    ).fit(X[train])
    figure = Figure(figsize=(7.4, 2.9), layout="constrained", facecolor=PAPER)
    for ax, one, name in zip(
        figure.subplots(1, 2),
        (untrained(model, X[train]), model),
        ("untrained", "trained"),
        strict=True,
    ):
        distances = -one.score_samples(X[test]) / np.square(one.centre_).sum()
        edges = np.geomspace(distances.min(), distances.max(), 30)
        normal = y[test] == DIGIT
        for rows, colour, label in (
            (normal, PALETTE[0], f"the digit {DIGIT}, held out"),
            (~normal, PALETTE[1], "the other nine"),
        ):
            weights = np.full(rows.sum(), 100 / rows.sum())
            ax.hist(
                distances[rows], bins=edges, weights=weights, color=colour, alpha=0.6, label=label
            )
        line = -one.offset_ / np.square(one.centre_).sum()
        ax.axvline(line, color=INK, linestyle="--", linewidth=1.2, label="threshold")
        ax.set_xscale("log")
        ax.set_ylim(0, 20)
        area = roc_auc_score(normal, -distances)
        tidy(ax, title=f"{name}, AUROC {area:.2f}", xlabel="‖f(x) − c‖² / ‖c‖²", ylabel="% of rows")
        ax.legend(frameon=False, fontsize=SMALL_SIZE, labelcolor=INK)
    figure.savefig(folder / "deep_svdd.png", dpi=110)
