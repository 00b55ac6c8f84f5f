"""FISTA against scikit-learn's lasso, against optimality itself, and against slow references."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import SparseCoder

from isthmus.errors import InvalidInputError
from isthmus.nn import fista
from isthmus.nn.modules.sparse_inference import duality_gap, largest_eigenvalue, sparse_objective


def problem(seed, n=12, d=10, k=16):
    """Return data and a dictionary of atoms of norm 1, float64."""
    rng = np.random.default_rng(seed)
    D = rng.normal(size=(d, k))
    D /= np.linalg.norm(D, axis=0)
    return torch.from_numpy(rng.normal(size=(n, d))), torch.from_numpy(D)


def extras(seed, n, d, k, predicted, holes):
    """Return the prediction term and the mask, where they are asked for."""
    rng = np.random.default_rng(seed + 1000)
    parts = {}
    if predicted:
        parts["prediction"] = torch.from_numpy(rng.normal(size=(n, k)))
        parts["prediction_weight"] = 0.7
    if holes:
        parts["observed"] = torch.from_numpy(rng.random((n, d)) < 0.7)
    return parts


def exact(x, D, l1, **parts):
    return fista(x, D, l1, n_steps=20_000, tolerance=1e-14, **parts)


def slopes(z, x, D, parts):
    """Minus the gradient of the smooth part, from its definition."""
    residual = x - z @ D.T
    if "observed" in parts:
        residual = torch.where(parts["observed"], residual, 0.0)
    slope = residual @ D
    if "prediction" in parts:
        slope = slope + parts["prediction_weight"] * (parts["prediction"] - z)
    return slope


sizes = st.tuples(st.integers(1, 8), st.integers(1, 12), st.integers(1, 20))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), size=sizes, l1=st.floats(0.05, 1.0))
def test_it_finds_what_scikit_learn_finds(seed, size, l1):
    x, D = problem(seed, *size)
    z = fista(x, D, l1, n_steps=5000, tolerance=1e-10)
    for algorithm in ("lasso_lars", "lasso_cd"):
        # Its alpha is this λ: it divides by the number of features what the lasso multiplies.
        coder = SparseCoder(
            D.T.numpy(),
            transform_algorithm=algorithm,
            transform_alpha=l1,
            transform_max_iter=50_000,
        )
        theirs = torch.from_numpy(coder.transform(x.numpy()))
        ours, other = sparse_objective(z, x, D, l1), sparse_objective(theirs, x, D, l1)
        assert (ours <= other * (1 + 1e-5) + 1e-12).all()


def test_the_codes_themselves_are_scikit_learns():
    x, D = problem(0, 30, 20, 30)
    coder = SparseCoder(D.T.numpy(), transform_algorithm="lasso_lars", transform_alpha=0.3)
    theirs = coder.transform(x.numpy())
    z = exact(x, D, 0.3).numpy()
    np.testing.assert_allclose(z, theirs, atol=1e-8)
    assert ((z == 0) == (theirs == 0)).all()
    assert 0.2 < (z == 0).mean() < 0.9


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    l1=st.floats(0.0, 2.0),
    predicted=st.booleans(),
    holes=st.booleans(),
)
def test_the_conditions_of_a_minimum_hold(seed, l1, predicted, holes):
    """λ is the slope where a number is not 0, and bounds it where it is."""
    x, D = problem(seed, 6, 10, 8)  # more values than atoms: one minimum also without λ
    parts = extras(seed, 6, 10, 8, predicted, holes)
    if l1 == 0 and holes and not predicted:
        l1 = 0.1  # rows with few values observed have many minima
    z = fista(x, D, l1, n_steps=3000, tolerance=1e-12, **parts)
    slope = slopes(z, x, D, parts)
    active = z != 0
    torch.testing.assert_close(slope[active], l1 * z[active].sign(), atol=1e-5, rtol=0)
    assert (slope[~active].abs() <= l1 + 1e-5).all()


def test_a_strong_prediction_is_what_comes_out():
    x, D = problem(0)
    f = torch.randn(12, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    z = fista(x, D, 0.1, prediction=f, prediction_weight=1e6, n_steps=500)
    torch.testing.assert_close(z, f, atol=1e-4, rtol=0)


@pytest.mark.parametrize("predicted", [False, True])
@pytest.mark.parametrize("holes", [False, True])
def test_the_gap_bounds_the_distance_to_the_minimum(predicted, holes):
    x, D = problem(3)
    parts = extras(3, 12, 10, 16, predicted, holes)
    best = sparse_objective(exact(x, D, 0.2, **parts), x, D, 0.2, **parts)
    start = torch.randn(12, 16, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for n in (1, 3, 10, 30, 100):
        z = fista(x, D, 0.2, start=start, n_steps=n, **parts)
        excess = sparse_objective(z, x, D, 0.2, **parts) - best
        gap = duality_gap(z, x, D, 0.2, **parts)
        assert (gap >= excess - 1e-12).all()
    assert (gap < 0.1).all()
    z = exact(x, D, 0.2, **parts)
    assert (duality_gap(z, x, D, 0.2, **parts).abs() < 1e-10).all()


@pytest.mark.parametrize("predicted", [False, True])
@pytest.mark.parametrize("holes", [False, True])
def test_rows_stop_when_their_gap_is_small_and_not_before_others_are(predicted, holes):
    x, D = problem(5, n=30)
    x = x * torch.logspace(-1, 1, 30, dtype=torch.float64)[:, None]  # some are done sooner
    parts = extras(5, 30, 10, 16, predicted, holes)
    zero = sparse_objective(x.new_zeros(30, 16), x, D, 0.2, **parts)
    codes = {}
    for tolerance in (1e-1, 1e-3, 1e-6):
        z = codes[tolerance] = fista(x, D, 0.2, n_steps=10_000, tolerance=tolerance, **parts)
        assert (duality_gap(z, x, D, 0.2, **parts) <= tolerance * zero).all()
        # A row's code is its own: it does not depend on how long the others take.
        for i in (0, 14, 29):
            own = {
                name: part[i : i + 1] if isinstance(part, torch.Tensor) else part
                for name, part in parts.items()
            }
            alone = fista(x[i : i + 1], D, 0.2, n_steps=10_000, tolerance=tolerance, **own)
            torch.testing.assert_close(alone, z[i : i + 1], atol=1e-10, rtol=1e-8)
    assert not torch.allclose(codes[1e-1], codes[1e-6], atol=1e-4)
    capped = fista(x, D, 0.2, n_steps=7, tolerance=0.0, **parts)
    torch.testing.assert_close(capped, fista(x, D, 0.2, n_steps=7, **parts))


def ista(x, D, l1, n_steps):
    """Gradient steps and soft thresholds, without momentum: the slow reference."""
    step = 1 / np.linalg.eigvalsh(D.T @ D)[-1]
    z = np.zeros((len(x), D.shape[1]))
    for _ in range(n_steps):
        z = z + step * (x - z @ D.T) @ D
        z = np.sign(z) * np.maximum(np.abs(z) - step * l1, 0)
    return torch.from_numpy(z)


def plain_fista(x, D, l1, n_steps):
    """Beck & Teboulle's own, which never restarts."""
    step = 1 / np.linalg.eigvalsh(D.T @ D)[-1]
    z = y = np.zeros((len(x), D.shape[1]))
    t = 1.0
    for _ in range(n_steps):
        new = y + step * (x - y @ D.T) @ D
        new = np.sign(new) * np.maximum(np.abs(new) - step * l1, 0)
        t_new = (1 + np.sqrt(1 + 4 * t * t)) / 2
        y = new + (t - 1) / t_new * (new - z)
        z, t = new, t_new
    return torch.from_numpy(z)


