"""Emphasis on what was corrupted, against a loop over every value."""

import pytest
import torch

from isthmus.errors import InvalidInputError
from isthmus.nn import (
    AutoencoderModule,
    Bernoulli,
    Categorical,
    ContinuousBernoulli,
    Dense,
    Gaussian,
    GaussianNoise,
    Laplace,
    Masking,
    Mixed,
    SaltAndPepper,
)

F64 = torch.float64
ALPHA, BETA = 1.5, 0.25
LIKELIHOODS = {
    "gaussian": Gaussian,
    "learned": lambda: Gaussian("learned"),
    "predicted": lambda: Gaussian("predicted"),
    "laplace": Laplace,
    "bernoulli": Bernoulli,
    "continuous bernoulli": ContinuousBernoulli,
    "categorical": lambda: Categorical(3),
    "mixed": lambda: Mixed([(Gaussian(), [0, 4]), (Categorical(3), [2, 1]), (Bernoulli(), [3])]),
}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def data(name):
    x = torch.rand(12, 5, generator=generator(1), dtype=F64) + 0.01
    if name == "categorical":
        return (3 * x).floor().clamp(max=2)
    if name == "mixed":
        x[:, [1, 2]] = (3 * x[:, [1, 2]]).floor().clamp(max=2)
        x[:, 3] = x[:, 3].round()
    return x.clamp(max=1)


def make(name, corruption, missing=False, alpha=ALPHA, beta=BETA):
    likelihood = LIKELIHOODS[name]()
    return AutoencoderModule(
        Dense((likelihood.feature_channels(5),), (3,), generator=generator(3)),
        Dense((3,), (likelihood.parameter_channels(5),), generator=generator(4)),
        likelihood=likelihood,
        corruption=corruption,
        corrupted_weight=alpha,
        clean_weight=beta,
        missing=missing,
    ).double()


def slow(module, x, seed):
    """The weighted sum, value by value; a class is corrupted if any of its three inputs is."""
    observed = ~x.isnan()
    filled = x.nan_to_num(0.0)
    clean = module.likelihood.features(x).nan_to_num(0.0)
    seen = module.corruption(clean, generator(seed))
    log_prob = module.likelihood.log_prob(module.decode_parameters(module.encoder(seen)), filled)
    total, counted = 0.0, {True: 0, False: 0}
    for i in range(len(x)):
        for j in range(x.shape[1]):
            if not observed[i, j]:
                continue
            places = inputs_of(module.likelihood, j)
            changed = any(bool(seen[i, p] != clean[i, p]) for p in places)
            counted[changed] += 1
            total += (ALPHA if changed else BETA) * -log_prob[i, j]
    return total / len(x), counted


def inputs_of(likelihood, column):
    """Where a column's inputs lie in what the encoder sees."""
    if isinstance(likelihood, Categorical):
        return [5 * level + column for level in range(3)]
    if isinstance(likelihood, Mixed):
        # Columns 0 and 4; then classes 2 and 1, level by level; then column 3.
        return {0: [0], 4: [1], 2: [2, 4, 6], 1: [3, 5, 7], 3: [8]}[column]
    return [column]


@pytest.mark.parametrize("missing", [False, True], ids=["complete", "missing"])
@pytest.mark.parametrize("name", LIKELIHOODS)
def test_the_loss_is_the_weighted_sum_over_values(name, missing):
    module, x = make(name, Masking(0.4), missing), data(name)
    if missing:
        x[torch.rand(x.shape, generator=generator(5)) < 0.3] = torch.nan
    expected, counted = slow(module, x, seed=9)
    assert min(counted.values()) > 5
    loss = module.losses(x, generator=generator(9))["reconstruction"]
    torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize("name", ["gaussian", "bernoulli", "mixed"])
def test_evaluation_counts_all_values_alike(name):
    x = data(name)
    module = make(name, SaltAndPepper(0.3)).eval()
    plain = make(name, SaltAndPepper(0.3), alpha=1.0, beta=1.0).eval()
    assert torch.equal(module.losses(x)["reconstruction"], plain.losses(x)["reconstruction"])


def test_equal_weights_are_a_factor_and_ones_are_the_plain_loss():
    x = data("gaussian")
    losses = {
        weight: make("gaussian", Masking(0.4), alpha=weight, beta=weight).losses(
            x, generator=generator()
        )["reconstruction"]
        for weight in (1.0, 2.0)
    }
    torch.testing.assert_close(losses[2.0], 2 * losses[1.0])
    assert make("gaussian", Masking(0.4), alpha=1.0, beta=1.0).emphasis is None


def test_full_emphasis_sees_no_error_where_nothing_was_changed():
    x = data("gaussian")
    module = make("gaussian", Masking(0.0), alpha=1.0, beta=0.0)
    losses = module.losses(x, generator=generator())
    losses.total.backward()
    assert losses["reconstruction"].item() == 0
    assert all(not p.grad.any() for p in module.parameters())


def test_gaussian_noise_changes_every_value():
    x = data("gaussian")
    module = make("gaussian", GaussianNoise(0.1), alpha=1.0, beta=0.0)
    plain = make("gaussian", GaussianNoise(0.1), alpha=1.0, beta=1.0)
    one, other = (m.losses(x, generator=generator())["reconstruction"] for m in (module, plain))
    torch.testing.assert_close(one, other)


def test_pixels_with_channels_are_compared_one_by_one():
    x = torch.rand(6, 2, 3, 3, generator=generator(1), dtype=F64) + 0.1
    module = AutoencoderModule(
        Dense((2, 3, 3), (3,), generator=generator(3)),
        Dense((3,), (2, 3, 3), generator=generator(4)),
        corruption=Masking(0.5),
        corrupted_weight=1.0,
        clean_weight=0.0,
    ).double()
    seen = Masking(0.5)(x, generator(2))
    log_prob = module.likelihood.log_prob(module.decoder(module.encoder(seen)), x)
    expected = -(log_prob * (seen == 0)).sum() / 6
    loss = module.losses(x, generator=generator(2))["reconstruction"]
    torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize(("alpha", "beta"), [(0.0, 0.0), (-1.0, 1.0), (1.0, -0.1)])
def test_impossible_weights(alpha, beta):
    with pytest.raises(InvalidInputError, match="^corrupted_weight: expected"):
        make("gaussian", Masking(0.5), alpha=alpha, beta=beta)
