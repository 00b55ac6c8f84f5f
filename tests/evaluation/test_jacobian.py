"""Jacobian norms against closed forms and autograd, and what denoising has to do with them."""

import math

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from isthmus import (
    Autoencoder,
    AutoencoderClassifier,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    SparseAutoencoder,
    VariationalAutoencoder,
)
from isthmus.errors import InvalidInputError
from isthmus.evaluation import jacobian_norm, squared_jacobian_norms
from isthmus.nn import AutoencoderModule, Dense, Deterministic, GaussianNoise

F64 = torch.float64
DIGITS = load_digits().data / 16


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_a_tied_sigmoid_layer_has_a_closed_form():
    X = DIGITS[:40]
    model = ContractiveAutoencoder(
        latent_dim=12, likelihood="gaussian", scaling=None, max_epochs=3, random_state=0
    ).fit(X)
    W = model.module_.encoder.linears[0].weight.detach().double().numpy()
    b = model.module_.encoder.linears[0].bias.detach().double().numpy()
    h = 1 / (1 + np.exp(-(X @ W.T + b)))
    slope = h * (1 - h)
    of_code = (slope**2) @ (W**2).sum(1)
    of_reconstruction = [((W.T @ (s[:, None] * W)) ** 2).sum() for s in slope]
    np.testing.assert_allclose(squared_jacobian_norms(model, X), of_code, rtol=1e-4)
    np.testing.assert_allclose(
        squared_jacobian_norms(model, X, "reconstruction"), of_reconstruction, rtol=1e-4
    )
    assert jacobian_norm(model, X) == pytest.approx(of_code.mean(), rel=1e-4)


CASES = {
    "deep": (Autoencoder, {}, DIGITS),
    "overcomplete": (SparseAutoencoder, {"latent_dim": 80}, DIGITS),
    "deep and overcomplete": (
        Autoencoder,
        {"latent_dim": 80, "hidden_layer_sizes": (16,)},
        DIGITS,
    ),
    "top-k": (SparseAutoencoder, {"sparsity": "topk", "k": 4, "alpha": 2.0}, DIGITS),
    "convolutional": (Autoencoder, {}, DIGITS.reshape(-1, 8, 8)),
    "posterior": (VariationalAutoencoder, {"latent_dim": 4, "dropout": 0.3}, DIGITS),
    "predicted scale": (Autoencoder, {"likelihood": "gaussian_predicted_scale"}, DIGITS),
    "classes": (
        Autoencoder,
        {"likelihood": "categorical", "latent_dim": 3},
        np.round(DIGITS[:, 16:24] * 2),
    ),
}


@pytest.mark.parametrize("of", ["encoder", "reconstruction"])
@pytest.mark.parametrize("name", CASES)
def test_norms_are_those_of_autograd(name, of):
    cls, settings, X = CASES[name]
    model = cls(max_epochs=1, random_state=0, **settings).fit(X[:200])
    module = model.module_
    x, _ = model.to_tensors(X[:3], None)
    expected = []
    for seen in module.features(x):

        def function(s):
            z = module.latent.mean(module.encoder(s[None]))
            if of == "encoder":
                return z[0]
            return module.likelihood.mean(module.decoder(z))[0]

        expected.append(torch.autograd.functional.jacobian(function, seen).double().square().sum())
    found = squared_jacobian_norms(model, X[:50], of)
    assert found.shape == (50,)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[:3], torch.stack(expected).numpy(), rtol=2e-4)
    # A sample's norm does not depend on its neighbours.
    np.testing.assert_allclose(squared_jacobian_norms(model, X[7:8], of), found[7:8], rtol=1e-5)


def test_missing_values_are_zero_for_the_network():
    X = DIGITS[:60].copy()
    X[:, 20] = np.nan
    model = ContractiveAutoencoder(
        latent_dim=6, scaling=None, likelihood="gaussian", missing="ignore", max_epochs=1
    ).fit(X)
    filled = np.nan_to_num(X, nan=0.0)
    np.testing.assert_allclose(
        squared_jacobian_norms(model, X), squared_jacobian_norms(model, filled), rtol=1e-6
    )


