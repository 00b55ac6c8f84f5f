"""The options of the variational autoencoder do what they say, beside the model without them."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import isthmus
from isthmus import ImportanceWeightedAutoencoder, VariationalAutoencoder
from isthmus.errors import InvalidInputError
from isthmus.models import untrained


@cache
def digits():
    return (load_digits().data / 16).astype(np.float32)


def make(**options):
    common = {"latent_dim": 4, "max_epochs": 25, "random_state": 0, "beta_warmup": 0}
    return VariationalAutoencoder(**{**common, **options})


@cache
def two_moons():
    """Codes that a standard normal does not fill: data on two arcs, in ten values."""
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, np.pi, 1500)
    side = rng.integers(2, size=1500)
    moon = np.stack(
        [np.cos(angle) * (1 - 2 * side) + side, np.sin(angle) * (1 - 2 * side) + side / 2], axis=1
    )
    return (moon @ rng.normal(size=(2, 10)) + 0.05 * rng.normal(size=(1500, 10))).astype(np.float32)


@cache
def bound(**options):
    options = dict(options)
    model = make(
        latent_dim=2, max_epochs=30, learning_rate=4e-3, hidden_layer_sizes=(32,), **options
    ).fit(two_moons()[:1000])
    return model.score(two_moons()[1000:])


@pytest.mark.parametrize("prior", ["mixture", "vamp", "flow"])
def test_a_learned_prior_tightens_the_bound(prior):
    assert bound(prior=prior) > bound() + 0.05


@pytest.mark.parametrize(
    "options",
    [{"prior": "mixture"}, {"prior": "vamp"}, {"prior": "flow"}, {"posterior": "flow"}],
    ids=str,
)
def test_saved_loaded_resumed_and_sampled(options, tmp_path):
    x = digits()[:300]
    model = make(max_epochs=4, checkpoint=tmp_path / "state", **options).fit(x)
    model.save(tmp_path / "model.safetensors")
    loaded = isthmus.load(tmp_path / "model.safetensors")
    assert np.array_equal(loaded.transform(x), model.transform(x))
    assert np.array_equal(loaded.score_samples(x), model.score_samples(x))
    assert np.array_equal(loaded.sample(5, random_state=0), model.sample(5, random_state=0))
    again = make(max_epochs=4, **options).fit(x)
    for name, value in again.module_.state_dict().items():
        assert torch.equal(value, model.module_.state_dict()[name]), name
    assert np.isfinite(loaded.partial_fit(x).score_samples(x)).all()


def test_capacity_holds_the_divergence():
    found = {}
    for nats in (2.0, 8.0):
        model = make(capacity=nats, beta=100.0, latent_dim=6, max_epochs=16)
        record = model.fit(digits()[:1000]).history_.records[-1]
        found[nats] = record["divergence"]
    assert found == pytest.approx({2.0: 2.0, 8.0: 8.0}, rel=0.1)


def test_dynamic_binarization_learns_from_draws():
    grey = np.full((400, 16), 0.5, dtype=np.float32)  # independent coins: nothing to encode
    model = make(latent_dim=1, dynamic_binarization=True, max_epochs=30).fit(grey)
    coins = np.random.default_rng(0).integers(2, size=(500, 16)).astype(np.float32)
    assert model.score(coins) == pytest.approx(-16 * np.log(2), abs=0.3)
    with pytest.raises(InvalidInputError, match="dynamic_binarization"):
        make(dynamic_binarization=True).fit(np.random.default_rng(0).normal(size=(50, 3)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"free_bits": 0.1, "prior": "mixture"}, "free_bits"),
        ({"free_bits": 0.1, "posterior": "flow"}, "free_bits"),
        ({"free_bits": 0.1, "capacity": 3.0}, "free_bits"),
        ({"prior": "vamp", "posterior": "flow"}, "vamp"),
        ({"prior": "vamp", "conditional": True}, "vamp"),
        ({"prior": "uniform"}, "prior"),
        ({"n_components": 0}, "n_components"),
        ({"capacity": -1.0}, "capacity"),
    ],
    ids=str,
)
def test_what_does_not_go_together(options, message):
    with pytest.raises(InvalidInputError, match=message):
        make(max_epochs=1, **options).fit(digits()[:50], load_digits().target[:50])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beta": 2.0}, "beta"),
        ({"beta_warmup": 5}, "beta_warmup"),
        ({"capacity": 2.0}, "capacity"),
        ({"n_groups": 2}, "n_groups"),
        ({"gradient": "reinforce"}, "gradient"),
    ],
    ids=str,
)
def test_what_an_importance_weighted_bound_has_not(options, message):
    with pytest.raises(InvalidInputError, match=message):
        ImportanceWeightedAutoencoder(max_epochs=1, **options).fit(digits()[:50])


@pytest.mark.parametrize("gradient", ["iwae", "miwae", "ciwae", "piwae"])
def test_every_gradient_learns(gradient):
    groups = 2 if gradient in ("miwae", "piwae") else 1
    x = (digits()[:1000] > 0.5).astype(np.float32)
    model = ImportanceWeightedAutoencoder(
        latent_dim=4,
        gradient=gradient,
        n_groups=groups,
        max_epochs=25,
        learning_rate=3e-3,
        batch_size=32,
        random_state=0,
    ).fit(x)
    trivial = np.log(np.clip(x.mean(0), 1e-3, 1 - 1e-3))
    trivial = (x * trivial + (1 - x) * np.log1p(-np.exp(trivial))).sum(1).mean()
    assert model.score(x) > trivial + 2 > untrained(model, x).score(x)
