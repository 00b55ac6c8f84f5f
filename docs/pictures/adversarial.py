"""The same digit under every class, by a conditional adversarial autoencoder."""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from isthmus import ConditionalAdversarialAutoencoder
from isthmus.plotting import image_rows


def draw(folder: Path) -> None:
    """Write ``adversarial.png``."""
    X, y = load_digits(return_X_y=True)
    X = X / 16
    model = ConditionalAdversarialAutoencoder(
        latent_dim=6,
        batch_size=64,
        learning_rate=3e-3,
        max_epochs=70,
        early_stopping=False,
        random_state=0,
    ).fit(X[:1400], y[:1400])
    held_out, labels = X[1400:], y[1400:]
    shown = [int(np.flatnonzero(labels == digit)[1]) for digit in (1, 2, 4, 7, 0)]
    progress = model.progress(held_out[shown])
    rows = {
        f"a {labels[row]}": np.concatenate([held_out[row][None], digits])
        for row, digits in zip(shown, progress, strict=True)
    }
    figure = image_rows(
        rows,
        n_images=11,
        image_shape=(8, 8),
        value_range=(0, 1),
        title="A held-out digit, and its code decoded as 0 to 9",
    )
    figure.savefig(folder / "adversarial.png", dpi=110)
