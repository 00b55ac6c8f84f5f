"""The score view: exact where the best denoiser is known, and in the data's units."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from isthmus import Autoencoder, DenoisingAutoencoder, load
from isthmus.errors import InvalidInputError
from isthmus.geometry import project, score_field
from isthmus.models import ESTIMATORS, untrained
from isthmus.nn import GaussianNoise


def linear(X, **kwargs):
    return DenoisingAutoencoder(
        **{
            "corruption": "gaussian", "corruption_level": 0.5, "latent_dim": 2,
            "hidden_layer_sizes": (), "likelihood": "gaussian", "scaling": "standard",
            "early_stopping": False, "learning_rate": 0.02, "batch_size": 128, "max_epochs": 60,
            "random_state": 0, **kwargs,
        }
    ).fit(X)  # fmt: skip


@pytest.mark.parametrize("level", [0.5, GaussianNoise(0.5)], ids=["level", "object"])
def test_of_gaussian_data_in_odd_units_it_is_the_known_score(level):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4000, 2)) @ [[3.0, 0.0], [2.0, 0.05]] + [100, -7]
    corruption = "gaussian" if level == 0.5 else level
    model = linear(X, corruption=corruption)
    smoothed = np.cov(X.T) + np.diag((0.5 * X.std(0)) ** 2)
    points = X[:200] + 0.5 * X.std(0) * rng.normal(size=(200, 2))
    exact = -np.linalg.solve(smoothed, (points - X.mean(0)).T).T
    found = score_field(model, points)
    assert found.dtype == np.float32

    def error(field):
        return np.sqrt(np.square((field - exact) * X.std(0)).sum()
                       / np.square(exact * X.std(0)).sum())  # fmt: skip

    assert error(found) < 0.1
    assert error(score_field(untrained(model, X), points)) > 0.5
    np.testing.assert_allclose(score_field(model, points, sigma=1.0), found / 4, rtol=1e-5)


def test_it_is_the_reconstruction_in_scaled_units_and_for_images_channels_last():
    images = 5 + 3 * np.random.default_rng(0).normal(size=(30, 8, 9, 2)).astype(np.float32)
    model = DenoisingAutoencoder(
        corruption="gaussian", corruption_level=0.2, latent_dim=4, max_epochs=1, random_state=0
    ).fit(images)
    scale = model.scaler_.scale
    assert scale.shape == (2,)
    expected = (model.reconstruct(images) - images) / (0.2 * scale) ** 2
    found = score_field(model, images)
    assert found.shape == images.shape
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_projection_is_repeated_reconstruction_and_comes_near_the_manifold():
    rng = np.random.default_rng(0)
    t = rng.uniform(0, 2 * np.pi, 1500)
    X = 4 * np.column_stack([np.cos(t), np.sin(t)]) + 0.05 * rng.normal(size=(1500, 2))
    model = linear(
        X, corruption_level=0.15, hidden_layer_sizes=(32,), latent_dim=32, activation="silu",
        latent_activation="silu", max_epochs=40, learning_rate=0.01,
    )  # fmt: skip
    start = X[:200] + 0.6 * rng.normal(size=(200, 2))
    path = project(model, start, n_steps=3)
    assert path.shape == (4, 200, 2)
    np.testing.assert_allclose(path[0], start, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(path[1], model.reconstruct(start), atol=1e-4)
    np.testing.assert_allclose(path[3], model.reconstruct(path[2]), atol=1e-4)
    off = np.abs(np.linalg.norm(path, axis=2) - 4).mean(1)
    assert off[1] < 0.5 * off[0]
    assert off[3] < 0.3 * off[0]
    half = project(model, start, n_steps=1, step=0.5)[1]
    np.testing.assert_allclose(half, (start + path[1]) / 2, atol=1e-4)
    # One step of length σ² along the score is one reconstruction.
    moved = start + (0.15 * X.std(0)) ** 2 * score_field(model, start)
    np.testing.assert_allclose(moved, path[1], atol=1e-3)


def test_missing_values_start_at_their_reconstruction():
    X = np.random.default_rng(0).normal(size=(60, 3))
    X[4, 1] = np.nan
    model = DenoisingAutoencoder(
        corruption="gaussian", missing="ignore", max_epochs=1, random_state=0
    ).fit(X)
    field = score_field(model, X)
    assert np.isnan(field[4, 1])
    assert np.isnan(field).sum() == 1
    path = project(model, X, n_steps=1)
    assert np.isfinite(path).all()
    assert path[0, 4, 1] == pytest.approx(model.reconstruct(X)[4, 1], rel=1e-5)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_member_with_a_sigma(name):
    X = np.random.default_rng(0).normal(size=(40, 4))
    style = {"likelihood": "gaussian", "scaling": "standard"}
    model = ESTIMATORS[name](latent_dim=2, max_epochs=1, random_state=0, **style).fit(X)
    field = score_field(model, X, sigma=0.3)
    assert field.shape == (40, 4)
    expected = (model.reconstruct(X) - X) / (0.3 * X.std(0)) ** 2
    np.testing.assert_allclose(field, expected, rtol=1e-3, atol=1e-3)
    path = project(model, X, n_steps=2)
    assert path.shape == (3, 40, 4)
    for before, after in itertools.pairwise(path):
        np.testing.assert_allclose(after, model.reconstruct(before), rtol=1e-4, atol=1e-4)


def test_a_loaded_model_knows_its_noise(tmp_path):
    X = np.random.default_rng(0).normal(size=(60, 3))
    for corruption in ("gaussian", GaussianNoise(0.4)):
        model = linear(X, corruption=corruption, max_epochs=1)
        model.save(tmp_path / "m.safetensors")
        again = load(tmp_path / "m.safetensors")
        np.testing.assert_array_equal(score_field(again, X), score_field(model, X))


def test_what_cannot_be_used_is_named():
    X = np.random.default_rng(0).normal(size=(60, 3))
    for model in (
        Autoencoder(max_epochs=1),
        DenoisingAutoencoder(max_epochs=1),
        DenoisingAutoencoder(corruption="gaussian", corruption_level=0.0, max_epochs=1),
        DenoisingAutoencoder(corruption=GaussianNoise(0.5, (0, 1)), max_epochs=1),
    ):
        with pytest.raises(InvalidInputError, match="sigma: this estimator was not trained"):
            score_field(model.fit(X), X)
    model = linear(X, max_epochs=1)
    for call, message in (
        (lambda: score_field(model, X, sigma=0), "sigma: expected"),
        (lambda: project(model, X, n_steps=0), "n_steps: expected"),
        (lambda: project(model, X, step=1.5), "step: expected"),
        (lambda: project(model, X, step=0), "step: expected"),
        (lambda: score_field(linear(X, likelihood="laplace", max_epochs=1), X), "median"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            call()


def test_sigma_is_that_of_the_fit():
    X = np.random.default_rng(0).normal(size=(100, 2))
    settings = {"corruption": "gaussian", "latent_dim": 4, "max_epochs": 2, "random_state": 0}
    model = DenoisingAutoencoder(corruption_level=0.5, **settings).fit(X)
    field = score_field(model, X)
    np.testing.assert_array_equal(score_field(model.set_params(corruption_level=0.1), X), field)
    walked = DenoisingAutoencoder(walk_back_steps=2, **settings).fit(X)
    with pytest.raises(InvalidInputError, match="sigma"):
        score_field(walked, X)
    assert np.isfinite(score_field(walked, X, sigma=0.3)).all()
