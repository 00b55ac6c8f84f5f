"""The evidence lower bound against the exact likelihood of a linear-Gaussian model.

Probabilistic PCA (Tipping & Bishop 1999): z ~ N(0, I), x|z ~ N(Wz + b, σ²I). Then log p(x) is
known, x ~ N(b, WWᵀ + σ²I), and so is the posterior, N(M⁻¹Wᵀ(x − b), σ²M⁻¹) with M = WᵀW + σ²I,
which is diagonal where the columns of W are orthogonal: the encoder can express it exactly.
"""

from itertools import product

import numpy as np
import pytest
import torch
from scipy import stats

from isthmus.nn import AutoencoderModule, Dense, Gaussian, GaussianLatent

D, K = 5, 2
F64 = torch.float64


@pytest.fixture
def model():
    """W, b, σ and data that the model did not draw: the identity holds for any x."""
    rng = np.random.default_rng(0)
    W = np.linalg.qr(rng.normal(size=(D, D)))[0][:, :K] * [2.0, 0.7]
    return W, rng.normal(size=D), 0.6, 2 * rng.normal(size=(6, D))


def make_module(model, mean_factor=1.0, variance_factor=1.0, scale=None):
    W, b, sigma, _ = model
    M = W.T @ W + sigma**2 * np.eye(K)
    to_mean = mean_factor * np.linalg.solve(M, W.T)
    log_variance = np.log(variance_factor * sigma**2 / np.diag(M))
    encoder, decoder = Dense((D,), (2 * K,)).double(), Dense((K,), (D,)).double()
    module = AutoencoderModule(encoder, decoder, GaussianLatent(), scale or Gaussian(sigma))
    with torch.no_grad():
        encoder.linears[0].weight.copy_(torch.from_numpy(np.vstack([to_mean, np.zeros((K, D))])))
        encoder.linears[0].bias.copy_(
            torch.from_numpy(np.concatenate([-to_mean @ b, log_variance]))
        )
        decoder.linears[0].weight.copy_(torch.from_numpy(W))
        decoder.linears[0].bias.copy_(torch.from_numpy(b))
    return module.double()


def elbo(module, x, noise):
    with torch.no_grad():
        log_prob, divergence = module.log_prob(torch.from_numpy(x), noise=noise)
    return (log_prob.sum(1) - divergence).numpy()


def exact(model):
    W, b, sigma, x = model
    return stats.multivariate_normal(b, W @ W.T + sigma**2 * np.eye(D)).logpdf(x)


# log p(x|z) is quadratic in the noise, and the corners of a cube have the mean (0), the variances
# (1) and the covariances (0) of the standard normal: over them, the expectation has no error.
CORNERS = torch.tensor(list(product([-1.0, 1.0], repeat=K)), dtype=F64)


def learned_scale(sigma):
    likelihood = Gaussian("learned").double()
    with torch.no_grad():
        likelihood.raw_log_scale.fill_(np.log(sigma) / 10)
    return likelihood


@pytest.mark.parametrize("learned", [False, True])
def test_with_the_true_posterior_the_bound_is_the_likelihood(model, learned):
    module = make_module(model, scale=learned_scale(model[2]) if learned else None)
    np.testing.assert_allclose(elbo(module, model[3], CORNERS), exact(model), rtol=1e-9)


def test_with_random_draws_it_is_so_up_to_their_error(model):
    noise = torch.randn(4000, K, generator=torch.Generator().manual_seed(0), dtype=F64)
    module, x = make_module(model), model[3]
    each = np.stack([elbo(module, x, draw[None]) for draw in noise[:1500]])
    error = each.std(0) / np.sqrt(len(each))
    assert (np.abs(each.mean(0) - exact(model)) < 4 * error).all()
    assert (error < 0.1).all()  # small enough to see a wrong constant
    # log_prob averages over all draws at once.
    np.testing.assert_allclose(elbo(module, x, noise[:1500]), each.mean(0))


@pytest.mark.parametrize(
    ("mean_factor", "variance_factor"), [(0.8, 1.0), (1.0, 2.0), (1.0, 0.5), (1.3, 0.3), (0.0, 5.0)]
)
def test_with_a_wrong_posterior_it_is_lower_by_their_divergence(
    model, mean_factor, variance_factor
):
    wrong, right = make_module(model, mean_factor, variance_factor), make_module(model)
    x = torch.from_numpy(model[3])
    with torch.no_grad():
        q, p = (
            torch.distributions.Normal(h[:, :K], (0.5 * h[:, K:]).exp())
            for h in (wrong.posterior(x), right.posterior(x))
        )
    gap = torch.distributions.kl_divergence(q, p).sum(1).numpy()
    assert (gap > 0.01).all()
    np.testing.assert_allclose(exact(model) - elbo(wrong, model[3], CORNERS), gap, rtol=1e-7)


def test_losses_are_minus_the_bound(model):
    """The loss that is trained on has the bound as its expectation."""
    module, x = make_module(model, 0.9, 1.5), torch.from_numpy(model[3])
    n = 4000
    with torch.no_grad():
        losses = module.losses(x.repeat(n, 1), generator=torch.Generator().manual_seed(0))
        each = -elbo(module, model[3], CORNERS).mean()
        spread = np.std(
            [
                module.losses(x, generator=torch.Generator().manual_seed(s)).total.item()
                for s in range(200)
            ]
        )
    assert abs(losses.total.item() - each) < 4 * spread / np.sqrt(n)


def test_gradient_of_the_loss_vanishes_at_the_true_posterior(model):
    """There the bound is tight, and so at its maximum over every encoder."""
    module, x = make_module(model), torch.from_numpy(model[3])
    for module_, is_stationary in ((module, True), (make_module(model, 0.9), False)):
        log_prob, divergence = module_.log_prob(x, noise=CORNERS)
        (divergence.sum() - log_prob.sum()).backward()
        gradients = [p.grad.abs().max() for p in module_.encoder.parameters()]
        assert all((g < 1e-8) == is_stationary for g in gradients)
