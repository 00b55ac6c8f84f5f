"""Digits drawn by a conditional variational autoencoder, and a walk between two codes."""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from isthmus import VariationalAutoencoder
from isthmus.plotting import image_rows


def draw(folder: Path) -> None:
    """Write ``variational.png``."""
    data = load_digits()
    X = data.data / 16
    model = VariationalAutoencoder(
        latent_dim=4,
        conditional=True,
        likelihood="gaussian_learned_scale",
        learning_rate=3e-3,
        max_epochs=40,
        early_stopping=False,
        random_state=0,
    ).fit(X[:1200], data.target[:1200])
    # The same five codes for each digit: what they stand for goes with all of them.
    codes = np.random.default_rng(2).normal(size=(5, 4))
    rows = {"mean of the data": np.stack([X[data.target == k].mean(0) for k in range(10)])}
    for number, code in enumerate(codes, start=1):
        decoded = model.inverse_transform(np.repeat(code[None], 10, axis=0), np.arange(10))
        rows[f"code {number}"] = decoded
    figure = image_rows(
        rows,
        image_shape=(8, 8),
        value_range=(0, 1),
        title="Five draws from the prior, decoded as each digit",
    )
    figure.savefig(folder / "variational.png", dpi=110)
