"""MNIST with Gaussian noise: a denoising autoencoder, a median filter and PCA."""

from __future__ import annotations

import time

import numpy as np
from scipy.ndimage import median_filter
from sklearn.decomposition import PCA

from benchmarks.datasets import mnist, squared_error
from benchmarks.ledger import record
from isthmus import DenoisingAutoencoder
from isthmus.models import untrained
from isthmus.nn import GaussianNoise

SIGMA = 0.5


def run() -> None:
    began = time.perf_counter()
    x, _, x_test, _ = mnist()
    rng = np.random.default_rng(0)

    def noisy(images: np.ndarray) -> np.ndarray:
        noise = rng.normal(0, SIGMA, images.shape)
        return np.clip(images + noise, 0, 1).astype(np.float32)

    test, held_out = noisy(x_test), noisy(x[-5000:])
    rows = [{"method": "the noisy input", "squared error": squared_error(x_test, test)}]
    # The controls get their best setting: the one with the least error on 5,000 training images.
    size = min((3, 5), key=lambda s: squared_error(x[-5000:], median_filter(held_out, (1, s, s))))
    filtered = median_filter(test, (1, size, size))
    rows.append(
        {
            "method": f"median filter {size} × {size}",
            "squared error": squared_error(x_test, filtered),
        }
    )
    pca = PCA(150, random_state=0).fit(x[:-5000].reshape(-1, 784))

    def project(images: np.ndarray, k: int) -> np.ndarray:
        basis = pca.components_[:k]
        flat = images.reshape(len(images), -1) - pca.mean_
        return (flat @ basis.T @ basis + pca.mean_).reshape(images.shape)

    k = min(
        (10, 20, 30, 40, 60, 100, 150),
        key=lambda k: squared_error(x[-5000:], project(held_out, k)),
    )
    rows.append(
        {"method": f"PCA projection, {k}", "squared error": squared_error(x_test, project(test, k))}
    )
    model = DenoisingAutoencoder(
        corruption=GaussianNoise(SIGMA, clip=(0.0, 1.0)),
        latent_dim=64,
        random_state=0,
        verbose=1,
    ).fit(x)
    blank = untrained(model, x)
    rows.append(
        {
            "method": "the same network, untrained",
            "squared error": squared_error(x_test, blank.reconstruct(test)),
        }
    )
    ours = squared_error(x_test, model.reconstruct(test))
    rows.append({"method": "DenoisingAutoencoder (convolutional, 64 codes)", "squared error": ours})
    record(
        "mnist_denoising",
        claim="On MNIST with Gaussian noise of σ = 0.5, clipped to [0, 1], the denoising "
        "autoencoder is nearer to the clean test images than the noisy input, a median filter and "
        "PCA projection, each with its best setting.",
        rows=rows,
        holds=all(ours < row["squared error"] for row in rows[:-1]),
        seeds=[0],
        notes=[
            "Squared error an image against the clean image, pixels in [0, 1], 10,000 test images.",
            f"Training took {model.fit_seconds_:.0f} s, {model.n_iter_} epochs.",
        ],
        seconds=time.perf_counter() - began,
    )
