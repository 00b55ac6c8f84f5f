"""Digits that were never seen: from a variational autoencoder, a VAE-GAN and a GAN."""

from pathlib import Path

from sklearn.datasets import load_digits

from isthmus import VAEGAN, GenerativeAdversarialNetwork, VariationalAutoencoder
from isthmus.plotting import image_rows

COUNT = 12


def draw(folder: Path) -> None:
    """Write ``gan.png``."""
    X = load_digits().data / 16
    style = {"latent_dim": 16, "early_stopping": False, "batch_size": 64, "random_state": 0}
    slow = {**style, "max_epochs": 90, "learning_rate": 2e-3}
    models = {
        "variational": VariationalAutoencoder(
            likelihood="gaussian_learned_scale", max_epochs=60, **style
        ),
        "VAE-GAN": VAEGAN(**slow),
        "GAN": GenerativeAdversarialNetwork(**slow),
    }
    rows = {"data": X[:COUNT]}
    for name, model in models.items():
        rows[name] = model.fit(X[:1400]).sample(COUNT, random_state=1)
    figure = image_rows(
        rows,
        n_images=COUNT,
        image_shape=(8, 8),
        value_range=(0, 1),
        title="Draws from the prior, decoded",
    )
    figure.savefig(folder / "gan.png", dpi=110)
