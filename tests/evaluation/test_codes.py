"""Measures of codes against cases whose answer is known."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from isthmus.errors import InvalidInputError
from isthmus.evaluation import active_units, linear_probe, mean_active_codes, pca_codes


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_probe_finds_separable_classes_and_only_those(rng):
    y = np.repeat([0, 1, 2], 100)
    corners = np.array([[0, 0], [10, 0], [0, 10]])[y]
    Z = corners + rng.normal(size=(300, 2))
    assert linear_probe(Z, y, Z, y) == 1.0
    noise = rng.normal(size=(3000, 2))
    labels = rng.integers(0, 3, 3000)
    chance = linear_probe(noise[:2000], labels[:2000], noise[2000:], labels[2000:])
    assert abs(chance - 1 / 3) < 0.06


def test_probe_is_blind_to_the_scale_of_a_code(rng):
    Z = rng.normal(size=(400, 3))
    y = (Z[:, 0] + 0.5 * rng.normal(size=400) > 0).astype(int)
    scaled = Z * [1e-6, 1e6, 3.0] + 100
    halves = slice(0, 200), slice(200, 400)
    accuracy = [linear_probe(A[halves[0]], y[:200], A[halves[1]], y[200:]) for A in (Z, scaled)]
    assert accuracy[0] == accuracy[1] > 0.7


def test_probe_does_not_solve_what_is_not_linear():
    Z = np.tile([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], (50, 1))
    y = np.tile([0, 1, 1, 0], 50)  # exclusive or: a line gets three corners right at most
    assert linear_probe(Z, y, Z, y) <= 0.75


def test_probe_takes_text_labels():
    assert linear_probe([[0.0], [1.0]], ["cat", "dog"], [[1.1]], ["dog"]) == 1.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[0.0], [1.0]], [0], [[0.0]], [0]), r"y_train: .*shape \(2,\), got \(1,\)"),
        (([[0.0], [1.0]], [0, 1], [[0.0]], [[0]]), r"y_test: .*got \(1, 1\)"),
        (([[0.0], [1.0]], [0, 1], [[0.0, 1.0]], [0]), "Z_test: expected 1 codes"),
        (([[0.0], [1.0]], [1, 1], [[0.0]], [1]), "y_train: expected two or more classes"),
        (([[0.0], [np.nan]], [0, 1], [[0.0]], [0]), "Z_train: expected finite"),
    ],
)
def test_probe_names_what_is_wrong(arguments, message):
    with pytest.raises(InvalidInputError, match=message):
        linear_probe(*arguments)


def test_pca_codes_are_those_of_scikit_learn(rng):
    X = rng.normal(size=(50, 4, 2))
    Z_train, Z_test = pca_codes(X[:40], X[40:], 3)
    pca = PCA(3, svd_solver="full").fit(X[:40].reshape(40, -1))
    np.testing.assert_allclose(Z_train, pca.transform(X[:40].reshape(40, -1)))
    np.testing.assert_allclose(Z_test, pca.transform(X[40:].reshape(10, -1)))


def test_pca_codes_refuse_samples_of_another_width(rng):
    with pytest.raises(InvalidInputError, match="X_test: expected 3 values a sample"):
        pca_codes(rng.normal(size=(9, 3)), rng.normal(size=(9, 4)), 2)


def test_active_units_counts_codes_that_move(rng):
    Z = rng.normal(size=(1000, 5)) * [1.0, 0.5, 0.2, 0.05, 0.0] + 3
    assert active_units(Z) == 3
    assert active_units(Z, threshold=0.1) == 2


def test_mean_active_codes_is_blind_to_scale():
    Z = np.array([[0, 0, 2.0], [1.0, -1.0, 1e-9]])
    assert mean_active_codes(Z) == 1.5
    assert mean_active_codes(Z * 1e-5) == 1.5
    assert mean_active_codes(np.zeros((3, 4))) == 0.0
