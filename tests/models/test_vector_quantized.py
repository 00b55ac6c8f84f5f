"""The vector-quantised member: indices, prior, score, files, resumed fits."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from isthmus import VectorQuantizedAutoencoder, load
from isthmus.errors import InvalidInputError
from isthmus.models import untrained

IMAGES = np.random.default_rng(0).random((40, 12, 10))


@cache
def digits():
    X = load_digits().data / 16
    X = X[np.random.default_rng(0).permutation(len(X))]
    return X[:1400], X[1400:]


@cache
def fitted(quantizer):
    model = VectorQuantizedAutoencoder(
        quantizer=quantizer, levels=(5, 4, 3), hidden_layer_sizes=(64,), max_epochs=30,
        batch_size=128, learning_rate=0.01, random_state=0,
    )  # fmt: skip
    return model.fit(digits()[0])


def error(model, X):
    return ((model.reconstruct(X) - X) ** 2).sum(1).mean()


@pytest.mark.parametrize(("quantizer", "n_codes", "size"), [("vq", 64, 4), ("fsq", 60, 3)])
def test_indices_and_codes_say_the_same(quantizer, n_codes, size):
    model, X = fitted(quantizer), digits()[1]
    indices = model.encode_indices(X)
    assert indices.shape == (len(X), 8) == (len(X), model.n_slots_)
    assert indices.dtype == np.int64
    assert model.n_codes_ == n_codes
    assert model.latent_dim_ == 8 * size
    assert 0 <= indices.min() <= indices.max() < n_codes
    codes = model.transform(X).reshape(-1, size)
    for k in np.unique(indices)[:10]:
        assert len(np.unique(codes[indices.ravel() == k], axis=0)) == 1
    np.testing.assert_array_equal(model.decode_indices(indices), model.reconstruct(X))


@pytest.mark.parametrize("quantizer", ["vq", "fsq"])
def test_it_learns_more_than_the_mean_and_the_untrained(quantizer):
    model, (X, held_out) = fitted(quantizer), digits()
    mean_image = ((X.mean(0) - held_out) ** 2).sum(1).mean()
    assert error(model, held_out) < 0.7 * mean_image < error(untrained(model, X), held_out)
    assert model.history_["perplexity"][-1] > 5
    assert "val_divergence" in model.history_.names
    assert model.history_["coefficient_perplexity"][-1] == 0


@pytest.mark.parametrize("quantizer", ["vq", "fsq"])
def test_the_score_is_the_log_likelihood_and_that_of_the_indices(quantizer):
    model, X = fitted(quantizer), digits()[1][:32]
    module = model.module_
    x = torch.from_numpy(X).float()
    with torch.no_grad():
        parameters = module.decode_parameters(torch.from_numpy(model.transform(X)))
        log_prob = module.likelihood.log_prob(parameters, x).flatten(1).sum(1)
        log_prior = module.latent.prior.log_prob(torch.from_numpy(model.encode_indices(X)))
    np.testing.assert_allclose(model.score_samples(X), log_prob + log_prior, rtol=1e-5)


@pytest.mark.parametrize("quantizer", ["vq", "fsq"])
def test_the_prior_knows_which_codewords_go_together(quantizer):
    model, X = fitted(quantizer), digits()[1]
    indices = model.encode_indices(X)
    rng = np.random.default_rng(0)
    mixed = np.stack([rng.permutation(column) for column in indices.T], 1)  # each slot on its own
    prior = model.module_.latent.prior
    with torch.no_grad():
        nats, control = (
            -prior.log_prob(torch.from_numpy(i)).mean().item() for i in (indices, mixed)
        )
    assert nats < control - 1
    assert nats < 0.85 * 8 * np.log(model.n_codes_)  # and which are frequent
    samples = model.sample(5, random_state=0)
    assert samples.shape == (5, 64)
    np.testing.assert_array_equal(samples, model.sample(5, random_state=0))


def test_a_convolutional_network_has_a_slot_for_each_place(tmp_path):
    model = VectorQuantizedAutoencoder(max_epochs=2, n_codes=16, random_state=0).fit(IMAGES)
    assert model.architecture_.code_channels == 4
    assert model.encode_indices(IMAGES).shape == (40, 6 * 5)
    assert model.transform(IMAGES).shape == (40, 6 * 5 * 4)
    model.save(tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors")
    assert again.architecture_ == model.architecture_
    for name in ("transform", "encode_indices", "score_samples", "reconstruct"):
        one, other = getattr(model, name)(IMAGES), getattr(again, name)(IMAGES)
        assert one.tobytes() == other.tobytes()
    np.testing.assert_array_equal(again.sample(3, random_state=0), model.sample(3, random_state=0))
    flat = VectorQuantizedAutoencoder(latent_dim=8, max_epochs=1, random_state=0).fit(IMAGES)
    assert flat.architecture_.code_channels == 0
    assert flat.encode_indices(IMAGES).shape == (40, 2)


def test_a_loaded_model_trains_on_and_keeps_its_codebook(tmp_path):
    X = digits()[0][:200]
    model = VectorQuantizedAutoencoder(
        quantizer="fsq", levels=[4, 3], max_epochs=2, random_state=0
    ).fit(X)
    model.save(tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors")
    assert again.levels == (4, 3)
    before = again.module_.latent.usage.clone()
    again.partial_fit(X)
    assert (again.module_.latent.usage != before).any()


class _Stop(Exception):
    pass


class _StopsAt:
    def __init__(self, epoch):
        self.left = epoch

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        self.left -= 1
        if self.left == 0:
            raise _Stop


def test_a_resumed_fit_has_the_bytes_of_one_that_was_not_interrupted(tmp_path):
    X = digits()[0][:150]
    settings = {"latent_dim": 8, "n_codes": 12, "max_epochs": 6, "random_state": 0}
    whole = VectorQuantizedAutoencoder(**settings).fit(X)
    given = {**settings, "checkpoint": tmp_path / "c", "checkpoint_interval": 0}
    with pytest.raises(_Stop):
        VectorQuantizedAutoencoder(**given).set_callbacks(_StopsAt(3)).fit(X)
    resumed = VectorQuantizedAutoencoder(**given).fit(X)
    assert resumed.n_iter_ == 6
    for name, value in whole.module_.state_dict().items():
        assert torch.equal(value, resumed.module_.state_dict()[name]), name


def test_sizes_that_are_decided():
    X = digits()[0][:40]
    for given, slots in (
        ({"latent_dim": 12}, 3),
        ({"latent_dim": 6}, 2),
        ({"latent_dim": 7}, 7),
        ({"latent_dim": 6, "code_dim": 2}, 3),
        ({"code_dim": 3}, 8),
        ({"quantizer": "fsq", "latent_dim": 6}, 2),
    ):
        model = VectorQuantizedAutoencoder(max_epochs=1, random_state=0, **given).fit(X)
        assert model.encode_indices(X).shape == (40, slots)


def test_mistakes_are_named_in_one_line():
    X = digits()[0][:40]
    for given, words in (
        ({"latent_dim": 6, "code_dim": 4}, "code_dim: expected a divisor of latent_dim, 6"),
        ({"quantizer": "fsq", "latent_dim": 8}, "levels: expected a divisor of latent_dim, 8"),
        ({"quantizer": "fsq", "levels": (2, 5)}, "levels: expected whole numbers of at least 3"),
        ({"quantizer": "fsq", "levels": ()}, "levels: expected"),
        ({"latent_activation": "relu"}, "latent_activation: a discrete code has none"),
        ({"quantizer": "pq"}, "quantizer"),
    ):
        with pytest.raises(InvalidInputError, match=words) as caught:
            VectorQuantizedAutoencoder(max_epochs=1, **given).fit(X)
        assert "\n" not in str(caught.value)
    model = fitted("vq")
    for indices, words in (
        (np.zeros((3, 8)), "indices: expected whole numbers of shape"),
        (np.zeros((3, 7), int), "indices: expected whole numbers of shape"),
        (np.full((3, 8), 64), "indices: expected 0 to 63; got 64 to 64"),
        (np.zeros(8, int), "indices: expected"),
    ):
        with pytest.raises(InvalidInputError, match=words):
            model.decode_indices(indices)
