"""Digits through a code of four numbers: PCA beside a deep autoencoder."""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from isthmus import Autoencoder
from isthmus.evaluation import explained_variance, pca_reconstruction
from isthmus.plotting import image_rows

CODES = 4


def draw(folder: Path) -> None:
    """Write ``autoencoder.png``."""
    data = load_digits()
    X = data.data / 16
    order = np.random.default_rng(0).permutation(len(X))
    train, test = X[order[:1400]], X[order[1400:]]
    model = Autoencoder(latent_dim=CODES, learning_rate=3e-3, max_epochs=80, random_state=0)
    ours = model.fit(train).reconstruct(test)
    linear = pca_reconstruction(train, test, CODES)
    shown = [int(np.flatnonzero(data.target[order[1400:]] == digit)[0]) for digit in range(10)]
    rows = {
        "held-out digits": test[shown],
        f"PCA, {CODES} codes": linear[shown],
        f"autoencoder, {CODES} codes": ours[shown],
    }
    title = (
        f"Variance explained: PCA {explained_variance(test, linear):.0%}, "
        f"autoencoder {explained_variance(test, ours):.0%}"
    )
    figure = image_rows(rows, image_shape=(8, 8), value_range=(0, 1), title=title)
    figure.savefig(folder / "autoencoder.png", dpi=110)
