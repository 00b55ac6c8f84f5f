"""Test error against the number of labels, with and without pretraining."""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from isthmus import AutoencoderClassifier, ContractiveAutoencoder
from isthmus.plotting._style import PALETTE, new_axes, tidy

COUNTS = (20, 50, 100, 200, 400)
DRAWS = 3


def draw(folder: Path) -> None:
    """Write ``classifier.png``."""
    X, y = load_digits(return_X_y=True)
    X = X / 16
    order = np.random.default_rng(0).permutation(len(X))
    train, test = order[:1400], order[1400:]
    base = ContractiveAutoencoder(
        latent_dim=100, contraction=0.03, learning_rate=3e-3, max_epochs=60, random_state=0
    ).fit(X[train])
    names = ("logistic regression", "the network alone", "pretrained on all rows")
    errors = np.zeros((len(names), len(COUNTS), DRAWS))
    for i, count in enumerate(COUNTS):
        for seed in range(DRAWS):
            chosen = np.random.default_rng(seed).permutation(1400)[:count]
            labels = np.full(1400, -1)
            labels[chosen] = y[train][chosen]
            linear = LogisticRegression(max_iter=1000).fit(X[train][chosen], labels[chosen])
            errors[0, i, seed] = 1 - linear.score(X[test], y[test])
            for j, pretraining in ((1, False), (2, True)):
                model = AutoencoderClassifier(
                    autoencoder=FrozenEstimator(base),
                    pretraining=pretraining,
                    learning_rate=3e-3,
                    max_epochs=max(600 // -(-count // 32), 20),
                    batch_size=32,
                    random_state=seed,
                ).fit(X[train], labels)
                errors[j, i, seed] = 1 - model.score(X[test], y[test])
    figure, ax = new_axes(None, 6.4, 3.8)
    for name, error, colour in zip(names, 100 * errors, PALETTE[3:0:-1], strict=False):
        ax.plot(COUNTS, error.mean(1), marker="o", color=colour, label=name)
        ax.fill_between(COUNTS, error.min(1), error.max(1), color=colour, alpha=0.2, linewidth=0)
    ax.set_xscale("log")
    ax.set_xticks(COUNTS, [str(count) for count in COUNTS])
    ax.minorticks_off()
    ax.set_xlabel("labels")
    ax.set_ylabel("test error, %")
    ax.set_ylim(0)
    ax.legend(frameon=False)
    tidy(ax)
    figure.savefig(folder / "classifier.png", dpi=110)
