"""The autocorrelation time beside chains of which it is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from isthmus.errors import InvalidInputError
from isthmus.evaluation import autocorrelation_time


def autoregressive(rho, n_chains=4, n_steps=50_000, seed=0, values=1):
    """x' = ρx + √(1 − ρ²) ε, from its stationary distribution N(0, 1)."""
    noise = np.random.default_rng(seed).normal(size=(n_chains, n_steps, values))
    noise[:, 1:] *= np.sqrt(1 - rho**2)
    return lfilter([1.0], [1.0, -rho], noise, axis=1)


@pytest.mark.parametrize("rho", [-0.5, 0.0, 0.5, 0.9, 0.97])
def test_first_order_autoregression(rho):
    (time,) = autocorrelation_time(autoregressive(rho))
    assert time == pytest.approx((1 + rho) / (1 - rho), rel=0.08)


def test_each_projection_has_its_own_time():
    """The direction of the largest variance comes first, however the states are turned."""
    slow, fast = autoregressive(0.9), autoregressive(0.5, seed=1)
    states = np.concatenate([3 * slow, fast, np.zeros_like(fast)], axis=2)
    turned = states @ np.linalg.qr(np.random.default_rng(2).normal(size=(3, 3))).Q
    np.testing.assert_allclose(autocorrelation_time(turned, n_projections=2), [19, 3], rtol=0.1)


def test_the_error_of_a_mean_is_what_the_time_says():
    """Var(mean of n steps) = τ/n: what the measure is for."""
    chains = autoregressive(0.8, n_chains=2000, n_steps=1000)[..., 0]
    effective = 1 / chains.mean(axis=1).var()
    (time,) = autocorrelation_time(chains[..., None])
    assert 1000 / time == pytest.approx(effective, rel=0.1)


def test_chains_that_stay_at_different_modes_are_slow():
    rng = np.random.default_rng(0)
    modes = np.array([-5.0, 5.0])[:, None, None]
    stuck = rng.normal(size=(2, 1000, 1)) + modes
    assert autocorrelation_time(stuck)[0] > 100
    assert autocorrelation_time(stuck[:1])[0] < 2  # one chain alone cannot know
    hopping = rng.normal(size=(2, 1000, 1)) + modes[rng.integers(0, 2, size=(2, 1000)), 0]
    assert autocorrelation_time(hopping)[0] < 2


@settings(max_examples=25, deadline=None)
@given(
    scale=st.floats(0.01, 100),
    shift=st.floats(-100, 100),
    repeats=st.integers(1, 5),
    seed=st.integers(0, 99),
)
def test_units_do_not_matter_and_waiting_costs_in_proportion(scale, shift, repeats, seed):
    chains = autoregressive(0.3, n_steps=3000, seed=seed, values=2)
    time = autocorrelation_time(chains)
    np.testing.assert_allclose(autocorrelation_time(scale * chains + shift), time, rtol=1e-4)
    waiting = autocorrelation_time(chains.repeat(repeats, axis=1))
    np.testing.assert_allclose(waiting, repeats * time, rtol=0.15)


def test_images_and_what_does_not_move():
    images = autoregressive(0.5, n_steps=200, values=12).reshape(4, 200, 3, 4)
    assert autocorrelation_time(images).shape == (5,)
    assert autocorrelation_time(images, n_projections=99).shape == (12,)
    assert np.isinf(autocorrelation_time(np.ones((2, 10, 3)))).all()


@pytest.mark.parametrize(
    ("chains", "n_projections", "word"),
    [
        (np.zeros(5), 5, "chains"),
        (np.zeros((5, 1, 2)), 5, "chains"),
        (np.full((2, 5, 2), np.nan), 5, "chains"),
        (np.zeros((2, 5, 2)), 0, "n_projections"),
    ],
)
def test_what_cannot_be(chains, n_projections, word):
    with pytest.raises(InvalidInputError, match=f"^{word}: .*got") as caught:
        autocorrelation_time(chains, n_projections=n_projections)
    assert "\n" not in str(caught.value)


def test_rounding_is_no_movement_and_wide_states_are_cheap():
    assert np.isinf(autocorrelation_time(np.full((2, 100, 3), 0.1))).all()
    wide = np.random.default_rng(0).normal(size=(2, 50, 20_000))
    assert autocorrelation_time(wide).shape == (5,)  # a 20,000 × 20,000 matrix would be 3.2 GB


def test_what_no_state_varies_in_never_moves():
    """Fewer states than values, rounded constants, and directions without variance."""
    assert np.isinf(autocorrelation_time(np.full((10, 3000, 4), 0.1) + 1e6 / 3)).all()
    few = np.random.default_rng(0).normal(size=(1, 4, 9))
    times = autocorrelation_time(few, n_projections=9)
    assert times.shape == (9,)
    assert np.isinf(times[3:]).all()  # four states less their mean span three directions
    assert np.isfinite(times[:3]).all()
    moving = autoregressive(0.5, n_steps=2000, values=2) @ np.random.default_rng(1).normal(
        size=(2, 30)
    )
    assert np.isfinite(autocorrelation_time(moving)).tolist() == [True, True, False, False, False]


@pytest.mark.parametrize("values", [3, 40])  # fewer than the states, and more
def test_projections_are_the_principal_components(values):
    states = autoregressive(0.5, n_chains=1, n_steps=30, values=values)
    states = states * np.linspace(1, 3, values)
    left, sizes, _ = np.linalg.svd(states[0] - states[0].mean(0), full_matrices=False)
    expected = [autocorrelation_time(column[None, :, None])[0] for column in (left * sizes).T[:3]]
    np.testing.assert_allclose(autocorrelation_time(states, n_projections=3), expected)
