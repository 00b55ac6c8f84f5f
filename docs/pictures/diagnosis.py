"""Six autoencoders of digits, five of them spoilt on purpose, and their errors."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits

from isthmus import Autoencoder, VariationalAutoencoder, diagnose

INK, PAPER = "#1d2127", "#fdfdfe"
MARKS = (
    ("train_error", "o", "#3f90da", "training rows"),
    ("error", "D", "#bd1f01", "held-out rows"),
    ("between_error", "s", "#832db6", "between two training rows"),
    ("shuffled_error", "^", "#e76300", "shuffled rows"),
    ("pca_error", "|", INK, "PCA, held-out rows"),
)
LIMIT = 1.7


def draw(folder: Path) -> None:
    """Write ``diagnosis.png``."""
    X = load_digits().data / 16
    X = X[np.random.default_rng(0).permutation(len(X))]
    train, test = X[:600], X[600:1100]
    common = {"early_stopping": False, "random_state": 0}
    slow = {"hidden_layer_sizes": (128, 64), "activation": "leaky_relu", "scaling": None}
    models = {
        "well": (Autoencoder(latent_dim=8, max_epochs=100, learning_rate=3e-3, **common), 600),
        "copies: 80 codes,\nno penalty": (
            Autoencoder(
                latent_dim=80,
                hidden_layer_sizes=(),
                likelihood="gaussian",
                learning_rate=0.01,
                max_epochs=30,
                **common,
            ),
            600,
        ),
        "memorises: 30 rows,\n1 code, 2000 epochs": (
            Autoencoder(
                latent_dim=1,
                likelihood="gaussian",
                learning_rate=5e-3,
                max_epochs=2000,
                **slow,
                **common,
            ),
            30,
        ),
        "underfits: 1 epoch": (Autoencoder(latent_dim=8, max_epochs=1, **common), 600),
        "dead units:\nlearning_rate 0.3": (
            Autoencoder(latent_dim=8, learning_rate=0.3, max_epochs=10, **common),
            600,
        ),
        "collapsed: beta 100": (
            VariationalAutoencoder(latent_dim=8, beta=100, max_epochs=20, **common),
            600,
        ),
    }
    figure = Figure(figsize=(8.6, 4.4), layout="constrained", facecolor=PAPER)
    axes = figure.add_subplot()
    for place, (model, rows) in enumerate(models.values()):
        diagnosis = diagnose(model.fit(train[:rows]), test, X_train=train[:rows])
        evidence = diagnosis.evidence
        for number, mark, colour, label in MARKS:
            value = getattr(evidence, number)
            style = {"s": 210, "linewidths": 2.2} if mark == "|" else {"s": 46, "linewidths": 0}
            if np.isfinite(value):
                axes.scatter(
                    min(value, LIMIT),
                    place,
                    marker=mark,
                    color=colour,
                    label=label if place == 0 else None,
                    zorder=3,
                    clip_on=False,
                    **style,
                )
        found = ", ".join(finding.name for finding in diagnosis.problems) or "no problem"
        axes.text(
            LIMIT + 0.06, place, found.replace(", ", "\n"), va="center", fontsize=9, color=INK
        )
    axes.axvline(1, color=INK, alpha=0.5, linewidth=1)
    axes.text(1.01, -0.62, "the mean row", fontsize=9, color=INK, va="center")
    axes.set_yticks(range(len(models)), list(models))
    axes.set(xlim=(0, LIMIT), ylim=(len(models) - 0.4, -0.8))
    axes.set_xlabel("squared error as a share of the variance (cut off at 1.7)", color=INK)
    axes.tick_params(colors=INK, labelsize=9)
    axes.grid(axis="x", color=INK, alpha=0.12)
    axes.set_facecolor("none")
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    figure.legend(loc="outside upper center", ncols=5, frameon=False, fontsize=8.5)
    figure.savefig(folder / "diagnosis.png", dpi=110)
