"""The module of predictive sparse decomposition: its terms, its gradient and its refusals."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from isthmus.errors import InvalidInputError
from isthmus.nn import (
    Bernoulli,
    Dense,
    Gained,
    Gaussian,
    PredictiveSparseModule,
    TiedDense,
)
from isthmus.training import TrainingConfig, sparse_inference, train

L1, ALPHA = 0.3, 0.7


def make(d=6, k=9, seed=0, shape=None, **options):
    generator = torch.Generator().manual_seed(seed)
    shape = (d,) if shape is None else shape
    options = {
        "sparsity_weight": L1,
        "prediction_weight": ALPHA,
        "inference_steps": 3000,
        **options,
    }
    module = PredictiveSparseModule(
        Dense(shape, (k,), generator=generator),
        Dense((k,), shape, generator=generator),
        Gained(k),
        **options,
    ).double()
    with torch.no_grad():
        module.latent.gain.uniform_(0.5, 1.5, generator=generator)
    return module


def data(n=5, d=6, seed=1):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed)).double() * 2


def slow_codes(x, D, f):
    """Proximal gradient steps without momentum, one row at a time."""
    step = 1 / (np.linalg.eigvalsh(D.T @ D)[-1] + ALPHA)
    codes = []
    for row, guess in zip(x, f, strict=True):
        z = guess.copy()
        for _ in range(2000):
            z = z - step * (D.T @ (D @ z - row) + ALPHA * (z - guess))
            z = np.sign(z) * np.maximum(np.abs(z) - step * L1, 0)
        codes.append(z)
    return np.array(codes)


def parts(module):
    """Return D, b, W, c and g as numpy."""
    up, down = module.encoder.linears[0], module.decoder.linears[0]
    tensors = (down.weight, down.bias, up.weight, up.bias, module.latent.gain)
    return [tensor.detach().numpy() for tensor in tensors]


def test_the_terms_are_those_of_the_paper():
    module, x = make(), data()
    D, b, W, c, g = parts(module)
    rows = x.numpy()
    f = g * np.tanh(rows @ W.T + c)
    z = slow_codes(rows - b, D, f)
    losses = module.losses(x)
    squared = ((rows - z @ D.T - b) ** 2).sum(1).mean()
    expected = {
        "reconstruction": 0.5 * squared + 6 * 0.5 * np.log(2 * np.pi),
        "sparsity": np.abs(z).sum(1).mean(),
        "prediction": 0.5 * ((z - f) ** 2).sum(1).mean(),
    }
    assert list(losses) == list(expected)
    for name, value in expected.items():
        assert float(losses[name].detach()) == pytest.approx(value, rel=1e-9)
    np.testing.assert_allclose(module.encode(x).detach().numpy(), f)
    assert (z == 0).any()


def test_each_weight_learns_from_its_own_term():
    module, x = make(), data()
    losses = module.losses(x)
    encoder = (*module.encoder.parameters(), module.latent.gain)
    decoder = (*module.decoder.parameters(),)
    for name, learning, other in (
        ("reconstruction", decoder, encoder),
        ("prediction", encoder, decoder),
    ):
        gradients = torch.autograd.grad(losses[name], (*learning, *other), allow_unused=True)
        assert all((gradient != 0).any() for gradient in gradients[: len(learning)])
        assert all(gradient is None for gradient in gradients[len(learning) :])
    assert not losses["sparsity"].requires_grad


def test_the_gradient_is_that_of_the_minimum_over_codes():
    """Danskin: codes may be held fixed where they are optimal, so finite differences agree."""
    module, x = make(inference_steps=300), data()
    weights = {"sparsity": L1, "prediction": ALPHA}
    module.losses(x).weighted(weights).backward()
    step = 1e-5
    for parameter in module.parameters():
        flat, gradient = parameter.data.view(-1), parameter.grad.view(-1)
        for i in range(0, len(flat), 11):
            old = float(flat[i])
            values = []
            for sign in (1, -1):
                flat[i] = old + sign * step
                values.append(float(module.losses(x).weighted(weights).detach()))
            flat[i] = old
            slope = (values[0] - values[1]) / (2 * step)
            assert float(gradient[i]) == pytest.approx(slope, abs=1e-6)


def test_missing_values_are_left_out():
    module, x = make(missing=True), data()
    x[:, 2] = float("nan")
    losses = module.losses(x)
    D, b, W, c, g = parts(module)
    kept = [0, 1, 3, 4, 5]
    rows = x.numpy()[:, kept]
    f = g * np.tanh(rows @ W[:, kept].T + c)
    z = slow_codes(rows - b[kept], D[kept], f)
    squared = ((rows - z @ D[kept].T - b[kept]) ** 2).sum(1).mean()
    expected = 0.5 * squared + 5 * 0.5 * np.log(2 * np.pi)
    assert float(losses["reconstruction"].detach()) == pytest.approx(expected, rel=1e-9)
    assert float(losses["sparsity"].detach()) == pytest.approx(np.abs(z).sum(1).mean(), rel=1e-9)


def test_images_are_flat_inside():
    flat, images = make(), make(shape=(1, 2, 3))
    x = data()
    one, other = flat.losses(x), images.losses(x.view(5, 1, 2, 3))
    for name in one:
        torch.testing.assert_close(one[name], other[name])


def test_atoms_have_a_norm_of_one_from_the_start_and_after_every_step():
    norms = []
    module = make(inference_steps=5)
    ones = torch.ones(9, dtype=torch.float64)
    torch.testing.assert_close(module.dictionary.norm(dim=0), ones, rtol=1e-6, atol=0)
    config = TrainingConfig(
        max_epochs=3, batch_size=8, learning_rate=0.05, coefficients={"sparsity": L1}
    )
    before = module.dictionary.detach().clone()

    def step(state, batch):
        losses = sparse_inference(state, batch)
        norms.append(state.module.dictionary.detach().norm(dim=0))
        return losses

    train(module, data(40), config=config, step=step)
    assert len(norms) == 15
    for norm in norms:
        torch.testing.assert_close(norm, ones)
    assert (module.dictionary - before).abs().max() > 0.05


def test_bfloat16_leaves_the_inference_in_full_precision():
    module, x = make(inference_steps=50).float(), data().float()
    plain = module.losses(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = module.losses(x)
    for name in plain:
        assert mixed[name].dtype == torch.float32
        assert float(mixed[name].detach()) == pytest.approx(float(plain[name].detach()), rel=0.05)


def test_other_parts_are_refused():
    encoder, latent = Dense((6,), (9,)), Gained(9)
    for decoder in (Dense((9,), (6,), [5]), TiedDense(encoder, (6,), 9), torch.nn.Linear(9, 6)):
        with pytest.raises(InvalidInputError, match="^decoder: "):
            PredictiveSparseModule(encoder, decoder, latent)
    for likelihood in (Bernoulli(), Gaussian("learned"), Gaussian(0.5)):
        with pytest.raises(InvalidInputError, match="^likelihood: "):
            PredictiveSparseModule(encoder, Dense((9,), (6,)), latent, likelihood)