@pytest.mark.parametrize("seed", range(4))
def test_it_is_faster_than_steps_without_momentum_and_keeps_its_bound(seed):
    x, D = problem(seed, 20, 20, 40)
    minimum = exact(x, D, 0.1)
    best = sparse_objective(minimum, x, D, 0.1)
    smoothness = np.linalg.eigvalsh(D.T @ D)[-1]
    for n in (10, 30, 100, 300):
        ours = sparse_objective(fista(x, D, 0.1, n_steps=n), x, D, 0.1)
        slow = sparse_objective(ista(x.numpy(), D.numpy(), 0.1, n), x, D, 0.1)
        assert ours.mean() <= slow.mean()
        assert ours.mean() - best.mean() < 0.6 * (slow.mean() - best.mean())
        bound = 2 * smoothness * minimum.square().sum(1) / (n + 1) ** 2  # their Theorem 4.4
        assert (ours - best <= bound).all()


def test_up_to_the_first_restart_it_is_the_published_algorithm_and_then_it_is_better():
    x, D = problem(0, 20, 20, 15)
    early = fista(x, D, 0.1, n_steps=3)
    torch.testing.assert_close(
        early, plain_fista(x.numpy(), D.numpy(), 0.1, 3), rtol=1e-2, atol=1e-3
    )
    best = sparse_objective(exact(x, D, 0.1), x, D, 0.1).mean()
    ours = sparse_objective(fista(x, D, 0.1, n_steps=200), x, D, 0.1).mean() - best
    theirs = sparse_objective(plain_fista(x.numpy(), D.numpy(), 0.1, 200), x, D, 0.1).mean() - best
    assert ours < 0.1 * theirs


