"""Dimensions of manifolds that are known."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import make_swiss_roll

from isthmus import Autoencoder
from isthmus.errors import InvalidInputError
from isthmus.geometry import intrinsic_dimension, local_dimension, participation_ratio


def linear(n=1500, d=5):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, d)) @ np.linalg.qr(rng.normal(size=(20, 20)))[0][:d]


def sphere(n=1500):
    x = np.random.default_rng(1).normal(size=(n, 3))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("X", "dimension"),
    [
        (sphere(), 2),
        (make_swiss_roll(1500, random_state=0)[0], 2),
        (linear(), 5),
        (np.random.default_rng(2).normal(size=(1500, 3)), 3),
        (np.random.default_rng(3).uniform(size=(1500, 1)) * [1, 2], 1),
    ],
    ids=["sphere", "swiss roll", "plane", "filled", "curve"],
)
def test_the_data_alone_tell_the_dimension(X, dimension):
    overall, local = intrinsic_dimension(X)
    assert overall == pytest.approx(dimension, rel=0.1)
    assert local.mean() == pytest.approx(overall, rel=1e-5)
    assert np.median(local) == pytest.approx(dimension, rel=0.15)


def test_the_estimate_is_the_papers_formula():
    X = sphere(80)
    _, local = intrinsic_dimension(X, n_neighbors=(4, 6))
    for i in (0, 17):
        T = np.sort(np.linalg.norm(X - X[i], axis=1))[1:]
        found = [(k - 2) / np.log(T[k - 1] / T[: k - 1]).sum() for k in (4, 5, 6)]
        assert local[i] == pytest.approx(np.mean(found), rel=1e-5)


def test_units_and_copies_do_not_matter():
    X = linear(400)
    overall, local = intrinsic_dimension(X)
    assert intrinsic_dimension(1000 * X + 5)[0] == pytest.approx(overall, rel=1e-6)
    twice, both = intrinsic_dimension(np.vstack([X, X]))
    assert twice == pytest.approx(overall, rel=1e-6)
    np.testing.assert_array_equal(both[:400], both[400:])
    np.testing.assert_allclose(both[:400], local, rtol=1e-5)


def test_participation_ratio_has_its_bounds():
    rng = np.random.default_rng(0)
    values = rng.exponential(size=(100, 7))
    ratio = participation_ratio(values)
    assert ((ratio >= 1) & (ratio <= 7)).all()
    np.testing.assert_allclose(participation_ratio(1e-30 * values), ratio, rtol=1e-5)
    expected = (values**2).sum(1) ** 2 / (values**4).sum(1)
    np.testing.assert_allclose(ratio, expected, rtol=1e-5)
    assert participation_ratio(np.full(5, 3.0)) == pytest.approx(5)
    assert participation_ratio(np.zeros(5)) == 0


def test_a_linear_autoencoder_with_too_many_codes_counts_the_directions_of_the_data():
    X = linear(300, 3)
    model = Autoencoder(
        latent_dim=8, hidden_layer_sizes=(), tied_weights=True, likelihood="gaussian", scaling=None,
        weight_decay=0.01, early_stopping=False, learning_rate=0.03, max_epochs=60, random_state=0,
    ).fit(X)  # fmt: skip
    assert (local_dimension(model, X, threshold=0.3) == 3).all()
    np.testing.assert_allclose(local_dimension(model, X), 3, atol=0.5)
    assert (local_dimension(model, X, of="decoder", threshold=0.3) == 3).all()


def test_what_cannot_be_used_is_named():
    X = linear(50)
    model = Autoencoder(max_epochs=1).fit(X)
    for call, message in (
        (lambda: intrinsic_dimension(X, n_neighbors=(10, 50)), "n_neighbors: expected"),
        (lambda: intrinsic_dimension(X, n_neighbors=(2, 10)), "n_neighbors: expected"),
        (lambda: intrinsic_dimension(X * np.nan), "finite"),
        (lambda: local_dimension(model, X, threshold=1.0), "threshold: expected"),
        (lambda: local_dimension(model, X, threshold=0), "threshold: expected"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            call()


def test_ties_and_one_number_of_neighbours():
    with pytest.raises(InvalidInputError, match="equally far"):
        intrinsic_dimension(np.eye(40))
    X = np.random.default_rng(0).normal(size=(300, 2))
    overall, _ = intrinsic_dimension(X, n_neighbors=10)
    assert overall == intrinsic_dimension(X, n_neighbors=(10, 10))[0]


def test_distances_that_are_equal_but_for_rounding_are_ties():
    """Of one-hot rows times a number; of the others the mean is that of those with an estimate."""
    for scale in (0.1, 1 / 3, 1e5 / 7):
        for k in (3, 10):
            with pytest.raises(InvalidInputError, match="equally far"):
                intrinsic_dimension(scale * np.eye(40), n_neighbors=k)
    X = np.random.default_rng(0).normal(size=(200, 30))
    far = 1000 + 1000 * np.eye(30)
    overall, local = intrinsic_dimension(np.vstack([X, far]), n_neighbors=(5, 10))
    assert np.isinf(local[200:]).all()
    assert overall == pytest.approx(local[:200].mean(), rel=1e-5)


@pytest.mark.parametrize("wrong", [10.0, "10", (3, 4, 5), (3.0, 5), None, 2])
def test_neighbours_that_cannot_be_counted_are_refused(wrong):
    with pytest.raises(InvalidInputError, match="n_neighbors: expected"):
        intrinsic_dimension(linear(50), n_neighbors=wrong)
