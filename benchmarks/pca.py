"""A linear autoencoder reaches PCA (Baldi & Hornik 1989)."""

from __future__ import annotations

import time

import numpy as np
from scipy.linalg import subspace_angles
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from benchmarks.datasets import squared_error
from benchmarks.ledger import record
from isthmus import Autoencoder
from isthmus.models import untrained


def low_rank(seed: int, n: int = 2000, d: int = 40, rank: int = 6) -> np.ndarray:
    """Return a random matrix of a low rank with falling singular values, plus a little noise."""
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(n, rank)) * np.linspace(3, 1, rank)
    return factors @ rng.normal(size=(rank, d)) / np.sqrt(d) + 0.05 * rng.normal(size=(n, d))


def run() -> None:
    began = time.perf_counter()
    rows, holds = [], True
    data = {"digits": (load_digits().data / 16, 8), "random, rank 6": (low_rank(0), 6)}
    for name, (X, size) in data.items():
        train, test = train_test_split(X.astype(np.float32), random_state=0, test_size=0.2)
        pca = PCA(size).fit(train)
        model = Autoencoder(
            latent_dim=size,
            hidden_layer_sizes=(),
            likelihood="gaussian",
            scaling=None,
            early_stopping=False,
            max_epochs=600,
            learning_rate=0.05,
            batch_size=128,
            random_state=0,
        ).fit(train)
        ours = squared_error(test, model.reconstruct(test))
        theirs = squared_error(test, pca.inverse_transform(pca.transform(test)))
        decoder = model.module_.decoder.linears[0].weight.detach().numpy()
        angle = float(np.degrees(subspace_angles(decoder, pca.components_.T).max()))
        blank = untrained(model, train)
        rows.append(
            {
                "data": name,
                "code": size,
                "PCA, squared error": theirs,
                "linear autoencoder": ours,
                "excess, %": 100 * (ours / theirs - 1),
                "largest angle, degrees": angle,
                "untrained": squared_error(test, blank.reconstruct(test)),
                "mean of the training rows": squared_error(test, train.mean(0)[None]),
                "seconds": model.fit_seconds_,
            }
        )
        holds &= ours / theirs - 1 < 1e-3 and angle < 1
    record(
        "pca",
        claim="A linear autoencoder's held-out squared error is within 0.1 % of PCA's at the same "
        "size, and its decoder spans PCA's subspace to within 1 degree.",
        rows=rows,
        holds=holds,
        published="equality at the minimum (Baldi & Hornik 1989)",
        seeds=[0],
        seconds=time.perf_counter() - began,
    )
