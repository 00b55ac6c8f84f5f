"""One class against the others, on 8 × 8 digits: the trained network beats the untrained one."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from benchmarks.one_class import areas, contrast_normalised, means


def test_contrast_is_taken_out_of_every_image():
    x = np.random.default_rng(0).random((5, 8, 8)).astype(np.float32)
    normalised = contrast_normalised(x)
    np.testing.assert_allclose(normalised.mean((1, 2)), 0, atol=1e-6)
    np.testing.assert_allclose(np.abs(normalised).mean((1, 2)), 1, rtol=1e-5)
    np.testing.assert_allclose(contrast_normalised(3 * x + 2), normalised, atol=1e-4)
    assert not contrast_normalised(np.ones((1, 8, 8))).any()  # nothing to divide by


def test_the_small_version_already_shows_it():
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    x, y = contrast_normalised(digits.images[order]), digits.target[order]
    cut = 1200
    runs = [
        areas(
            x[:cut],
            y[:cut],
            x[cut:],
            y[cut:],
            normal,
            channels=(8, 16),
            latent_dim=16,
            pretraining_epochs=40,
            epochs=60,
        )
        for normal in (2, 4)
    ]
    found = means(runs)
    assert set(runs[0]) == set(found)
    # Of so few pixels the mean image tells much already, so that it is no control here.
    assert min(found["autoencoder"], found["Deep SVDD"]) > 0.9
    assert found["Deep SVDD"] > found["Deep SVDD, untrained"] + 0.05


def test_the_areas_do_not_depend_on_chance_alone():
    # The labels drawn at random: nothing can be better than chance.
    rng = np.random.default_rng(0)
    x = contrast_normalised(rng.random((300, 8, 8)))
    y = rng.integers(0, 2, 300)
    found = areas(
        x, y, x, np.roll(y, 1), 0, channels=(4,), latent_dim=4, pretraining_epochs=2, epochs=2
    )
    for name, area in found.items():
        if not name.startswith("seconds"):
            assert area == pytest.approx(0.5, abs=0.12), name
