"""The exact scores are exact, and the small benchmark already shows what the large one claims."""

import numpy as np
from scipy.integrate import quad
from scipy.special import logsumexp

from benchmarks.score_field import SIGMA, errors, gaussian_mixture, mixture_score, spiral


def test_the_exact_score_is_the_gradient_of_the_log_density():
    data = gaussian_mixture()
    x = np.random.default_rng(0).normal(size=(20, 2))
    variance = data.noise**2 + SIGMA**2

    def log_density(x):
        square = np.square(x[:, None] - data.centres).sum(2)
        return logsumexp(-square / (2 * variance), axis=1)

    step = 1e-5 * np.eye(2)
    slopes = [(log_density(x + h) - log_density(x - h)) / 2e-5 for h in step]
    np.testing.assert_allclose(data.score(x), np.column_stack(slopes), rtol=1e-5, atol=1e-6)


def test_the_points_of_the_spiral_are_dense_enough():
    x = spiral().draw(200, np.random.default_rng(0))
    coarse, fine = spiral(2000).score(x), spiral(8000).score(x)
    assert np.abs(coarse - fine).max() < 1e-4 * np.abs(fine).max()

    # By adaptive integration along the curve at one point.
    def at(t, power):
        c = 0.15 * t * np.array([np.cos(t), np.sin(t)])
        weight = np.exp(-np.square(x[0] - c).sum() / (2 * variance)) * np.hypot(1, t)
        return weight * np.append(c, 1)[power]

    variance = 0.05**2 + SIGMA**2
    total = [quad(at, 0.25 * np.pi, 4.25 * np.pi, args=(p,), limit=200)[0] for p in (0, 1, 2)]
    exact = (np.array(total[:2]) / total[2] - x[0]) / variance
    np.testing.assert_allclose(spiral().score(x[:1])[0], exact, rtol=1e-3, atol=1e-3)


def test_in_chunks_as_at_once():
    rng = np.random.default_rng(0)
    x, centres = rng.normal(size=(30, 2)), rng.normal(size=(1_000_000, 2))
    np.testing.assert_allclose(
        mixture_score(x, centres, 0.1)[7], mixture_score(x[7:8], centres, 0.1)[0]
    )


def test_small_networks_err_more_and_all_beat_their_controls():
    found = errors(gaussian_mixture(), (1500,), (4, 32), (0,), steps=700)
    narrow, wide = (found[1500, f"width {w}"][0] for w in (4, 32))
    assert found[1500, "zero field"] == [1.0]
    assert wide < 0.8 * narrow
    for control in ("zero field", "linear denoiser", "untrained"):
        assert wide < 0.5 * found[1500, control][0]
    assert found[1500, "KDE with the same σ"][0] < 0.2