def test_what_is_not_observed_does_not_count():
    x, D = problem(2)
    observed = torch.rand(12, 10, generator=torch.Generator().manual_seed(0)) < 0.6
    observed[0] = False
    z = fista(x, D, 0.1, observed=observed, n_steps=300)
    other = torch.where(observed, x, 1e3)
    torch.testing.assert_close(fista(other, D, 0.1, observed=observed, n_steps=300), z)
    assert (z[0] == 0).all()
    kept = observed[1]  # the same problem with the rows of D that are left
    alone = exact(x[1:2, kept], D[kept], 0.1)
    z = exact(x, D, 0.1, observed=observed)
    torch.testing.assert_close(z[1:2], alone, atol=1e-6, rtol=0)


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    d=st.integers(1, 30),
    k=st.integers(1, 40),
    scale=st.floats(1e-3, 1e3),
)
def test_the_bound_is_never_below_the_largest_eigenvalue_and_close(seed, d, k, scale):
    D = torch.from_numpy(np.random.default_rng(seed).normal(size=(d, k))) * scale
    gram = D.T @ D
    exact = torch.linalg.eigvalsh(gram)[-1]
    bound = largest_eigenvalue(gram)
    assert exact * (1 - 1e-9) <= bound <= exact * k ** (1 / 64) * (1 + 1e-9)


def test_equal_eigenvalues_are_the_worst_case_and_zero_is_no_trouble():
    bound = largest_eigenvalue(torch.eye(1024))
    assert float(bound) == pytest.approx(1024 ** (1 / 64), rel=1e-5)
    assert torch.isfinite(largest_eigenvalue(torch.zeros(3, 3)))
    z = fista(torch.ones(2, 4), torch.zeros(4, 3), 0.1)
    assert (z == 0).all()


def test_no_graph_is_kept_and_nothing_is_changed():
    x, D = problem(0)
    D.requires_grad_()
    start = torch.ones(12, 16, dtype=torch.float64, requires_grad=True)
    before = [part.detach().clone() for part in (x, D, start)]
    z = fista(x, D, 0.1, start=start, prediction=start, prediction_weight=1.0, tolerance=1e-3)
    assert not z.requires_grad
    assert z.dtype == torch.float64
    for part, old in zip((x, D, start), before, strict=True):
        assert torch.equal(part, old)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"l1": -0.1}, "l1"),
        ({"l1": float("nan")}, "l1"),
        ({"l1": 0.1, "n_steps": 0}, "n_steps"),
        ({"l1": 0.1, "prediction_weight": -1.0}, "prediction_weight"),
        ({"l1": 0.1, "prediction_weight": 1.0}, "prediction"),
    ],
)
def test_what_cannot_be_is_refused(arguments, name):
    x, D = problem(0)
    with pytest.raises(InvalidInputError, match=f"^{name}: "):
        fista(x, D, **arguments)
