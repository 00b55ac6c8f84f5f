"""The stacked autoencoder: greedy layers, the network made of them, and what they are worth."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

import isthmus
from isthmus import (
    Autoencoder,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    SparseAutoencoder,
    StackedAutoencoder,
)
from isthmus.errors import InvalidInputError
from isthmus.models import untrained
from isthmus.models.stacked import LAYERS
from isthmus.nn import TiedDense


@cache
def digits():
    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.data))
    X, y = data.data[order] / 16, data.target[order]
    return X[:1400], X[1400:], y[:1400], y[1400:]


def error(model, X):
    return float(((model.reconstruct(X) - X) ** 2).sum(1).mean())


SMALL = {"hidden_layer_sizes": (48, 24), "latent_dim": 8, "max_epochs": 20, "random_state": 0}


@cache
def stack(layer="autoencoder", fine_tuning=True, **kwargs):
    model = StackedAutoencoder(layer=layer, fine_tuning=fine_tuning, **{**SMALL, **kwargs})
    return model.fit(digits()[0])


@pytest.mark.parametrize("layer", LAYERS)
def test_the_network_is_the_layers_one_on_the_other(layer):
    """Layers fitted by hand, each on the codes of the last, encode and decode alike."""
    X, held_out, *_ = digits()
    model = stack(layer, fine_tuning=False, early_stopping=False, max_epochs=5)
    codes, test, decoders = X, held_out, []
    for i, size in enumerate((48, 24, 8)):
        kind = {"sparsity": "kl"} if layer == "sparse" else {}
        unit = LAYERS[layer](
            latent_dim=size,
            hidden_layer_sizes=(),
            latent_activation="sigmoid",
            tied_weights=True,
            likelihood="bernoulli",
            scaling="auto" if i == 0 else None,
            max_epochs=5,
            early_stopping=False,
            random_state=10 * i,
            **kind,
        ).fit(codes)
        assert unit.history_["loss"] == model.pretraining_[i]["loss"]
        codes, test = unit.transform(codes), unit.transform(test)
        np.testing.assert_allclose(model.transform_layers(held_out)[i], test, atol=1e-6)
        decoders.append(unit)
    np.testing.assert_allclose(model.transform(held_out), test, atol=1e-6)
    decoded = test
    for unit in reversed(decoders):
        decoded = unit.inverse_transform(decoded)
    np.testing.assert_allclose(model.reconstruct(held_out), decoded, atol=1e-5)


def test_fine_tuning_begins_at_the_layers_and_goes_down():
    X, held_out, *_ = digits()
    greedy, tuned = stack(fine_tuning=False), stack()
    assert greedy.outcome_ == "pretrained"
    assert greedy.n_iter_ == 0
    assert error(tuned, held_out) < 0.9 * error(greedy, held_out)
    scratch = Autoencoder(activation="sigmoid", latent_activation="sigmoid", **SMALL).fit(X)
    # The reason that layers were pretrained: deep sigmoid networks start slowly.
    assert error(tuned, held_out) < 0.9 * error(scratch, held_out)
    assert error(greedy, held_out) < 0.5 * error(untrained(greedy, X), held_out)


def test_tied_layers_make_a_tied_or_an_untied_network():
    X, *_ = digits()
    tied, free = (stack(tied_weights=tied_weights, max_epochs=2) for tied_weights in (True, False))
    assert isinstance(tied.module_.decoder, TiedDense)
    assert not isinstance(free.module_.decoder, TiedDense)
    assert free.n_parameters_ == tied.n_parameters_ + 64 * 48 + 48 * 24 + 24 * 8
    one, other = (
        stack(tied_weights=tied_weights, max_epochs=4, fine_tuning=False).reconstruct(X)
        for tied_weights in (True, False)
    )
    np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize(
    "layer",
    [
        DenoisingAutoencoder(corruption="gaussian", corruption_level=0.2, max_epochs=5),
        SparseAutoencoder(sparsity="l1", sparsity_weight=0.01, max_epochs=5),
        ContractiveAutoencoder(contraction=0.03, max_epochs=5),
        Autoencoder(max_epochs=5, tied_weights=True, optimizer="sgd", learning_rate=0.01),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_an_estimator_as_the_layer_brings_its_own_settings(layer, tmp_path):
    X, held_out = digits()[0][:400], digits()[1]
    before = layer.get_params()
    model = StackedAutoencoder(layer=layer, **{**SMALL, "max_epochs": 3}).fit(X)
    assert layer.get_params() == before
    assert not hasattr(layer, "module_")
    assert [len(history) for history in model.pretraining_] == [5, 5, 5]
    assert model.n_iter_ == 3
    model.save(tmp_path / "stack.safetensors")
    loaded = isthmus.load(tmp_path / "stack.safetensors")
    np.testing.assert_array_equal(loaded.transform(held_out), model.transform(held_out))
    assert loaded.layer.get_params() == model.layer.get_params()
    assert [h.records for h in loaded.pretraining_] == [h.records for h in model.pretraining_]
    again = clone(loaded).fit(X)
    np.testing.assert_array_equal(again.transform(held_out), model.transform(held_out))


def test_what_cannot_be_stacked_is_refused():
    X = digits()[0][:100]
    for kwargs, words in (
        ({"layer": SparseAutoencoder(sparsity="topk")}, "k largest"),
        ({"layer": SparseAutoencoder(sparsity="kl"), "activation": "relu"}, "sigmoid"),
        ({"normalization": "batch"}, "normalization"),
        ({"network": "convolutional"}, "fully connected"),
        ({"layer": "variational"}, "layer"),
        ({"layer": StackedAutoencoder()}, "layer"),
    ):
        with pytest.raises(InvalidInputError, match=words):
            StackedAutoencoder(max_epochs=1, **kwargs).fit(X)


def test_features_for_a_classifier_in_a_pipeline():
    """On average over seeds: the score of one run moves by 0.02."""
    X, held_out, y, y_test = digits()
    gains = []
    for seed in range(3):
        features = StackedAutoencoder(
            hidden_layer_sizes=(100,),
            latent_dim=60,
            fine_tuning=False,
            max_epochs=30,
            random_state=seed,
        )
        ours = make_pipeline(features, LinearSVC()).fit(X, y).score(held_out, y_test)
        codes = untrained(features, X)
        control = LinearSVC().fit(codes.transform(X), y).score(codes.transform(held_out), y_test)
        assert ours > 0.88
        gains.append(ours - control)
    assert np.mean(gains) > 0.05


def test_parameters_of_the_layer_are_searched():
    X, _, y, _ = digits()
    pipeline = make_pipeline(
        StackedAutoencoder(
            layer=DenoisingAutoencoder(max_epochs=2),
            hidden_layer_sizes=(20,),
            latent_dim=10,
            fine_tuning=False,
            random_state=0,
        ),
        LogisticRegression(max_iter=200),
    )
    name = "stackedautoencoder__layer__corruption_level"
    search = GridSearchCV(pipeline, {name: [0.1, 0.5]}, cv=2).fit(X[:300], y[:300])
    assert search.best_params_[name] in (0.1, 0.5)
    # Each value gives a network of its own, and what is refitted is the one of the best.
    codes = [
        clone(pipeline).set_params(**{name: level}).fit(X[:300], y[:300])[0].transform(X[:9])
        for level in (0.1, 0.5)
    ]
    assert (codes[0] != codes[1]).any()
    best = (0.1, 0.5).index(search.best_params_[name])
    np.testing.assert_array_equal(search.best_estimator_[0].transform(X[:9]), codes[best])


@pytest.mark.parametrize("activation", ["sigmoid", "relu", "tanh", "selu"])
@pytest.mark.parametrize("kind", ["real", "classes", "mixed", "images"])
def test_every_kind_of_data_and_activation(kind, activation):
    rng = np.random.default_rng(0)
    X = {
        "real": rng.normal(3, 5, size=(60, 6)),
        "classes": rng.integers(0, 4, size=(60, 6)).astype(float),
        "mixed": np.column_stack([rng.normal(size=(60, 3)), rng.integers(0, 3, size=(60, 2))]),
        "images": rng.integers(0, 256, size=(60, 9, 9, 3)).astype(np.uint8),
    }[kind]
    model = StackedAutoencoder(
        hidden_layer_sizes=(7,), latent_dim=3, activation=activation, max_epochs=2, random_state=0
    ).fit(X)
    assert model.reconstruct(X).shape == X.shape
    assert [codes.shape for codes in model.transform_layers(X)] == [(60, 7), (60, 3)]


def test_missing_values_reach_the_first_layer_only():
    X = digits()[0][:300].copy()
    X[np.random.default_rng(0).random(X.shape) < 0.2] = np.nan
    model = StackedAutoencoder(missing="ignore", **SMALL).fit(X)
    assert np.isfinite(model.reconstruct(X)).all()
    assert np.isfinite(model.score_samples(X)).all()


class Stop(Exception):
    """What ends a process in the middle."""


@pytest.mark.parametrize("at", ["layer 1", "layer 2", "fine-tuning"])
def test_a_fit_that_is_ended_in_any_phase_resumes_to_the_same_weights(at, tmp_path, monkeypatch):
    X = digits()[0][:300]
    settings = {**SMALL, "max_epochs": 6, "checkpoint_interval": 0.0}
    whole = StackedAutoencoder(checkpoint=tmp_path / "whole", **settings).fit(X)
    assert {p.name for p in tmp_path.iterdir()} == {
        "whole",
        "whole.layer1",
        "whole.layer2",
        "whole.layer3",
    }
    from isthmus.training import loop

    name = {"layer 1": "part.layer1", "layer 2": "part.layer2", "fine-tuning": "part"}[at]
    saved = loop.Checkpoint.save_if_due

    def save(self, state):
        saved(self, state)
        if str(self.path).endswith(name) and state.epoch == 3:
            raise Stop

    monkeypatch.setattr(loop.Checkpoint, "save_if_due", save)
    model = StackedAutoencoder(checkpoint=tmp_path / "part", **settings)
    with pytest.raises(Stop):
        model.fit(X)
    monkeypatch.setattr(loop.Checkpoint, "save_if_due", saved)
    model.fit(X)
    for one, other in zip(
        model.module_.state_dict().values(), whole.module_.state_dict().values(), strict=True
    ):
        assert torch.equal(one, other)
    assert model.history_["loss"] == whole.history_["loss"]


def test_pieces_train_the_deep_network_without_pretraining():
    X = digits()[0]
    model = StackedAutoencoder(**SMALL)
    for piece in np.array_split(X, 4):
        model.partial_fit(piece)
    assert model.n_iter_ == 4


def test_layers_of_one_width_do_not_begin_alike():
    X = digits()[0][:100]
    model = StackedAutoencoder(
        hidden_layer_sizes=(64, 64), latent_dim=64, max_epochs=1, fine_tuning=False, random_state=0
    ).fit(X)
    first, second, third = (linear.weight for linear in model.module_.encoder.linears)
    assert abs(torch.corrcoef(torch.stack([second.flatten(), third.flatten()]))[0, 1]) < 0.1
    assert abs(torch.corrcoef(torch.stack([first.flatten(), third.flatten()]))[0, 1]) < 0.1


def test_codes_that_differ_in_their_last_bits_do_not_end_a_resumable_fit(tmp_path, monkeypatch):
    """Another number of threads rounds the codes of a layer otherwise."""
    X = digits()[0][:200]
    settings = {**SMALL, "max_epochs": 2, "checkpoint": tmp_path / "fit"}
    StackedAutoencoder(**settings).fit(X)
    transform = DenoisingAutoencoder.transform

    def rounded_otherwise(self, X, y=None):
        return np.nextafter(transform(self, X, y), np.float32(1))

    monkeypatch.setattr(DenoisingAutoencoder, "transform", rounded_otherwise)
    StackedAutoencoder(**settings).fit(X)
    with pytest.raises(InvalidInputError, match="other"):
        StackedAutoencoder(**settings).fit(X[::-1])


@pytest.mark.parametrize("fine_tuning", [True, False])
def test_a_checkpoint_without_a_seed_is_refused_before_the_layers(fine_tuning, tmp_path):
    model = StackedAutoencoder(checkpoint=tmp_path / "fit", max_epochs=1, fine_tuning=fine_tuning)
    with pytest.raises(InvalidInputError, match="random_state"):
        model.fit(digits()[0][:50])
    assert not list(tmp_path.iterdir())


def test_a_stack_without_pretraining_is_saved(tmp_path):
    X = digits()[0][:100]
    for model in (StackedAutoencoder(**SMALL).partial_fit(X), untrained(StackedAutoencoder(), X)):
        model.save(tmp_path / "model")
        loaded = isthmus.load(tmp_path / "model")
        np.testing.assert_array_equal(loaded.transform(X), model.transform(X))
        assert loaded.pretraining_ == []
