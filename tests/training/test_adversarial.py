"""The game of an autoencoder and its critics: whose move it is, and equilibria that are known."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import nn
from torch.distributions import Normal

from isthmus.nn import (
    AdversarialModule,
    Critic,
    CriticisedModule,
    Dense,
    Losses,
    Matched,
)
from isthmus.nn.modules.critic import convincing, gradient_penalty, telling_apart
from isthmus.training import (
    Batch,
    Checkpoint,
    TrainingConfig,
    adversarial,
    backpropagation,
    new_state,
    train,
)

QUIET = {"early_stopping": False, "learning_rate_schedule": "constant", "batch_size": 32}
UNSEEN = {"code_critic": 0.0, "gradient_penalty": 0.0}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def make(seed=0, **style):
    source = generator(seed)
    critic = Critic(Dense((2,), (8,), [8], activation="leaky_relu", generator=source), 8, source)
    return AdversarialModule(
        Dense((4,), (2,), [8], generator=source, **style),
        Dense((2,), (4,), [8], generator=source),
        Matched(),
        critic=nn.ModuleDict({"code": critic}),
    )


def rows(n=96, seed=1):
    return torch.randn(n, 4, generator=generator(seed))


def state_of(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def moved(before, after):
    return {name for name in before if not torch.equal(before[name], after[name])}


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_each_half_step_moves_its_own_parameters_alone(optimizer):
    """Also with weight decay and with moments from steps before, which could move them."""
    module = make()
    seen = []

    class Watching:  # the optimiser, with a look at what has moved after each of its steps
        def __init__(self, inner):
            self.inner = inner
            self.param_groups = inner.param_groups

        def step(self):
            before = state_of(module)
            self.inner.step()
            seen.append(moved(before, state_of(module)))

    config = TrainingConfig(optimizer=optimizer, weight_decay=0.1, coefficients=UNSEEN)
    state = new_state(module, config)
    state.optimizer = Watching(state.optimizer)
    for seed in range(3):
        adversarial(state, Batch(rows(32, seed)))
    critics = {name for name in state_of(module) if name.startswith("critic.")}
    assert seen == [set(state_of(module)) - critics, critics] * 3
    assert all(parameter.requires_grad for parameter in module.parameters())


def test_it_is_the_two_steps_one_would_write():
    """Two optimisers and no freezing: the classical loop."""
    ours, theirs = make(), make()
    state = new_state(ours, TrainingConfig(momentum=0.5, coefficients={**UNSEEN, "adversarial": 3}))
    state.coefficients = {**UNSEEN, "adversarial": 3.0}
    critics = list(theirs.critic.parameters())
    own = [*theirs.encoder.parameters(), *theirs.decoder.parameters()]
    settings = {"lr": 1e-3, "betas": (0.5, 0.999), "fused": True}
    first, second = (torch.optim.Adam(part, **settings) for part in (own, critics))
    for seed in range(4):
        batch, noise = Batch(rows(32, seed), noise=generator(seed)), generator(seed)
        losses = adversarial(state, batch)
        expected = theirs.losses(batch.x, generator=noise)
        theirs.zero_grad()
        (expected["reconstruction"] + 3 * expected["adversarial"]).backward()
        first.step()
        theirs.zero_grad()
        critic_losses = theirs.critic_losses(batch.x, generator=noise)
        critic_losses.total.backward()
        second.step()
        for name, value in {**expected, **critic_losses}.items():
            torch.testing.assert_close(losses[name], value)
    assert not moved(state_of(ours), state_of(theirs))


def test_what_the_user_has_frozen_stays_frozen():
    module = make()
    module.decoder.requires_grad_(False)
    before = state_of(module)
    state = new_state(module, TrainingConfig())
    adversarial(state, Batch(rows()))
    assert not any(name.startswith("decoder.") for name in moved(before, state_of(module)))
    assert not any(parameter.requires_grad for parameter in module.decoder.parameters())


def test_an_error_in_the_middle_leaves_everything_trainable():
    module = make()
    state = new_state(module, TrainingConfig())
    with pytest.raises(RuntimeError):
        adversarial(state, Batch(torch.zeros(3, 5)))
    assert all(parameter.requires_grad for parameter in module.parameters())


def test_the_gradient_of_each_half_is_clipped():
    module = make()
    state = new_state(module, TrainingConfig(gradient_clip=1e-3))
    adversarial(state, Batch(rows()))
    critics = list(module.critic.parameters())
    norm = torch.cat([p.grad.flatten() for p in critics]).norm()
    assert float(norm) == pytest.approx(1e-3, rel=1e-3)
    assert all(p.grad is None for p in module.encoder.parameters())


def test_bfloat16():
    module = make()
    state = new_state(module, TrainingConfig(autocast=True))
    losses = adversarial(state, Batch(rows()))
    assert {loss.dtype for loss in losses.values()} == {torch.float32}
    assert all(torch.isfinite(loss) for loss in losses.values())


def test_the_monitored_loss_is_that_of_the_autoencoder():
    config = TrainingConfig(max_epochs=2, coefficients={**UNSEEN, "adversarial": 2.0}, **QUIET)
    history = train(make(), rows(), config=config, step=adversarial).history
    for record in history.records:
        expected = record["reconstruction"] + 2 * record["adversarial"]
        assert record["loss"] == pytest.approx(expected, rel=1e-5)
        assert record["code_critic"] > 0


def test_a_fit_that_was_interrupted_ends_with_the_same_weights(tmp_path):
    x = rows()
    config = TrainingConfig(max_epochs=6, seed=3, momentum=0.5, coefficients=UNSEEN, **QUIET)
    style = {"dropout": 0.2, "normalization": "batch"}
    whole, again = make(**style), make(**style)
    train(whole, x, config=config, step=adversarial)

    class Stop(Exception):
        pass

    def stop(state, record):
        if state.epoch == 4:
            raise Stop

    checkpoint = Checkpoint(tmp_path / "c.safetensors", "the fit", 0.0)
    with pytest.raises(Stop):
        train(again, x, config=config, step=adversarial, after_epoch=[stop], checkpoint=checkpoint)
    resumed = make(seed=9, **style)
    state = train(resumed, x, config=config, step=adversarial, checkpoint=checkpoint)
    assert state.epoch == 6
    assert not moved(state_of(whole), state_of(resumed))


def test_an_adversary_of_no_weight_changes_nothing_else():
    """With λ = 0 the autoencoder is trained as if there were no critic, bit for bit."""
    x = rows()
    coefficients = {**UNSEEN, "adversarial": 0.0}
    config = TrainingConfig(max_epochs=2, coefficients=coefficients, **QUIET)
    with_critic, without = make(), make()
    train(with_critic, x, config=config, step=adversarial)
    train(without, x, config=config, step=backpropagation)
    names = moved(state_of(with_critic), state_of(without))
    assert names == {name for name in state_of(without) if name.startswith("critic.")}


# Equilibria that are known ------------------------------------------------------------------------


def test_a_critic_at_its_best_is_the_log_ratio_of_the_densities():
    """Codes N(1, 1) against a prior N(0, 1): log p(z) − log q(z) = ½ − z, a straight line."""
    source = generator()
    critic = Critic(Dense((1,), (32,), generator=source), 32, source)
    module = AdversarialModule(
        nn.Identity(),
        Dense((1,), (1,), generator=source),
        Matched(),
        critic=nn.ModuleDict({"code": critic}),
        gradient_weight=0.0,
    )
    x = 1 + torch.randn(4000, 1, generator=generator(1))
    config = TrainingConfig(
        max_epochs=12,
        batch_size=100,
        learning_rate=0.01,
        learning_rate_schedule="cosine",
        early_stopping=False,
        coefficients={**UNSEEN, "adversarial": 0.0},
    )
    train(module, x, config=config, step=adversarial)
    z = torch.linspace(-1, 2, 31)[:, None]
    with torch.no_grad():
        error = critic(z) - (0.5 - z[:, 0])
    assert error.abs().max() < 0.25
    # The loss at that optimum: 2 log 2 − 2 JS(p, q), by quadrature.
    grid = torch.linspace(-8, 9, 4001)
    p, q = (Normal(mean, 1.0).log_prob(grid).exp() for mean in (0.0, 1.0))
    best = -torch.trapezoid(p * (p / (p + q)).log() + q * (q / (p + q)).log(), grid)
    with torch.no_grad():
        big = generator(2)
        z, drawn = 1 + torch.randn(20000, 1, generator=big), torch.randn(20000, 1, generator=big)
        reached = telling_apart(critic(drawn), critic(z))
    assert float(reached) == pytest.approx(float(best), abs=0.02)
    assert float(best) < 2 * math.log(2) - 0.1


class Line(CriticisedModule):
    """x̂ = μ + σε against x ~ N(2, 0.5²): a generator of two numbers."""

    def __init__(self, critic):
        super().__init__(nn.Identity(), Dense((1,), (1,)), Matched(), critic=critic)
        self.mean = nn.Parameter(torch.zeros(()))
        self.spread = nn.Parameter(torch.ones(()))

    def made(self, x, generator):
        return self.mean + self.spread * torch.empty_like(x).normal_(generator=generator)

    def run(self, batch):
        return self.observe(batch)

    def terms(self, record):
        made = self.made(record.batch.x, record.batch.noise)
        return Losses(reconstruction=convincing(self.critic["data"](made)))

    def critic_terms(self, record):
        critic, x = self.critic["data"], record.batch.x
        with torch.no_grad():
            made = self.made(x, record.batch.noise)
        return Losses(
            code_critic=telling_apart(critic(x), critic(made)),
            gradient_penalty=0.1 * gradient_penalty(critic, x),
        )


def test_a_generator_finds_the_mean_and_the_spread_of_the_data():
    source = generator()
    critic = Critic(Dense((1,), (32,), [32], activation="leaky_relu", generator=source), 32, source)
    module = Line(nn.ModuleDict({"data": critic}))
    x = 2 + 0.5 * torch.randn(4000, 1, generator=generator(1))
    config = TrainingConfig(
        max_epochs=20,
        batch_size=200,
        learning_rate=0.02,
        learning_rate_schedule="cosine",
        early_stopping=False,
        momentum=0.5,
        coefficients=UNSEEN,
    )
    train(module, x, config=config, step=adversarial)
    assert float(module.mean.detach()) == pytest.approx(2.0, abs=0.1)
    assert abs(float(module.spread.detach())) == pytest.approx(0.5, abs=0.1)


def test_the_global_generator_is_left_alone():
    before = torch.get_rng_state()
    config = TrainingConfig(max_epochs=1, coefficients=UNSEEN, **QUIET)
    module = make(dropout=0.3)
    train(copy.deepcopy(module), rows(), config=config, step=adversarial)
    assert torch.equal(torch.get_rng_state(), before)
