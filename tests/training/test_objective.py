"""The losses as a forward pass, under torch's own wrapper, and the rules by name."""

import datetime

import pytest
import torch
from torch import distributed, nn

from isthmus.errors import InvalidInputError
from isthmus.nn import AdversarialModule, AutoencoderModule, Bernoulli, Critic, Dense, Matched
from isthmus.registry import Spec
from isthmus.training import (
    RULES,
    Batch,
    Objective,
    TensorBatches,
    TrainingConfig,
    backpropagation,
    new_state,
    train,
    walk_back,
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def module():
    return AutoencoderModule(
        Dense((6,), (2,), [8], generator=generator()),
        Dense((2,), (6,), [8], generator=generator(1)),
        likelihood=Bernoulli(),
        corruption=lambda x, noise: x * torch.empty_like(x).bernoulli_(0.8, generator=noise),
    )


X = torch.rand(50, 6, generator=generator(2))


def test_its_forward_is_the_losses_and_the_modules_own_stays_the_reconstruction():
    net = module()
    objective = Objective(net)
    ours = objective(Batch(X, noise=generator(3)))
    theirs = net.losses(X, generator=generator(3))
    assert ours.keys() == theirs.keys()
    assert torch.equal(ours.total, theirs.total)
    assert net(X).shape == X.shape
    assert dict(objective.named_parameters()).keys() == {
        f"module.{name}" for name, _ in net.named_parameters()
    }


def test_the_losses_of_critics_and_losses_of_ones_own():
    critic = nn.ModuleDict({"code": Critic(Dense((2,), (8,)), 8)})
    net = AdversarialModule(Dense((6,), (2,)), Dense((2,), (6,)), Matched(), critic=critic)
    objective = Objective(net)
    found = objective(Batch(X, noise=generator(3)), "critic_losses")
    expected = net.critic_losses(X, generator=generator(3))
    assert found.keys() == expected.keys()
    assert torch.equal(found.total, expected.total)
    batch = Batch(X)
    assert objective(batch, lambda *arguments: arguments) == (net, batch)


@pytest.fixture
def alone(tmp_path):
    """A group of one process."""
    distributed.init_process_group(
        "gloo",
        init_method=f"file://{tmp_path}/group",
        rank=0,
        world_size=1,
        timeout=datetime.timedelta(seconds=20),
    )
    yield
    distributed.destroy_process_group()


@pytest.mark.skipif(not distributed.is_available(), reason="torch without distributed training")
@pytest.mark.parametrize("rule", [backpropagation, walk_back(2)])
@pytest.mark.filterwarnings("ignore")
def test_distributed_data_parallel_wraps_it(alone, rule):
    """The same weights as without; its reducer has seen the backward pass of every step."""
    config = TrainingConfig(max_epochs=2, batch_size=16)
    plain, wrapped = module(), module()
    train(plain, X, config=config, step=rule)
    state = new_state(wrapped, config)
    state.objective = nn.parallel.DistributedDataParallel(state.objective)
    reduced = []

    def hook(_, bucket):
        reduced.append(bucket.index())
        future = torch.futures.Future()
        future.set_result(bucket.buffer())
        return future

    state.objective.register_comm_hook(None, hook)
    train(wrapped, TensorBatches(X), config=config, step=rule, state=state)
    assert len(reduced) >= state.steps == 8
    for one, other in zip(plain.parameters(), wrapped.parameters(), strict=True):
        assert torch.equal(one, other)


# Rules by name ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "steps"),
    [
        (Spec("backpropagation"), True),
        (Spec("walk_back", {"n_steps": 2}), True),
        (Spec("recirculation", {"regression": 0.9}), False),
        (Spec("adversarial"), False),
        (Spec("sparse_inference"), False),
    ],
)
def test_each_rule_is_made_from_its_name(spec, steps):
    rule = RULES.make(spec)
    assert callable(rule)
    if steps:
        assert len(train(module(), X, config=TrainingConfig(max_epochs=2), step=rule).history) == 2


def test_a_rule_that_is_not_there_or_has_no_such_option():
    assert set(RULES) == {
        "adversarial",
        "backpropagation",
        "recirculation",
        "sparse_inference",
        "walk_back",
    }
    with pytest.raises(InvalidInputError, match="^rule: .*did you mean 'backpropagation'"):
        RULES.make(Spec("backpropagate"))
    with pytest.raises(InvalidInputError, match="did you mean 'n_steps'"):
        RULES.make(Spec("walk_back", {"n_step": 2}))
