"""Codes: the k largest, and the Gaussian posterior with its divergence."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from isthmus.errors import InvalidInputError
from isthmus.nn import ACTIVATIONS, Deterministic, GaussianLatent, TopK
from isthmus.nn.activation import SLOPES, activation

F64 = torch.float64


def randn(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


# Deterministic codes ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_deterministic_code_is_the_activation(name):
    latent, h = Deterministic(name), randn(5, 4)
    assert torch.equal(latent(h), ACTIVATIONS[name]()(h))
    assert torch.equal(latent.mean(h), latent(h))
    assert latent.divergence(h) is None


@pytest.mark.parametrize("cls", SLOPES, ids=lambda cls: cls.__name__)
def test_slopes_are_derivatives_written_in_the_output(cls):
    a = randn(200).requires_grad_()
    h = cls()(a)
    (derivative,) = torch.autograd.grad(h.sum(), a)
    torch.testing.assert_close(SLOPES[cls](h.detach()), derivative)


@settings(max_examples=100, deadline=None)
@given(
    n=st.integers(1, 5),
    size=st.integers(1, 9),
    k=st.integers(1, 12),
    name=st.sampled_from(["identity", "sigmoid", "tanh"]),
    seed=st.integers(0, 1000),
    ties=st.booleans(),
)
def test_top_k_keeps_exactly_k(n, size, k, name, seed, ties):
    h = randn(n, size, seed=seed)
    if ties:
        h = h.round() + 0.5  # many equal numbers, none of them zero
    z = TopK(k, name)(h)
    full = Deterministic(name)(h)
    kept = z != 0
    assert (kept.sum(1) == min(k, size)).all()
    assert torch.equal(z[kept], full[kept])
    for row, mask in zip(full, kept, strict=True):
        if not mask.all():
            assert row[mask].min() >= row[~mask].max()


def test_only_kept_units_get_a_gradient():
    h = randn(4, 6).requires_grad_()
    z = TopK(2)(h)
    z.sum().backward()
    assert torch.equal(h.grad, (z != 0).to(F64))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TopK(0), "^k: expected a whole number of at least 1; got 0"),
        (lambda: Deterministic("rely"), "^activation: expected one of identity, relu.*got 'rely'"),
        (lambda: activation("rely"), "^activation: expected one of identity, relu.*got 'rely'"),
    ],
)
def test_impossible_codes(make, message):
    with pytest.raises(InvalidInputError, match=message):
        make()


# Gaussian codes -----------------------------------------------------------------------------------

posteriors = st.integers(0, 10_000).map(lambda seed: 2 * randn(3, 8, seed=seed))


@settings(max_examples=50, deadline=None)
@given(h=posteriors)
def test_divergence_is_the_kl_of_torch(h):
    q = torch.distributions.Normal(h[:, :4], (0.5 * h[:, 4:]).exp())
    p = torch.distributions.Normal(torch.zeros_like(h[:, :4]), 1.0)
    expected = torch.distributions.kl_divergence(q, p).sum(1)
    torch.testing.assert_close(GaussianLatent().divergence(h), expected)
    assert (GaussianLatent().divergence(h) > 0).all()


def test_divergence_is_the_mean_of_log_q_minus_log_p():
    h, n = randn(4, 6), 40_000
    latent, source = GaussianLatent(), torch.Generator().manual_seed(2)
    z = latent(h.repeat_interleave(n, 0), source).reshape(4, n, 3)
    mean, log_variance = h[:, None, :3], h[:, None, 3:]
    log_q = -0.5 * ((z - mean).square() / log_variance.exp() + log_variance)  # without log 2π,
    log_p = -0.5 * z.square()  # which both have
    ratio = (log_q - log_p).sum(2)
    error = ratio.std(1) / math.sqrt(n)
    assert ((ratio.mean(1) - latent.divergence(h)).abs() < 4 * error).all()
    assert (error < 0.03).all()  # the bound above would notice a wrong factor


@pytest.mark.parametrize("extreme", [-80.0, 0.0, 80.0])
def test_divergence_and_its_gradient_are_finite(extreme):
    h = torch.full((2, 4), extreme).requires_grad_()
    GaussianLatent().divergence(h).sum().backward()
    assert torch.isfinite(h.grad).all()


def test_divergence_of_the_prior_is_zero_and_stationary():
    h = torch.zeros(3, 4, dtype=F64, requires_grad=True)
    divergence = GaussianLatent().divergence(h)
    divergence.sum().backward()
    assert not divergence.any()
    assert not h.grad.any()


def test_draws_have_the_moments_of_the_posterior():
    h, n = randn(1, 6), 50_000
    z = GaussianLatent()(h.expand(n, -1), torch.Generator().manual_seed(2))
    sigma = (0.5 * h[0, 3:]).exp()
    assert ((z.mean(0) - h[0, :3]).abs() < 4 * sigma / math.sqrt(n)).all()
    assert ((z.var(0) / sigma.square() - 1).abs() < 4 * math.sqrt(2 / n)).all()
    assert (torch.corrcoef(z.T).fill_diagonal_(0).abs() < 4 / math.sqrt(n)).all()
    torch.testing.assert_close(GaussianLatent().mean(h), h[:, :3])


def test_reparameterised_draw_is_differentiable():
    latent, h = GaussianLatent(), randn(3, 6).requires_grad_()

    def draw(h):
        return latent(h, torch.Generator().manual_seed(7))

    assert torch.autograd.gradcheck(draw, h)
    # z = μ + σε: dz/dμ = 1 and dz/dlog σ² = ½(z − μ), whatever ε came up.
    z = draw(h)
    z.sum().backward()
    torch.testing.assert_close(h.grad[:, :3], torch.ones(3, 3, dtype=F64))
    torch.testing.assert_close(h.grad[:, 3:], 0.5 * (z - h[:, :3]).detach())


def test_gradient_of_an_expectation():
    """d/dμ E[z²] = 2μ and d/dlog σ² E[z²] = σ², which the draws estimate without bias."""
    n = 50_000
    h = torch.tensor([[1.5, -0.4]], dtype=F64)
    rows = h.repeat(n, 1).requires_grad_()
    GaussianLatent()(rows, torch.Generator().manual_seed(1)).square().sum().backward()
    expected = torch.tensor([3.0, math.exp(-0.4)], dtype=F64)
    error = rows.grad.std(0) / math.sqrt(n)
    assert ((rows.grad.mean(0) - expected).abs() < 4 * error).all()


def test_draws_come_from_the_generator():
    latent, h = GaussianLatent(), randn(3, 6)
    before = torch.get_rng_state()
    first, again, other = (latent(h, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    prior = [latent.sample_prior(5, 3, torch.Generator().manual_seed(s)) for s in (1, 1, 2)]
    assert torch.equal(torch.get_rng_state(), before)
    for a, b, c in ((first, again, other), prior):
        assert torch.equal(a, b)
        assert not torch.equal(a, c)
    assert prior[0].shape == (5, 3)


def test_prior_is_standard_normal():
    z = GaussianLatent().sample_prior(50_000, 2, torch.Generator().manual_seed(0))
    assert (z.mean(0).abs() < 4 / math.sqrt(50_000)).all()
    assert ((z.var(0) - 1).abs() < 4 * math.sqrt(2 / 50_000)).all()


def test_given_noise_is_used_as_it_is():
    h, noise = randn(3, 6), randn(3, seed=5)
    expected = h[:, :3] + (0.5 * h[:, 3:]).exp() * noise
    torch.testing.assert_close(GaussianLatent().at(h, noise), expected)
