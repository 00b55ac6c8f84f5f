"""Samples from an ordinary autoencoder, by distributions that were put on its codes."""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from isthmus import Autoencoder
from isthmus.plotting import image_rows


def draw(folder: Path) -> None:
    """Write ``sampling.png``."""
    X = load_digits().data / 16
    model = Autoencoder(latent_dim=8, learning_rate=3e-3, max_epochs=60, random_state=0).fit(X)
    rows = {"data": X[:10]}
    for kind in ("mixture", "flow"):
        model.fit_density(X, kind=kind, random_state=0)
        rows[kind] = model.sample(10, random_state=1)
    model.fit_density(X, n_components=1, random_state=0)
    rows["one Gaussian"] = model.sample(10, random_state=1)
    figure = image_rows(
        {name: np.clip(row, 0, 1) for name, row in rows.items()},
        image_shape=(8, 8),
        value_range=(0, 1),
        title="Codes drawn from what was fitted to the codes of the data",
    )
    figure.savefig(folder / "sampling.png", dpi=110)
