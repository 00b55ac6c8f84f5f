"""Members that learn from a critic of the data: samples like the data, and who learns from whom."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from torch import nn

from isthmus import VAEGAN, GenerativeAdversarialNetwork
from isthmus.errors import InvalidInputError
from isthmus.models import untrained
from isthmus.nn import Critic, Dense, GANModule, Matched
from isthmus.training import TrainingConfig, adversarial, train

CENTRES = np.array([[-1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
QUICK = {
    "latent_dim": 2,
    "max_epochs": 60,
    "batch_size": 100,
    "hidden_layer_sizes": (64,),
    "critic_hidden_layer_sizes": (64, 64),
    "early_stopping": False,
    "learning_rate": 3e-3,
    "random_state": 0,
}


def rows(n, seed):
    """Three corners of a square: a kind each."""
    y = np.arange(n) % 3
    return CENTRES[y] + 0.15 * np.random.default_rng(seed).normal(size=(n, 2)), y


X, Y = rows(600, 0)
TEST, TEST_Y = rows(300, 1)


def kind(x):
    return ((x[:, None] - CENTRES[None]) ** 2).sum(-1).argmin(1)


@cache
def fitted(cls):
    return cls(conditional=True, **QUICK).fit(X, Y)


def energy_distance(first, second):
    """Return 2 E‖a − b‖ − E‖a − a'‖ − E‖b − b'‖, which is 0 for equal distributions."""

    def mean(a, b):
        return np.sqrt(((a[:, None] - b[None]) ** 2).sum(-1)).mean()

    return 2 * mean(first, second) - mean(first, first) - mean(second, second)


@pytest.mark.parametrize("cls", [GenerativeAdversarialNetwork, VAEGAN])
def test_samples_are_like_the_data_and_of_the_kind_that_is_asked_for(cls):
    model = fitted(cls)
    samples = model.sample(300, TEST_Y, random_state=0)
    assert (kind(samples) == TEST_Y).mean() > 0.95  # by chance 1/3
    ours = energy_distance(samples, TEST)
    control = untrained(model, X, Y).sample(300, TEST_Y, random_state=0)
    # Right means and covariances, or right columns: each knows one thing about the data.
    rng = np.random.default_rng(2)
    normal = rng.multivariate_normal(X.mean(0), np.cov(X.T), 300)
    columns = rng.permuted(X, axis=0)[:300]
    assert ours < 0.5 * min(energy_distance(other, TEST) for other in (control, normal, columns))


def test_the_spread_of_the_samples_is_that_of_the_data():
    """A GAN that had collapsed onto one sample a kind would have none."""
    samples = fitted(GenerativeAdversarialNetwork).sample(900, np.arange(900) % 3, random_state=0)
    for label in range(3):
        spread = samples[label::3].std(0)
        assert (spread > 0.05).all()
        assert (spread < 0.3).all()


def test_the_encoder_of_a_gan_gives_back_the_code_of_what_was_made():
    """Of a linear decoder with orthonormal columns W it is Wᵀ; and the decoder does not move."""
    source = torch.Generator().manual_seed(0)
    encoder, decoder = (Dense((a,), (b,), generator=source) for a, b in ((3, 2), (2, 3)))
    columns = torch.linalg.qr(torch.randn(3, 2, generator=source)).Q
    with torch.no_grad():
        decoder.linears[0].weight.copy_(columns)
        decoder.linears[0].bias.zero_()
    critic = nn.ModuleDict({"data": Critic(Dense((3,), (8,), generator=source), 8, source)})
    module = GANModule(encoder, decoder, Matched(), critic=critic)
    config = TrainingConfig(
        max_epochs=15,
        batch_size=50,
        learning_rate=0.05,
        learning_rate_schedule="cosine",
        early_stopping=False,
        coefficients={"realism": 0.0, "data_critic": 0.0, "gradient_penalty": 0.0},
    )
    train(module, torch.randn(1000, 3, generator=source), config=config, step=adversarial)
    assert torch.equal(decoder.linears[0].weight, columns)
    z = torch.randn(100, 2, generator=source)
    with torch.no_grad():
        assert (module.encode(module.decode(z)) - z).abs().max() < 1e-3


def test_a_code_needs_no_condition():
    model = fitted(GenerativeAdversarialNetwork)
    np.testing.assert_array_equal(model.transform(TEST), model.transform(TEST, TEST_Y))


def gradients(module, term, **given):
    module.zero_grad()
    losses = module.losses(given.pop("x"), generator=torch.Generator().manual_seed(0), **given)
    losses[term].backward()
    return {
        part
        for part in ("encoder", "decoder", "likelihood", "critic")
        for p in getattr(module, part).parameters()
        if p.grad is not None and bool(p.grad.abs().max() > 0)
    }


def test_who_learns_from_what():
    x = torch.from_numpy(X[:50].astype(np.float32))
    for cls, expected in (
        (
            GenerativeAdversarialNetwork,
            {
                "realism": {"decoder", "critic"},
                "regression": {"encoder"},
                "reconstruction": {"likelihood"},
            },
        ),
        (
            VAEGAN,
            {
                "realism": {"decoder", "critic"},
                "features": {"encoder", "decoder", "critic"},
                "divergence": {"encoder"},
                "reconstruction": {"likelihood"},
            },
        ),
    ):
        model = cls(latent_dim=2, likelihood="gaussian_learned_scale", max_epochs=1, random_state=0)
        module = model.fit(X[:50]).module_
        module.requires_grad_(True)
        assert {term: gradients(module, term, x=x) for term in expected} == expected
        # What the critics minimise is of the critics alone.
        module.zero_grad()
        module.critic_losses(x, generator=torch.Generator().manual_seed(0)).total.backward()
        touched = {n.split(".")[0] for n, p in module.named_parameters() if p.grad is not None}
        assert touched == {"critic"}


def test_the_scale_of_the_features_does_not_matter():
    """A critic with features ten times as large asks the same of the networks."""
    model = VAEGAN(latent_dim=2, max_epochs=1, random_state=0).fit(X[:50])
    module = model.module_.eval().requires_grad_(True)
    x = torch.from_numpy(X[:50].astype(np.float32))
    found = []
    for factor in (1.0, 10.0):
        layer = module.critic["data"].network.linears[-1]
        with torch.no_grad():  # the leaky ReLU after it keeps a positive factor
            layer.weight.mul_(factor)
            layer.bias.mul_(factor)
        module.zero_grad()
        module.losses(x, generator=torch.Generator().manual_seed(0))["features"].backward()
        found.append(torch.cat([p.grad.flatten() for p in module.decoder.parameters()]))
    torch.testing.assert_close(found[0], found[1], rtol=1e-3, atol=1e-5)


def test_tied_weights_are_refused():
    with pytest.raises(InvalidInputError, match="^tied_weights: .*False"):
        GenerativeAdversarialNetwork(tied_weights=True).fit(X[:40])


@pytest.mark.parametrize("model", [GenerativeAdversarialNetwork, VAEGAN])
@pytest.mark.parametrize("kind", ["classes", "mixed", "images"])
def test_every_kind_of_data_may_have_holes(model, kind):
    rng = np.random.default_rng(0)
    data = {
        "classes": rng.integers(0, 3, (60, 4)).astype(float),
        "mixed": np.column_stack(
            [rng.normal(size=60), rng.integers(0, 2, 60), rng.integers(0, 4, 60)]
        ),
        "images": rng.normal(size=(30, 9, 9, 2)),
    }[kind]
    data[rng.random(data.shape) < 0.2] = np.nan
    fitted = model(latent_dim=2, missing="ignore", max_epochs=2, random_state=0).fit(data)
    assert np.isfinite(fitted.reconstruct(data)).all()
    assert np.isfinite(fitted.score_samples(data)).all()
    assert all(np.isfinite(fitted.history_["data_critic"]))
