"""The posterior on the sphere: against Bessel functions, closed forms and draws of another kind."""

import math

import numpy as np
import pytest
import torch
from scipy.special import gammaln, ive
from scipy.stats import kstest

from isthmus.errors import InvalidInputError
from isthmus.nn import AutoencoderModule, Dense, VonMisesFisher
from isthmus.nn.latent.sphere import polar_angle, polar_moments

F64 = torch.float64
KAPPA = np.array([0.01, 0.1, 1.0, 3.0, 10.0, 50.0, 300.0, 3000.0, 1e5])
DIMENSIONS = (2, 3, 4, 5, 10, 33, 100)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def bessel(kappa, d):
    """log Γ(ν+1) (2/κ)^ν I_ν(κ) − κ, and 1 − I_ν₊₁(κ) / I_ν(κ), by scipy."""
    nu = d / 2 - 1
    log_norm = gammaln(nu + 1) + nu * np.log(2 / kappa) + np.log(ive(nu, kappa))
    return log_norm, 1 - ive(nu + 1, kappa) / ive(nu, kappa)


def encoded(kappa, mu):
    """What the encoder gives for a κ and a direction."""
    mu = torch.as_tensor(mu, dtype=F64)
    return math.asinh(kappa / len(mu) - 1e-4) * mu[None]


@pytest.mark.parametrize("d", DIMENSIONS)
def test_normaliser_mean_and_divergence_are_those_of_bessel_functions(d):
    log_norm, away = (v.numpy() for v in polar_moments(torch.tensor(KAPPA), d))
    expected, expected_away = bessel(KAPPA, d)
    np.testing.assert_allclose(log_norm, expected, atol=1e-6)
    np.testing.assert_allclose(away, expected_away, rtol=2e-6)
    divergence = -KAPPA * away - log_norm
    np.testing.assert_allclose(divergence, -KAPPA * expected_away - expected, atol=2e-6)
    assert (np.diff(divergence) > 0).all()


def test_many_dimensions_where_the_bessel_function_underflows():
    # For κ² far below d the divergence is κ²/2d: a Gaussian at the mean κ/d in √d-fold units.
    log_norm, away = polar_moments(torch.tensor([1.0, 5.0], dtype=F64), 2000)
    divergence = -torch.tensor([1.0, 5.0]) * away - log_norm
    expected = torch.tensor([1.0, 25.0], dtype=F64) / 4000
    torch.testing.assert_close(divergence, expected, rtol=0.02, atol=0)


@pytest.mark.parametrize("d", [2, 3, 4, 10, 50])
def test_gradients_in_kappa_and_in_the_share_are_those_of_finite_differences(d):
    kappa = torch.tensor([0.5, 2.0, 10.0, 100.0, 1000.0], dtype=F64).repeat_interleave(3)
    share = torch.tensor([0.02, 0.5, 0.97], dtype=F64).repeat(5)
    kappa.requires_grad_()
    share.requires_grad_()
    check = {"eps": 1e-5, "atol": 1e-5, "rtol": 1e-3}
    assert torch.autograd.gradcheck(lambda k, u: polar_angle(k, u, d), (kappa, share), **check)
    assert torch.autograd.gradcheck(lambda k: polar_moments(k, d), (kappa,), **check)


def test_the_angle_in_three_dimensions_has_a_closed_form():
    kappa = torch.tensor([0.1, 1.0, 20.0, 500.0], dtype=F64).repeat_interleave(5)
    share = torch.tensor([1e-4, 0.1, 0.5, 0.9, 0.9999], dtype=F64).repeat(4)
    cosine = 1 + torch.log1p(share * torch.expm1(-2 * kappa)) / kappa
    torch.testing.assert_close(polar_angle(kappa, share, 3).cos(), cosine, atol=5e-6, rtol=0)


@pytest.mark.parametrize(("d", "kappa"), [(2, 3.0), (3, 0.5), (5, 40.0), (20, 10.0)])
def test_draws_are_those_of_woods_rejection_sampler(d, kappa):
    rng = np.random.default_rng(d)
    b = (d - 1) / (2 * kappa + math.sqrt(4 * kappa**2 + (d - 1) ** 2))
    x0 = (1 - b) / (1 + b)
    c = kappa * x0 + (d - 1) * math.log(1 - x0**2)
    cosines = []
    while len(cosines) < 3000:
        w = rng.beta((d - 1) / 2, (d - 1) / 2, 3000)
        w = (1 - (1 + b) * w) / (1 - (1 - b) * w)
        keep = kappa * w + (d - 1) * np.log(1 - x0 * w) - c >= np.log(rng.random(3000))
        cosines.extend(w[keep])
    mu = np.ones(d) / math.sqrt(d)
    h = encoded(kappa, mu).expand(3000, -1)
    z = VonMisesFisher()(h, generator(d)).numpy()
    np.testing.assert_allclose(np.linalg.norm(z, axis=1), 1, atol=1e-9)
    assert kstest(z @ mu, np.array(cosines[:3000])).pvalue > 1e-3
    # Around μ no direction is preferred: what is left has the mean 0 and equal variances.
    across = z - np.outer(z @ mu, mu)
    assert np.abs(across.mean(0)).max() < 5 * across.std() / math.sqrt(3000)
    values = np.linalg.eigvalsh(np.cov(across.T))
    assert values[0] < 1e-9
    assert values[-1] / values[1] < 1.6 if d > 2 else True


