"""The picture of docs/models/denoising.md: digits, spoilt and restored."""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from isthmus import DenoisingAutoencoder
from isthmus.plotting import image_rows


def draw(folder: Path) -> None:
    """Train one model a kind of noise and draw held-out digits as ``denoising.png``."""
    rng = np.random.default_rng(0)
    X = load_digits().data / 16
    held_in, held_out = X[:1600], X[1650:1664]
    common = {"latent_dim": 32, "hidden_layer_sizes": (256,), "max_epochs": 60}
    common |= {"learning_rate": 3e-3, "likelihood": "bernoulli", "random_state": 0}
    spoilt = {
        "masking": np.where(rng.random(held_out.shape) < 0.4, 0, held_out),
        "gaussian": held_out + rng.normal(0, 0.3, held_out.shape),
    }
    rows = {"clean": held_out}
    for corruption, level, name in (
        ("masking", 0.4, "40 % masked"),
        ("gaussian", 0.3, "noise 0.3"),
    ):
        model = DenoisingAutoencoder(corruption=corruption, corruption_level=level, **common)
        noisy = np.clip(spoilt[corruption], 0, 1)
        rows[name] = noisy
        rows["restored" + (" " if corruption == "gaussian" else "")] = model.fit(
            held_in
        ).reconstruct(noisy)
    figure = image_rows(rows, n_images=12, image_shape=(8, 8), value_range=(0, 1))
    figure.savefig(folder / "denoising.png", dpi=110)
