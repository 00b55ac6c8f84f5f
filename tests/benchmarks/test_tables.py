"""Small versions of the published tables, on digits, and what their controls must say."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy.ndimage import rotate
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from benchmarks import deep_autoencoder, few_labels, k_sparse, pretraining, stacked_denoising


@cache
def digits():
    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.data))
    X, y = (data.data[order] / 16).astype(np.float32), data.target[order]
    return X[:1400], y[:1400], X[1400:], y[1400:]


def column(rows, key, value):
    return {row[key]: row[value] for row in rows}


def test_deep_autoencoder():
    X, _, test, _ = digits()
    sizes = {"hidden": (60, 30), "latent_dim": 8}
    rows = deep_autoencoder.table(X, test, **sizes, layer_epochs=30, epochs=60)
    error = column(rows, "model", "squared error")
    pca = PCA(8).fit(X)
    linear = ((pca.inverse_transform(pca.transform(test)) - test) ** 2).sum(1).mean()
    assert error["PCA, 8"] == pytest.approx(linear, rel=1e-4)
    for trained in ("deep, layers, then fine-tuned", "deep, from scratch"):
        assert error[trained] < error["deep, layers only"] < error["mean image"]
        assert error[trained] < 0.2 * error["deep, untrained"]
    assert error["deep, layers, then fine-tuned"] < error["PCA, 8"]


def test_pretraining():
    strengths = {**pretraining.STRENGTHS, "CAE": 0.1, "DAE-g": 0.3}
    rows = pretraining.table(*digits(), n_units=60, layer_epochs=20, epochs=10, strengths=strengths)
    norm = column(rows, "pretraining", "over CAE's")
    assert norm["CAE"] == 1 < norm["AE"]  # contraction contracts
    assert norm["DAE-g"] < norm["AE"]  # and so does noise (Alain & Bengio 2014)
    error = column(rows, "pretraining", "test error, %")
    assert max(error.values()) < 10
    assert list(error) == [*pretraining.PUBLISHED, "no pretraining"]


def test_k_sparse():
    rows = k_sparse.table(*digits(), n_units=200, ks=(5, 20), epochs=30, n_validation=300)
    error = column(rows, "features", "test error, %")
    assert error["k = 20"] < 6
    assert error["k = 20"] <= error["k = 5"]
    assert error["k = 20"] < error["k = 20, untrained"]


def test_stacked_denoising():
    """Little rotated pixels are no feature for a linear machine; a layer is better."""
    X, y, test, y_test = digits()

    def turned(rows, seed):
        angles = np.random.default_rng(seed).uniform(0, 360, len(rows))
        images = rows.reshape(-1, 8, 8)
        return np.stack(
            [rotate(i, a, reshape=False, order=1) for i, a in zip(images, angles, strict=True)]
        ).reshape(len(rows), -1)

    np.testing.assert_allclose(
        stacked_denoising.rotated(test.reshape(-1, 8, 8), 1), turned(test, 1).clip(0, 1), atol=1e-6
    )
    rows = stacked_denoising.table(
        np.clip(turned(X, 0), 0, 1).astype(np.float32),
        y,
        np.clip(turned(test, 1), 0, 1).astype(np.float32),
        y_test,
        n_validation=300,
        sizes=(150, 150),
        epochs=40,
    )
    error = column(rows, "features", "test error, %")
    control = column(rows, "features", "untrained, %")
    assert error["layer 1"] < error["raw pixels"] + 1.5  # by the seed, a percent to either side
    assert error["layer 2"] < control["layer 2"]


def test_few_labels():
    rows = few_labels.table(
        *digits(),
        counts=(50, 200),
        sizes=(100,),
        layer_epochs=40,
        steps=400,
        contraction=0.03,
        seeds=(0, 1),
    )
    for row in rows:
        assert row["pretrained, %"] < row["alone, %"]
    assert rows[1]["pretrained, %"] < rows[0]["pretrained, %"]
