"""FactorVAE's critic against a total correlation that is known exactly."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from isthmus.nn import Critic, Dense, FactorModule, GaussianLatent, Matched
from isthmus.nn.modules.factor import shuffle_columns
from isthmus.training import TrainingConfig, adversarial, train

COEFFICIENTS = {"code_critic": 0.0, "total_correlation": 0.0}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def on_codes(seed=0):
    """A module whose codes are its data."""
    source = generator(seed)
    critic = Critic(Dense((2,), (64,), [64], activation="leaky_relu", generator=source), 64, source)
    return FactorModule(
        nn.Identity(),
        Dense((2,), (2,), generator=source),
        Matched(),
        critic=nn.ModuleDict({"code": critic}),
    )


@pytest.mark.parametrize("correlation", [0.0, 0.8])
def test_the_estimate_is_the_total_correlation_of_a_gaussian(correlation):
    """KL(q ‖ q₁q₂) = −½ log(1 − ρ²) nats for two standard normal values of correlation ρ."""
    noise = torch.randn(8000, 2, generator=generator(1))
    x = noise.clone()
    x[:, 1] = correlation * noise[:, 0] + math.sqrt(1 - correlation**2) * noise[:, 1]
    module = on_codes()
    config = TrainingConfig(
        max_epochs=10,
        batch_size=250,
        learning_rate=0.01,
        learning_rate_schedule="cosine",
        early_stopping=False,
        coefficients=COEFFICIENTS,
    )
    train(module, x[:6000], config=config, step=adversarial)
    with torch.no_grad():
        estimate = float(module.losses(x[6000:])["total_correlation"])
    assert estimate == pytest.approx(-0.5 * math.log(1 - correlation**2), abs=0.06)


def test_shuffled_columns_keep_their_values_and_lose_their_rows():
    z = torch.randn(2000, 3, generator=generator())
    z[:, 1] = z[:, 0]
    shuffled = shuffle_columns(z, generator(1))
    torch.testing.assert_close(shuffled.sort(0).values, z.sort(0).values)
    correlation = torch.corrcoef(shuffled.T) - torch.eye(3)
    assert correlation.abs().max() < 0.1
    assert not torch.equal(shuffled[:, 0], z[:, 0])
    assert torch.equal(shuffled, shuffle_columns(z, generator(1)))


def test_pressing_on_the_total_correlation_makes_the_codes_independent():
    """An encoder that turns correlated values can undo it; γ = 0 has no reason to."""
    noise = torch.randn(1000, 2, generator=generator(1))
    x = noise @ torch.tensor([[1.0, 1.0], [0.7, -0.7]])  # a rotation of independent values
    found = {}
    for gamma in (0.0, 20.0):
        source = generator(2)
        critic = Critic(Dense((2,), (32,), [32], generator=source), 32, source)
        module = FactorModule(
            Dense((2,), (4,), generator=source),
            Dense((2,), (2,), generator=source),
            GaussianLatent(),
            critic=nn.ModuleDict({"code": critic}),
        )
        config = TrainingConfig(
            max_epochs=40,
            batch_size=100,
            learning_rate=0.01,
            learning_rate_schedule="cosine",
            early_stopping=False,
            momentum=0.5,
            # The scale is left out of the game: without a divergence only γ asks for anything.
            coefficients={"divergence": 0.02, "total_correlation": gamma, "code_critic": 0.0},
        )
        train(module, x, config=config, step=adversarial)
        with torch.no_grad():
            z = module.encode(x)
        found[gamma] = abs(float(torch.corrcoef(z.T)[0, 1]))
    assert found[20.0] < 0.1
    assert found[0.0] > 2 * found[20.0]
