"""Reconstruction measures against values worked out by hand and by scikit-learn."""

import math

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from isthmus.errors import InvalidInputError
from isthmus.evaluation import (
    explained_variance,
    mean_squared_error,
    pca_reconstruction,
    psnr,
    reconstruction_error,
    squared_error,
)


@pytest.fixture(scope="module")
def digits():
    return load_digits().data / 16


def test_squared_error_sums_over_values_and_averages_over_samples():
    X = np.zeros((4, 2, 3))
    X_hat = np.zeros((4, 2, 3))
    X_hat[0] = 2.0  # six values off by two in one of four samples
    assert squared_error(X, X_hat) == 6 * 4 / 4
    assert mean_squared_error(X, X_hat) == 6 * 4 / 4 / 6


def test_integers_do_not_wrap_around():
    assert squared_error(np.zeros((1, 1), np.uint8), np.full((1, 1), 255, np.uint8)) == 255**2


def test_psnr_of_a_tenth_of_the_range_is_twenty_decibels():
    X = np.zeros((3, 5))
    assert psnr(X, X + 0.1, 1.0) == pytest.approx(20.0)
    assert psnr(X, X + 25.5, 255) == pytest.approx(20.0)
    assert psnr(X, X, 1.0) == math.inf


@pytest.mark.parametrize("data_range", [0, -1.0, math.nan, math.inf])
def test_psnr_refuses_an_impossible_range(data_range):
    with pytest.raises(InvalidInputError, match="data_range: expected a positive number"):
        psnr([[0.0]], [[1.0]], data_range)


def test_explained_variance_is_one_for_exact_and_zero_for_the_mean(digits):
    assert explained_variance(digits, digits) == 1.0
    mean = np.broadcast_to(digits.mean(axis=0), digits.shape)
    assert explained_variance(digits, mean) == pytest.approx(0.0, abs=1e-12)
    assert explained_variance(digits, 1 - digits) < 0


def test_pca_keeps_what_it_says_it_keeps(digits):
    pca = PCA(8, svd_solver="full").fit(digits)
    X_hat = pca_reconstruction(digits, digits, 8)
    assert explained_variance(digits, X_hat) == pytest.approx(pca.explained_variance_ratio_.sum())
    eigenvalues = np.linalg.eigvalsh(np.cov(digits.T, bias=True))
    assert squared_error(digits, X_hat) == pytest.approx(eigenvalues[:-8].sum())


def test_pca_learns_from_the_training_data_only(digits):
    train, test = digits[:1000], digits[1000:]
    X_hat = pca_reconstruction(train, test, 8)
    pca = PCA(8, svd_solver="full").fit(train)
    np.testing.assert_allclose(X_hat, pca.inverse_transform(pca.transform(test)))


def test_pca_keeps_the_shape_of_images(digits):
    images = digits.reshape(-1, 8, 8)
    X_hat = pca_reconstruction(images, images[:5], 64)
    assert X_hat.shape == (5, 8, 8)
    np.testing.assert_allclose(X_hat, images[:5], atol=1e-10)


@pytest.mark.parametrize("n_components", [0, 65])
def test_pca_refuses_an_impossible_size(digits, n_components):
    with pytest.raises(InvalidInputError, match="n_components: expected 1 to 64"):
        pca_reconstruction(digits, digits, n_components)


def test_pca_refuses_samples_of_another_shape(digits):
    with pytest.raises(InvalidInputError, match=r"X_test: expected samples of shape \(64,\)"):
        pca_reconstruction(digits, digits.reshape(-1, 8, 8), 2)


def test_reconstruction_error_gathers_the_single_measures(digits):
    X_hat = pca_reconstruction(digits, digits, 3)
    assert reconstruction_error(digits, X_hat, data_range=1) == {
        "squared_error": squared_error(digits, X_hat),
        "mean_squared_error": mean_squared_error(digits, X_hat),
        "explained_variance": explained_variance(digits, X_hat),
        "psnr": psnr(digits, X_hat, 1),
    }


def test_equal_samples_have_no_variance_to_explain():
    X = np.ones((3, 2))
    assert math.isnan(reconstruction_error(X, X)["explained_variance"])
    with pytest.raises(InvalidInputError, match="no variance"):
        explained_variance(X, X)


@pytest.mark.parametrize(
    ("X", "X_hat", "message"),
    [
        ([[0.0, 1.0]], [[0.0]], r"X_hat: expected the shape of X, \(1, 2\), got \(1, 1\)"),
        ([[0.0], [math.nan]], [[0.0], [0.0]], "X: expected finite numbers.*row 1"),
        ([[0.0]], [[math.inf]], "X_hat: expected finite numbers"),
        ([["a"]], [["b"]], "X: expected an array of numbers"),
        ([0.0], [0.0], r"two or more dimensions, got shape \(1,\)"),
        (np.zeros((0, 3)), np.zeros((0, 3)), "non-empty"),
    ],
)
def test_unusable_data_are_named(X, X_hat, message):
    with pytest.raises(InvalidInputError, match=message):
        squared_error(X, X_hat)
