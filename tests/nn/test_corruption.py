"""Corruptions: their statistics, where their randomness comes from, and what they leave alone."""

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from isthmus.errors import InvalidInputError
from isthmus.nn import (
    CORRUPTIONS,
    AutoencoderModule,
    Dense,
    GaussianNoise,
    Masking,
    SaltAndPepper,
    Spec,
)

ALL = [GaussianNoise(0.5), GaussianNoise(2.0, clip=(0, 1)), Masking(0.4), SaltAndPepper(0.4)]
N = 200_000


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def close_to_probability(hits, p, n=N):
    """Whether a count is within four standard errors of a binomial's expectation."""
    return abs(int(hits) - n * p) <= 4 * math.sqrt(n * p * (1 - p))


@pytest.mark.parametrize("corruption", ALL, ids=repr)
@settings(max_examples=15, deadline=None)
@given(
    shape=st.lists(st.integers(0, 4), min_size=2, max_size=4),
    double=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_corruption_is_a_function_of_data_and_generator(corruption, shape, double, seed):
    x = torch.rand(shape, generator=generator(1), dtype=torch.float64 if double else torch.float32)
    before, global_before = x.clone(), torch.get_rng_state()
    first, again = corruption(x, generator(seed)), corruption(x, generator(seed))
    assert torch.equal(x, before)  # not in place
    assert first.data_ptr() != x.data_ptr() or x.numel() == 0
    assert (first.shape, first.dtype) == (x.shape, x.dtype)
    assert torch.equal(first, again)
    assert torch.equal(torch.get_rng_state(), global_before)


@pytest.mark.parametrize("corruption", ALL, ids=repr)
def test_draws_go_on_from_one_batch_to_the_next(corruption):
    x, source = torch.rand(50, 20, generator=generator(1)), generator()
    assert not torch.equal(corruption(x, source), corruption(x, source))
    torch.manual_seed(3)
    first = corruption(x)
    torch.manual_seed(3)
    assert torch.equal(corruption(x), first)  # without a generator: torch's global one


@pytest.mark.parametrize("sigma", [0.1, 1.5])
def test_gaussian_noise_has_its_sigma(sigma):
    x = 3 * torch.randn(N, generator=generator(1), dtype=torch.float64)
    noise = GaussianNoise(sigma)(x, generator()) - x
    assert abs(noise.mean()) < 4 * sigma / math.sqrt(N)
    assert abs(noise.var() / sigma**2 - 1) < 4 * math.sqrt(2 / N)
    assert abs(torch.corrcoef(torch.stack([noise, x]))[0, 1]) < 4 / math.sqrt(N)
    inside = (noise.abs() < sigma).sum()
    assert close_to_probability(inside, math.erf(math.sqrt(0.5)))


def test_clip_keeps_the_bounds_and_changes_nothing_inside():
    x = torch.rand(1000, generator=generator(1))
    free = GaussianNoise(0.5)(x, generator())
    clipped = GaussianNoise(0.5, clip=(0.2, 0.9))(x, generator())
    assert clipped.min() == pytest.approx(0.2)
    assert clipped.max() == pytest.approx(0.9)
    assert torch.equal(clipped, free.clamp(0.2, 0.9))


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_masking_zeroes_its_share_and_keeps_the_rest(p):
    x = torch.rand(N, generator=generator(1)) + 1
    masked = Masking(p)(x, generator())
    assert close_to_probability((masked == 0).sum(), p)
    assert torch.equal(masked[masked != 0], x[masked != 0])  # not rescaled as dropout does


@pytest.mark.parametrize("p", [0.1, 0.5, 1.0])
def test_salt_and_pepper_in_equal_shares(p):
    x = torch.zeros(N)
    corrupted = SaltAndPepper(p, low=-3.0, high=7.0)(x, generator())
    assert close_to_probability((corrupted == -3).sum(), p / 2)
    assert close_to_probability((corrupted == 7).sum(), p / 2)
    assert set(corrupted.unique().tolist()) <= {-3.0, 0.0, 7.0}


@pytest.mark.parametrize("cls", [Masking, SaltAndPepper])
def test_the_ends_of_the_scale_of_probability(cls):
    x = torch.rand(N, generator=generator(1)) * 0.5 + 0.25
    assert torch.equal(cls(0)(x, generator()), x)
    everything = cls(1)(x, generator())
    assert ((everything == 0) | (everything == 1)).all()
    if cls is Masking:
        assert not everything.any()


def test_gaussian_noise_of_nothing_is_nothing():
    x = torch.rand(100, generator=generator(1))
    assert torch.equal(GaussianNoise(0.0)(x, generator()), x)


# In the module ------------------------------------------------------------------------------------


class Recorder(torch.nn.Module):
    """An encoder that keeps what it saw."""

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(6, 2)
        self.seen = []

    def forward(self, x):
        self.seen.append(x.detach().clone())
        return self.linear(x)


@pytest.mark.parametrize(
    "corruption", [Masking(0.5), lambda x, g: x + 100], ids=["masking", "a function of one's own"]
)
def test_module_corrupts_the_encoders_input_while_training_only(corruption):
    x = torch.rand(30, 6, generator=generator(1)) + 1
    encoder = Recorder()
    module = AutoencoderModule(encoder, Dense((2,), (6,)), corruption=corruption)
    trained = module.losses(x, generator=generator())["reconstruction"]
    assert torch.equal(encoder.seen[-1], corruption(x, generator()))
    # The target is the clean data: that is what makes it a denoiser.
    code = encoder.linear(corruption(x, generator()))
    clean = module.likelihood.loss(module.decoder(code), x)
    torch.testing.assert_close(trained, clean)
    for see in (module.encode, module, module.log_prob):  # never in use, even in training mode
        see(x)
        assert torch.equal(encoder.seen[-1], x)
    module.eval()
    module.losses(x, generator=generator())
    assert torch.equal(encoder.seen[-1], x)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: GaussianNoise(-0.1), "sigma"),
        (lambda: Masking(1.1), "probability"),
        (lambda: Masking(float("nan")), "probability"),
        (lambda: SaltAndPepper(-0.1), "probability"),
    ],
)
def test_impossible_corruptions(make, name):
    with pytest.raises(InvalidInputError, match=f"^{name}: expected a number"):
        make()


def made_again(corruption):
    stored = json.loads(json.dumps(corruption.spec.to_json()))
    return CORRUPTIONS.make(Spec.from_json(stored))


@pytest.mark.parametrize("corruption", ALL, ids=repr)
def test_json_and_back(corruption):
    assert made_again(corruption) == corruption


def test_json_of_other_numbers():
    numpy = GaussianNoise(np.float32(0.5), clip=np.array([0, 1]))
    assert made_again(numpy) == GaussianNoise(0.5, clip=(0, 1))
    torchs = Masking(torch.tensor(0.25))
    assert json.dumps(torchs.spec.to_json()["options"]) == '{"probability": 0.25}'
    assert CORRUPTIONS.name_of(lambda x, generator: x) is None
