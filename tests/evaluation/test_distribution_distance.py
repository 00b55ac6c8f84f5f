"""Fréchet and kernel distance against closed forms: normal distributions, and moments."""

from itertools import product

import numpy as np
import pytest
from scipy.linalg import sqrtm

from isthmus.errors import InvalidInputError
from isthmus.evaluation import frechet_distance, kernel_distance


def rows_with(mean, covariance, n=40, seed=0):
    """Return rows whose sample moments are exactly these."""
    mean = np.asarray(mean, dtype=float)
    noise = np.random.default_rng(seed).normal(size=(n, len(mean)))
    noise -= noise.mean(0)
    noise = noise @ np.linalg.inv(np.linalg.cholesky(np.cov(noise.T).reshape(2 * (len(mean),)))).T
    return mean + noise @ np.linalg.cholesky(covariance).T


def covariance(seed, d=4):
    root = np.random.default_rng(seed).normal(size=(d, d))
    return root @ root.T + 0.1 * np.eye(d)


@pytest.mark.parametrize("seed", range(3))
def test_frechet_is_the_closed_form_of_two_normal_distributions(seed):
    rng = np.random.default_rng(seed)
    a, b = covariance(10 + seed), covariance(20 + seed)
    m, n = rng.normal(size=(2, 4))
    exact = np.square(m - n).sum() + np.trace(a + b - 2 * sqrtm(a @ b).real)
    got = frechet_distance(rows_with(m, a, 30), rows_with(n, b, 55, seed=1))
    assert got == pytest.approx(exact, rel=1e-9)


def test_frechet_of_one_feature_and_of_equal_moments():
    one, other = rows_with([1.0], [[4.0]]), rows_with([4.0], [[0.25]])
    assert frechet_distance(one, other) == pytest.approx(3.0**2 + 1.5**2)
    # Two sets of different rows with the same moments.
    a = covariance(0)
    assert frechet_distance(rows_with(np.ones(4), a), rows_with(np.ones(4), a, seed=5)) < 1e-9
    assert frechet_distance(one, one) < 1e-12


def test_frechet_is_symmetric_and_does_not_see_rotations():
    x, y = np.random.default_rng(0).normal(size=(2, 30, 6)) * [[[1.0]], [[1.7]]]
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(6, 6)))[0]
    distance = frechet_distance(x, y)
    assert distance > 1
    assert frechet_distance(y, x) == pytest.approx(distance, rel=1e-10)
    assert frechet_distance(x @ turn + 3, y @ turn + 3) == pytest.approx(distance, rel=1e-10)


def test_frechet_with_fewer_rows_than_features_needs_no_correction():
    # Two rows ± apart along one axis: a covariance of rank one with a known root.
    d = 50
    along = np.zeros((2, 2, d))
    along[:, 0, 0], along[:, 1, 0] = [-1.0, -3.0], [1.0, 3.0]  # variances 2 and 18
    assert frechet_distance(*along) == pytest.approx((np.sqrt(18) - np.sqrt(2)) ** 2, rel=1e-12)
    across = along[1][:, ::-1]  # the same length along another axis: nothing in common
    assert frechet_distance(along[0], across) == pytest.approx(2 + 18, rel=1e-12)
    # Constant features change nothing, on either side of "fewer rows than features".
    x, y = np.random.default_rng(0).normal(size=(2, 12, 5))
    wide = [np.hstack([rows, np.full((12, 40), 7.0)]) for rows in (x, 2 * y)]
    assert frechet_distance(*wide) == pytest.approx(frechet_distance(x, 2 * y), rel=1e-9)


def test_frechet_of_few_rows_is_too_large():
    """The bias that the documentation warns of."""
    rng = np.random.default_rng(0)
    few, many = (
        np.mean([frechet_distance(*rng.normal(size=(2, n, 8))) for _ in range(30)])
        for n in (12, 400)
    )
    assert few > 10 * many > 0


def by_loops(x, y):
    """The unbiased estimate, pair by pair."""
    kernel = lambda a, b: (a @ b / len(a) + 1) ** 3  # noqa: E731
    n, m = len(x), len(y)
    xx = sum(kernel(x[i], x[j]) for i, j in product(range(n), repeat=2) if i != j) / (n * (n - 1))
    yy = sum(kernel(y[i], y[j]) for i, j in product(range(m), repeat=2) if i != j) / (m * (m - 1))
    return xx + yy - 2 * sum(kernel(a, b) for a in x for b in y) / (n * m)


def test_kernel_distance_is_the_sum_over_pairs():
    x, y = np.random.default_rng(0).normal(size=(2, 9, 3))
    value, spread, count = kernel_distance(x, y)
    assert value == pytest.approx(by_loops(x, y), rel=1e-12)
    assert np.isnan(spread)
    assert count == 1


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_kernel_distance_is_unbiased(shift):
    """Its mean over resamples is the population's, which moments tell: x^j of N(m, 1)."""
    exact = 3 * shift**2 + 3 * shift**4 + (shift**3 + 3 * shift) ** 2
    rng = np.random.default_rng(0)
    values = np.array(
        [
            kernel_distance(rng.normal(size=(10, 1)) + shift, rng.normal(size=(10, 1))).value
            for _ in range(4000)
        ]
    )
    error = values.std() / np.sqrt(len(values))
    assert abs(values.mean() - exact) < 4 * error
    assert error < 0.3  # the biased one, with the pairs of a row with itself, is off by over 4
    assert values.min() < 0


def test_kernel_distance_averages_over_disjoint_blocks():
    rng = np.random.default_rng(0)
    x = np.sort(rng.normal(size=(250, 1)), axis=0)  # sorted: blocks of neighbours would not do
    y = rng.normal(size=(230, 1))
    value, spread, count = kernel_distance(x, y, block_size=50)
    assert count == 4  # 230 // 50
    assert value == kernel_distance(x, y, block_size=50).value
    assert value != kernel_distance(x, y, block_size=50, random_state=1).value
    assert abs(value) < 5 * spread / np.sqrt(count)
    # The spread tells the error of the mean.
    results = [
        kernel_distance(*np.random.default_rng(s).normal(size=(2, 200, 1)), block_size=20)
        for s in range(200)
    ]
    told = np.sqrt(np.mean([r.spread**2 / r.n_blocks for r in results]))
    assert told == pytest.approx(np.std([r.value for r in results]), rel=0.25)


@pytest.mark.parametrize("measure", [frechet_distance, kernel_distance])
def test_what_cannot_be_compared_is_refused(measure):
    good = np.random.default_rng(0).normal(size=(5, 3))
    spoilt = good.copy()
    spoilt[2, 1] = np.nan
    with pytest.raises(InvalidInputError, match=r"samples: expected finite numbers.*row 2"):
        measure(spoilt, good)
    with pytest.raises(InvalidInputError, match="reference: expected finite"):
        measure(good, np.full((4, 3), np.inf))
    with pytest.raises(InvalidInputError, match="samples: expected 3 values a row"):
        measure(good[:, :2], good)
    with pytest.raises(InvalidInputError, match="at least 2 rows"):
        measure(good[:1], good)
    with pytest.raises(InvalidInputError, match="two or more dimensions"):
        measure(good[0], good)
