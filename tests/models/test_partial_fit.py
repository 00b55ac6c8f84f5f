"""`partial_fit`: data in pieces, and training that goes on."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

from isthmus import Autoencoder, VariationalAutoencoder, load
from isthmus.errors import InvalidInputError
from isthmus.models import ESTIMATORS

X = load_digits().data / 16
X = X[np.random.default_rng(0).permutation(len(X))]


def test_pieces_reach_what_one_fit_reaches():
    train, held_out = X[:1200], X[1200:]
    kwargs = {
        "latent_dim": 8,
        "hidden_layer_sizes": (64,),
        "batch_size": 32,
        "learning_rate_schedule": "constant",
        "random_state": 0,
    }
    whole = Autoencoder(max_epochs=15, early_stopping=False, **kwargs).fit(train)
    pieces = Autoencoder(**kwargs)
    for _ in range(15):
        for piece in np.array_split(train, 4):
            pieces.partial_fit(piece)
    first = Autoencoder(**kwargs).partial_fit(train[:300])
    assert pieces.score(held_out) == pytest.approx(whole.score(held_out), rel=0.05)
    assert pieces.score(held_out) > first.score(held_out) + 5


@pytest.mark.parametrize("name", ESTIMATORS)
def test_each_call_is_one_epoch_and_lowers_the_loss(name):
    model = ESTIMATORS[name](random_state=0)
    for epoch in range(1, 6):
        assert model.partial_fit(X[:300]) is model
        assert model.n_iter_ == epoch
        assert len(model.history_) == epoch
    assert model.history_["epoch"] == [1, 2, 3, 4, 5]
    assert model.history_["reconstruction"][-1] < model.history_["reconstruction"][0]
    assert np.isfinite(model.transform(X)).all()


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_same_seed_gives_the_same_bytes(name):
    first, second = (
        ESTIMATORS[name](random_state=0).partial_fit(X[:100]).partial_fit(X[100:250])
        for _ in range(2)
    )
    np.testing.assert_array_equal(first.transform(X), second.transform(X))


def test_two_calls_are_two_epochs_of_a_fit_without_schedule():
    kwargs = {"latent_dim": 4, "learning_rate_schedule": "constant", "random_state": 0}
    pieces = Autoencoder(**kwargs).partial_fit(X[:300]).partial_fit(X[:300])
    whole = Autoencoder(max_epochs=2, early_stopping=False, **kwargs).fit(X[:300])
    np.testing.assert_array_equal(pieces.transform(X), whole.transform(X))


def test_scaling_is_decided_by_the_first_piece():
    model = Autoencoder(latent_dim=2, likelihood="gaussian", random_state=0)
    model.partial_fit(X[:100] * 100)
    scale = model.scaler_.scale.copy()
    model.partial_fit(X[100:200] * 300)
    np.testing.assert_array_equal(model.scaler_.scale, scale)


def test_a_warm_up_counts_the_calls():
    model = VariationalAutoencoder(latent_dim=2, beta_warmup=4, random_state=0)
    for _ in range(6):
        model.partial_fit(X[:64])
    assert model.history_["coefficient_divergence"] == [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]


def test_after_a_fit_training_goes_on():
    model = Autoencoder(latent_dim=4, max_epochs=10, random_state=0).fit(X[:600])
    before = model.score(X[:600])
    for _ in range(15):
        model.partial_fit(X[:600])
    assert model.score(X[:600]) > before + 0.5
    # What has happened so far is not forgotten.
    assert model.n_iter_ == len(model.history_) == 25
    assert model.history_["epoch"] == list(range(1, 26))


def test_a_fit_after_partial_fits_starts_anew():
    model = Autoencoder(latent_dim=4, max_epochs=2, random_state=0)
    fresh = model.fit(X[:300]).transform(X)
    model.partial_fit(X[:300])
    assert (model.transform(X) != fresh).any()
    np.testing.assert_array_equal(model.fit(X[:300]).transform(X), fresh)
    assert model.n_iter_ == 2


@pytest.mark.parametrize("name", ESTIMATORS)
def test_after_a_load_training_goes_on(name, tmp_path):
    path = tmp_path / "m.safetensors"
    ESTIMATORS[name](max_epochs=4, random_state=0).fit(X[:400]).save(path)
    model = load(path)
    before = model.score(X[:400])
    for _ in range(6):
        model.partial_fit(X[:400])
    if model.early_stopping:  # a game has no loss that falls
        assert model.score(X[:400]) > before
    assert model.n_iter_ == len(model.history_) == 10


def test_a_loaded_vae_does_not_warm_up_again(tmp_path):
    path = tmp_path / "m.safetensors"
    VariationalAutoencoder(latent_dim=2, max_epochs=12, random_state=0).fit(X[:200]).save(path)
    model = load(path).partial_fit(X[:200])
    assert model.history_["coefficient_divergence"][-1] == 1.0


def test_the_columns_stay_what_they_were():
    model = Autoencoder(latent_dim=2, random_state=0).partial_fit(X[:50])
    codes = model.transform(X)
    with pytest.raises(InvalidInputError, match=r"60.*64"):
        model.partial_fit(X[:50, :60])
    with pytest.raises(InvalidInputError, match="NaN in row 0"):
        model.partial_fit(np.full((5, 64), np.nan))
    np.testing.assert_array_equal(model.transform(X), codes)
    model.partial_fit(X[:1])  # one more row is data too
    assert model.n_features_in_ == 64


def test_a_conditional_model_takes_the_condition():
    y = np.array(["a", "b"] * 50)
    model = VariationalAutoencoder(conditional=True, latent_dim=2, random_state=0)
    model.partial_fit(X[:100], y).partial_fit(X[:30], y[:30])
    assert model.sample(2, y="b").shape == (2, 64)
    with pytest.raises(InvalidInputError, match="'c' in row 0"):
        model.partial_fit(X[:1], ["c"])


def test_parameters_may_be_changed_between_calls():
    model = Autoencoder(latent_dim=2, learning_rate=1e-3, random_state=0).partial_fit(X[:100])
    model.set_params(learning_rate=1e-4)
    model.partial_fit(X[:100])
    assert model.history_["learning_rate"] == [1e-3, 1e-4]