def test_contraction_and_denoising_make_both_norms_small():
    common = {
        "latent_dim": 32,
        "hidden_layer_sizes": (),
        "latent_activation": "sigmoid",
        "tied_weights": True,
        "max_epochs": 12,
        "learning_rate": 0.01,
        "random_state": 0,
    }
    models = {
        "plain": Autoencoder(**common),
        "contractive": ContractiveAutoencoder(contraction=1.0, **common),
        "denoising": DenoisingAutoencoder(corruption="gaussian", corruption_level=0.5, **common),
    }
    norms = {
        (name, of): jacobian_norm(model.fit(DIGITS[:1400]), DIGITS[1400:], of)
        for name, model in models.items()
        for of in ("encoder", "reconstruction")
    }
    assert norms["contractive", "encoder"] < 0.5 * norms["plain", "encoder"]
    assert norms["denoising", "reconstruction"] < 0.8 * norms["plain", "reconstruction"]


# Denoising and the Jacobian (Alain & Bengio 2014) -------------------------------------------------


def small(activation, hidden):
    style = {"activation": "tanh", "generator": generator(3)}
    return AutoencoderModule(
        Dense((4,), (3,), hidden, **style),
        Dense((3,), (4,), hidden, **style),
        Deterministic(activation),
    ).double()


def squared_jacobian(module, x):
    return torch.stack(
        [
            torch.autograd.functional.jacobian(lambda s: module(s[None])[0], s).square().sum()
            for s in x
        ]
    )


def test_of_a_linear_model_the_identity_is_exact():
    """E of the denoising loss = the plain loss + σ²‖∂r/∂x‖² / 2, for half the squared error."""
    module, sigma = small("identity", ()), 0.7
    x = torch.randn(1, 4, generator=generator(1), dtype=F64)
    plain = module.losses(x)["reconstruction"].item()
    norm = squared_jacobian(module, x).item()
    module.corruption = GaussianNoise(sigma)
    n, source = 20_000, generator(5)
    draws = torch.stack(
        [
            module.losses(x.repeat(100, 1), generator=source)["reconstruction"]
            for _ in range(n // 100)
        ]
    ).detach()
    error = draws.std().item() / math.sqrt(len(draws))
    assert error < 0.02 * sigma**2 * norm
    assert abs(draws.mean().item() - plain - sigma**2 * norm / 2) < 4 * error


@pytest.mark.parametrize(("activation", "hidden"), [("sigmoid", ()), ("tanh", (6,))])
def test_of_any_model_it_holds_for_small_noise(activation, hidden):
    """With ±σ√d along each axis in place of ε, which has the same moments up to the third."""
    module = small(activation, hidden)
    x = torch.randn(5, 4, generator=generator(1), dtype=F64)
    directions = torch.cat([torch.eye(4, dtype=F64), -torch.eye(4, dtype=F64)]) * 2  # √d = 2
    norm = squared_jacobian(module, x)
    with torch.no_grad():
        r = module(x)
        rest = {}
        for sigma in (0.02, 0.01):
            moved = torch.stack([module(x + sigma * e) for e in directions])
            # The target is r(x): a model that reconstructs, as the theorem supposes.
            excess = (moved - r).square().sum(2).mean(0)
            rest[sigma] = (excess / sigma**2 - norm).abs().max().item()
            # And for any target, to first order in σ² the curvature of r comes in besides.
            both = (moved - x).square().sum(2).mean(0) - (r - x).square().sum(1)
            bend = 2 * ((r - x) * (moved - r).mean(0)).sum(1)
            torch.testing.assert_close(both, excess + bend)
    assert rest[0.01] < 1e-3 * norm.max()
    assert rest[0.02] / rest[0.01] == pytest.approx(4, rel=0.1)  # what is left is of order σ²


def test_what_has_no_norm():
    X = DIGITS[:50]
    model = Autoencoder(latent_dim=2, max_epochs=1).fit(X)
    with pytest.raises(InvalidInputError, match="^of: expected 'encoder' or 'reconstruction'"):
        jacobian_norm(model, X, of="decoder")
    conditional = VariationalAutoencoder(conditional=True, latent_dim=2, max_epochs=1)
    conditional.fit(X, np.arange(50) % 2)
    with pytest.raises(InvalidInputError, match="^estimator: expected a model without a condition"):
        jacobian_norm(conditional, X)


def test_a_classifier_is_no_autoencoder():
    X = DIGITS[:40]
    model = AutoencoderClassifier(autoencoder=Autoencoder(max_epochs=1), max_epochs=1)
    model.fit(X, np.arange(40) % 2)
    with pytest.raises(InvalidInputError, match="AutoencoderClassifier.*autoencoder_"):
        jacobian_norm(model, X)
    assert jacobian_norm(model.autoencoder_, X) > 0
