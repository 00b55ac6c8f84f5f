"""The picture of docs/models/regularized.md: one decoder, and three distributions of its codes."""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from isthmus import RegularizedAutoencoder
from isthmus.plotting import image_rows


def draw(folder: Path) -> None:
    """Write ``regularized.png``."""
    X = load_digits().data / 16
    model = RegularizedAutoencoder(
        latent_dim=8, learning_rate=3e-3, max_epochs=40, code_weight=0.003, random_state=0
    ).fit(X)
    rows = {
        "data": X[::150][:12],
        "reconstructed": model.reconstruct(X[::150][:12]),
        "mixture": model.sample(12, random_state=0),
        "flow": model.fit_density(X, kind="flow", random_state=0).sample(12, random_state=0),
        "codes of N(0, I)": model.inverse_transform(np.random.default_rng(0).normal(size=(12, 8))),
    }
    figure = image_rows(
        rows,
        image_shape=(8, 8),
        value_range=(0, 1),
        title="One regularised autoencoder, sampled from three distributions of its codes",
    )
    figure.savefig(folder / "regularized.png", dpi=110)
