"""Manifold Parzen: a density, scikit-learn's in the isotropic limit, and better on a curve."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KernelDensity
from sklearn.utils.estimator_checks import parametrize_with_checks

from isthmus.errors import InvalidInputError
from isthmus.geometry import ManifoldParzen


@parametrize_with_checks([ManifoldParzen(), ManifoldParzen(n_components=0)])
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


def spiral(n, seed):
    rng = np.random.default_rng(seed)
    t = 3 * np.pi * np.sqrt(rng.uniform(0.05, 1, n))
    return np.column_stack([t * np.cos(t), t * np.sin(t)]) / 5 + 0.02 * rng.normal(size=(n, 2))


@settings(max_examples=20, deadline=None)
@given(
    st.integers(2, 30),
    st.integers(1, 6),
    st.floats(0.05, 3),
    st.floats(-1e4, 1e4),
    st.integers(0, 99),
)
def test_without_directions_it_is_scikit_learns(n, d, bandwidth, shift, seed):
    rng = np.random.default_rng(seed)
    X, Q = rng.normal(size=(n, d)), rng.normal(size=(7, d))
    ours = ManifoldParzen(bandwidth=bandwidth, n_components=0).fit(X + shift)
    theirs = KernelDensity(bandwidth=bandwidth).fit(X)  # at the origin, where it is exact
    np.testing.assert_allclose(
        ours.score_samples(Q + shift), theirs.score_samples(Q), rtol=1e-6, atol=1e-6
    )


@pytest.mark.parametrize("count", [1, 2, 4])
def test_it_is_the_mixture_of_full_gaussians(count):
    rng = np.random.default_rng(0)
    X, Q = rng.normal(size=(40, 4)), rng.normal(size=(9, 4))
    model = ManifoldParzen(bandwidth=0.3, n_components=count, n_neighbors=6).fit(X)
    total = np.zeros(9)
    for i, x in enumerate(X):
        near = X[np.argsort(np.linalg.norm(X - x, axis=1))[1:7]] - x
        values, vectors = np.linalg.eigh(near.T @ near / 6)
        top = vectors[:, ::-1][:, :count]
        covariance = top @ np.diag(values[::-1][:count]) @ top.T + 0.09 * np.eye(4)
        total += multivariate_normal(x, covariance).pdf(Q) / 40
        np.testing.assert_allclose(
            np.sort(model.variances_[i]), np.sort(values[::-1][:count] + 0.09), rtol=1e-8
        )
    np.testing.assert_allclose(model.score_samples(Q), np.log(total), rtol=1e-8)
    assert model.score(Q) == pytest.approx(np.log(total).mean())


def test_it_integrates_to_one():
    X = spiral(60, 0)
    model = ManifoldParzen(bandwidth=0.1, n_neighbors=5).fit(X)
    side = np.linspace(-6, 6, 500)
    grid = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)
    mass = np.exp(model.score_samples(grid)).sum() * (side[1] - side[0]) ** 2
    assert mass == pytest.approx(1, abs=1e-4)


def test_held_out_rows_of_a_spiral_are_likelier_than_under_the_best_round_kernels():
    train, test = spiral(300, 1), spiral(1000, 2)
    grid = {"bandwidth": np.geomspace(0.01, 0.6, 12)}
    theirs = GridSearchCV(KernelDensity(), grid, cv=5).fit(train).best_estimator_
    grid["n_neighbors"] = [3, 5, 10]
    ours = GridSearchCV(ManifoldParzen(), grid, cv=5).fit(train).best_estimator_
    assert ours.score(test) - theirs.score(test) / len(test) > 0.15


def test_draws_have_the_moments_of_the_density_and_a_seed():
    X = spiral(50, 3)
    model = ManifoldParzen(bandwidth=0.2, n_components=2, n_neighbors=5).fit(X)
    draws = model.sample(200_000, random_state=0)
    np.testing.assert_allclose(draws.mean(0), X.mean(0), atol=0.02)
    own = np.einsum("nk,nki,nkj->ij", model.variances_, model.directions_, model.directions_) / 50
    np.testing.assert_allclose(np.cov(draws.T), np.cov(X.T, bias=True) + own, rtol=0.02, atol=0.01)
    np.testing.assert_array_equal(model.sample(5, random_state=1), model.sample(5, random_state=1))
    assert (model.sample(5, random_state=1) != model.sample(5, random_state=2)).any()
    # Monte Carlo: the mean log density of its own draws is minus its entropy, at most any other's.
    other = ManifoldParzen(bandwidth=0.4, n_neighbors=5).fit(X)
    assert model.score(draws[:2000]) > other.score(draws[:2000])


def test_what_cannot_be_used_is_named():
    X = spiral(20, 0)
    for parameters in ({"bandwidth": 0}, {"n_components": -1}, {"n_neighbors": 0}):
        with pytest.raises(InvalidInputError, match=next(iter(parameters))):
            ManifoldParzen(**parameters).fit(X)
    with pytest.raises(InvalidInputError, match="n_samples: expected"):
        ManifoldParzen().fit(X).sample(0)
    with pytest.raises(InvalidInputError, match="NaN"):
        ManifoldParzen().fit(X * np.nan)


def test_a_bandwidth_that_is_set_later_waits_for_the_next_fit():
    X = np.random.default_rng(0).normal(size=(60, 2))
    density = ManifoldParzen(bandwidth=0.5, n_components=1).fit(X)
    before = density.score_samples(X)
    np.testing.assert_array_equal(density.set_params(bandwidth=0.1).score_samples(X), before)
    assert density.fit(X).score(X) != before.mean()
    fresh = ManifoldParzen(bandwidth=0.1, n_components=1).fit(X)
    np.testing.assert_array_equal(density.score_samples(X), fresh.score_samples(X))
    draws = (each.sample(9, random_state=0) for each in (density, fresh))
    np.testing.assert_array_equal(*draws)