@pytest.mark.parametrize(("d", "kappa"), [(2, 5.0), (3, 0.3), (10, 30.0), (50, 200.0)])
def test_the_divergence_is_the_mean_of_the_log_ratio(d, kappa):
    latent = VonMisesFisher()
    h = encoded(kappa, np.eye(d)[d // 2]).expand(2000, -1)
    noise = torch.randn(2000, d, generator=generator(1), dtype=F64)
    z, ratio = latent.log_ratio(h, noise)
    error = float(ratio.std()) / 2000**0.5
    assert float(ratio.mean()) == pytest.approx(float(latent.divergence(h[:1])), abs=4 * error)
    torch.testing.assert_close(latent.draw(h, noise)[0], z)
    # The ratio is that of the densities: κ μᵀz + log C against minus the log of the area.
    log_norm = bessel(np.array([kappa]), d)[0][0]
    expected = kappa * (z @ latent.mean(h[:1])[0] - 1) - log_norm
    torch.testing.assert_close(ratio, expected, atol=1e-5, rtol=1e-5)


def test_prior_is_uniform_and_its_density_that_of_the_area():
    latent = VonMisesFisher()
    z = latent.sample_prior(4000, 3, generator(2))
    torch.testing.assert_close(z.norm(dim=1), torch.ones(4000))
    assert kstest(z[:, 0].numpy(), "uniform", args=(-1, 2)).pvalue > 1e-3  # Archimedes
    assert float(latent.log_prior(z)[0]) == pytest.approx(-math.log(4 * math.pi), rel=1e-6)


def test_draws_have_gradients_in_direction_and_concentration():
    latent, noise = VonMisesFisher(), torch.randn(4, 3, generator=generator(3), dtype=F64)
    h = torch.randn(4, 3, generator=generator(4), dtype=F64).requires_grad_()
    check = {"eps": 1e-5, "atol": 1e-4, "rtol": 1e-3}
    assert torch.autograd.gradcheck(lambda h: latent.at(h, noise), (h,), **check)
    assert torch.autograd.gradcheck(lambda h: latent.log_ratio(h, noise)[1], (h,), **check)
    assert torch.autograd.gradcheck(latent.divergence, (h,), **check)


@pytest.mark.parametrize("scale", [0.0, 1e-20, 1.0, 1e15])
def test_single_precision_stays_finite_whatever_the_encoder_gives(scale):
    latent = VonMisesFisher()
    h = (scale * torch.randn(50, 4, generator=generator(5))).requires_grad_()
    noise = torch.cat([torch.zeros(1, 4), torch.randn(48, 4, generator=generator(6))])
    noise = torch.cat([noise, torch.full((1, 4), 40.0)])
    z, divergence = latent.draw(h, noise)
    ratio = latent.log_ratio(h, noise)[1]
    torch.testing.assert_close(z.norm(dim=1), torch.ones(50))
    (z.sum() + divergence.sum() + ratio.sum()).backward()
    for value in (z, divergence, ratio, h.grad):
        assert torch.isfinite(value).all()
    assert z.dtype == divergence.dtype == torch.float32
    assert (divergence >= -1e-6).all()


def test_noise_is_broadcast_and_a_module_trains_with_it():
    latent = VonMisesFisher()
    h = torch.randn(6, 3, generator=generator(7))
    one = torch.randn(3, generator=generator(8))
    torch.testing.assert_close(latent.at(h, one), latent.at(h, one.expand(6, 3)))
    module = AutoencoderModule(Dense((5,), (3,)), Dense((3,), (5,)), latent)
    losses = module.losses(torch.randn(8, 5, generator=generator(9)), None, generator(10))
    losses.total.backward()
    assert float(module.encoder.linears[0].weight.grad.abs().sum()) > 0
    with pytest.raises(InvalidInputError, match="at least 2"):
        latent.outputs(1)
