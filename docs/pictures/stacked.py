"""Digits through a deep network of sigmoids: from scratch, as layers, and as layers fine-tuned."""

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

from isthmus import Autoencoder, StackedAutoencoder
from isthmus.plotting import image_rows


def draw(folder: Path) -> None:
    """Write ``stacked.png``."""
    data = load_digits()
    X = data.data / 16
    order = np.random.default_rng(0).permutation(len(X))
    train, test = X[order[:1400]], X[order[1400:]]
    settings: dict[str, Any] = {
        "hidden_layer_sizes": (100, 50),
        "latent_dim": 8,
        "activation": "sigmoid",
        "latent_activation": "identity",
        "max_epochs": 40,
        "random_state": 0,
    }
    layers = {"layer": "autoencoder", **settings}
    models = {
        "from scratch": Autoencoder(**settings),
        "layers only": StackedAutoencoder(fine_tuning=False, **layers),
        "layers, then fine-tuned": StackedAutoencoder(**layers),
    }
    shown = [int(np.flatnonzero(data.target[order[1400:]] == digit)[0]) for digit in range(10)]
    rows = {"held-out digits": test[shown]}
    for name, model in models.items():
        output = model.fit(train).reconstruct(test)
        error = ((output - test) ** 2).sum(1).mean()
        rows[f"{name}: {error:.2f}"] = output[shown]
    title = "Squared error an image on held-out digits"
    figure = image_rows(rows, image_shape=(8, 8), value_range=(0, 1), title=title)
    figure.savefig(folder / "stacked.png", dpi=110)
