"""The member with a code of classes or bits."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from sklearn.datasets import load_digits

from isthmus import DiscreteVariationalAutoencoder, load
from isthmus.errors import InvalidInputError
from isthmus.models import untrained


@cache
def digits():
    X = load_digits().data / 16
    X = X[np.random.default_rng(0).permutation(len(X))]
    return X[:1400], X[1400:]


@cache
def fitted(code, straight_through=False):
    model = DiscreteVariationalAutoencoder(
        code=code, latent_dim=16, hidden_layer_sizes=(64,), max_epochs=40, learning_rate=0.01,
        batch_size=128,
        straight_through=straight_through, random_state=0,
    )  # fmt: skip
    return model.fit(digits()[0])


@pytest.mark.parametrize("straight_through", [False, True])
@pytest.mark.parametrize("code", ["categorical", "bernoulli"])
def test_it_learns_more_than_the_mean_and_the_untrained(code, straight_through):
    model, (X, held_out) = fitted(code, straight_through), digits()
    control = untrained(model, X)
    assert model.score(held_out) > control.score(held_out) + 10
    errors = [((m.reconstruct(held_out) - held_out) ** 2).sum(1).mean() for m in (model, control)]
    mean_image = ((X.mean(0) - held_out) ** 2).sum(1).mean()
    assert errors[0] < 0.9 * mean_image < errors[1]
    assert model.history_["val_divergence"][-1] > 0.3  # nats: the code is in use


def test_codes_are_probabilities_and_indices_the_most_probable():
    X = digits()[1]
    model = fitted("categorical")
    codes = model.transform(X).reshape(-1, 4, 4)
    np.testing.assert_allclose(codes.sum(2), 1, rtol=1e-5)
    np.testing.assert_array_equal(model.encode_indices(X), codes.argmax(2))
    assert (model.n_codes_, model.n_slots_) == (4, 4)
    bits = fitted("bernoulli")
    np.testing.assert_array_equal(bits.encode_indices(X), bits.transform(X) > 0.5)
    assert (bits.n_codes_, bits.n_slots_) == (2, 16)
    one_hot = np.eye(4, dtype=np.float32)[model.encode_indices(X)].reshape(len(X), 16)
    np.testing.assert_allclose(
        model.decode_indices(model.encode_indices(X)), model.inverse_transform(one_hot), atol=1e-6
    )


@pytest.mark.parametrize("code", ["categorical", "bernoulli"])
def test_a_file_gives_the_same_bytes_and_trains_on(code, tmp_path):
    model, X = fitted(code), digits()[1]
    model.save(tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors")
    for name in ("transform", "score_samples"):
        assert getattr(again, name)(X).tobytes() == getattr(model, name)(X).tobytes()
    np.testing.assert_array_equal(again.sample(4, random_state=0), model.sample(4, random_state=0))
    assert again.module_.latent.temperature == 0.5
    again.partial_fit(X)


def test_the_temperature_falls_and_early_stopping_waits():
    X = digits()[0][:200]
    model = DiscreteVariationalAutoencoder(
        max_epochs=40, patience=1, temperature=0.4, temperature_annealing=12, beta_warmup=0,
        learning_rate=1e-6, validation_fraction=0.2, random_state=0,
    ).fit(X)  # fmt: skip
    assert model.n_iter_ > 12
    assert model.module_.latent.temperature == pytest.approx(0.4)
    choices = model.describe_data(model.check_data(X, reset=True), None)[2]
    schedule = choices.annealing(40)
    assert (schedule.at(0), schedule.at(12)) == (1.0, 0.4)


def test_sizes_that_are_decided():
    X = digits()[0][:40]
    for given, shape in (
        ({"latent_dim": 12}, (3, 4)),
        ({"latent_dim": 9}, (3, 3)),
        ({"latent_dim": 7}, (1, 7)),
        ({"latent_dim": 20, "n_classes": 10}, (2, 10)),
        ({"n_classes": 5}, (8, 5)),
        ({"code": "bernoulli", "latent_dim": 7}, (7, 2)),
        ({"code": "bernoulli"}, (32, 2)),
    ):
        model = DiscreteVariationalAutoencoder(max_epochs=1, random_state=0, **given).fit(X)
        assert (model.n_slots_, model.n_codes_) == shape
        assert model.encode_indices(X).shape == (40, shape[0])


def test_mistakes_are_named_in_one_line():
    for given, words in (
        ({"latent_dim": 1}, "latent_dim: one number is no choice"),
        ({"latent_dim": 8, "n_classes": 3}, "n_classes: expected a divisor of latent_dim, 8"),
        ({"temperature": 0}, "temperature"),
        ({"code": "gaussian"}, "code"),
        ({"latent_activation": "tanh"}, "latent_activation: a discrete code has none"),
    ):
        with pytest.raises(InvalidInputError, match=words) as caught:
            DiscreteVariationalAutoencoder(max_epochs=1, **given).fit(digits()[0][:40])
        assert "\n" not in str(caught.value)
