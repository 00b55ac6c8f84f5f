"""`score_samples` of the variational autoencoder, and the trained network beside the untrained."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from sklearn.datasets import load_digits

from isthmus import VariationalAutoencoder
from isthmus.models import ESTIMATORS, untrained


@cache
def digits():
    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.data))
    return data.data[order] / 16, data.target[order]


@cache
def variational():
    X, _ = digits()
    model = VariationalAutoencoder(
        latent_dim=6, hidden_layer_sizes=(64,), max_epochs=40, learning_rate=3e-3, random_state=0
    )
    return model.fit(X[:1200])


def test_scores_are_deterministic_and_owe_nothing_to_other_rows():
    model, (X, _) = variational(), digits()
    held_out = X[1200:]
    scores = model.score_samples(held_out)
    np.testing.assert_array_equal(scores, model.score_samples(held_out))
    alone = np.concatenate([model.score_samples(row[None]) for row in held_out[:20]])
    np.testing.assert_allclose(alone, scores[:20], rtol=1e-5)
    others = model.score_samples(np.concatenate([held_out[:5], np.zeros((50, 64))]))
    np.testing.assert_allclose(others[:5], scores[:5], rtol=1e-5)
    order = np.random.default_rng(0).permutation(len(held_out))
    np.testing.assert_allclose(model.score_samples(held_out[order]), scores[order], rtol=1e-5)


def test_scores_are_not_constant_and_higher_for_data_than_for_noise():
    model, (X, _) = variational(), digits()
    rng = np.random.default_rng(0)
    scores = model.score_samples(X[1200:])
    assert scores.std() > 1
    shuffled = rng.permuted(X[1200:], axis=1)  # the same values in other places
    for odd in (rng.random((300, 64)), shuffled, 1 - X[1200:]):
        other = model.score_samples(odd)
        assert np.median(other) < np.percentile(scores, 5)


def test_divergence_is_not_zero():
    model = variational()
    assert model.history_["divergence"][-1] > 1
    assert model.history_["val_divergence"][-1] > 1
    assert np.ptp(model.transform(digits()[0]), axis=0).max() > 2  # the code is used


def test_loss_is_the_negative_bound_with_its_coefficient():
    history = variational().history_
    for i in range(len(history)):
        total = history["reconstruction"][i]
        total += history["coefficient_divergence"][i] * history["divergence"][i]
        assert history["loss"][i] == pytest.approx(total, rel=1e-6)
    assert history["coefficient_divergence"][:3] == [0.0, 0.1, 0.2]
    assert history["coefficient_divergence"][-1] == 1.0
    assert -variational().score(digits()[0][:1200]) == pytest.approx(history["loss"][-1], rel=0.05)


def test_beta_presses_on_the_divergence():
    X, _ = digits()
    divergences = [
        VariationalAutoencoder(
            latent_dim=4, beta=beta, hidden_layer_sizes=(32,), max_epochs=20, random_state=0
        )
        .fit(X[:600])
        .history_["divergence"][-1]
        for beta in (0.1, 1.0, 10.0)
    ]
    assert divergences[0] > divergences[1] > divergences[2]


@cache
def small(name):
    X, _ = digits()
    extra = {} if name in ("sparse", "contractive", "gsn") else {"latent_dim": 8}
    # Adversaries take longer: their decoder hears of the data through the critic alone. Bits that
    # are drawn fall out of use under fast steps, for some seeds.
    epochs = {"gan": 40, "vae_gan": 40, "hyperspherical": 40, "discrete": 60}.get(name, 20)
    rate = 0.003 if name == "discrete" else 0.01
    model = ESTIMATORS[name](max_epochs=epochs, learning_rate=rate, random_state=0, **extra)
    return model.fit(X[:1200]), untrained(model, X[:1200])


@pytest.mark.parametrize("name", ESTIMATORS)
def test_trained_beats_untrained_on_rows_it_has_not_seen(name):
    model, control = small(name)
    held_out = digits()[0][1200:]
    assert model.score(held_out) > control.score(held_out) + 5
    errors = [((m.reconstruct(held_out) - held_out) ** 2).sum(1).mean() for m in (model, control)]
    mean_image = ((held_out - digits()[0][:1200].mean(0)) ** 2).sum(1).mean()
    # A game is not for the squared error, nor has it a loss that falls: one image is its bound.
    share = 0.95 if model.early_stopping else 1.0
    assert errors[0] < share * mean_image < errors[1]
    if model.early_stopping:
        assert model.history_["val_loss"][-1] < model.history_["val_loss"][0]


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_parameter_has_moved(name):
    model, control = small(name)
    start = control.module_.state_dict()
    for key, value in model.module_.state_dict().items():
        assert (value != start[key]).any(), key


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_untrained_control_is_what_it_says(name):
    model, control = small(name)
    X = digits()[0][:1200]
    assert control.n_iter_ == 0
    assert len(control.history_) == 0
    assert control.get_params() == model.get_params()
    np.testing.assert_array_equal(control.scaler_.scale, model.scaler_.scale)
    again = untrained(type(model)(**model.get_params()), X)
    np.testing.assert_array_equal(again.transform(X), control.transform(X))
    np.testing.assert_array_equal(untrained(control, X).transform(X), control.transform(X))
