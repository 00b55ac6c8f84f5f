"""Penalties: the contractive one in all its forms against autograd, and the sparse ones."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import rel_entr
from torch import nn
from torch.func import functional_call

from isthmus.errors import InvalidInputError
from isthmus.nn import (
    L1,
    AutoencoderModule,
    Contractive,
    ConvolutionalDecoder,
    ConvolutionalEncoder,
    Dense,
    Deterministic,
    GaussianLatent,
    KLSparsity,
    TopK,
)
from isthmus.nn.penalties.contraction import has_closed_form

F64 = torch.float64
CLOSED = ["sigmoid", "tanh", "relu", "identity"]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def randn(*shape, seed=1):
    return torch.randn(*shape, generator=generator(seed), dtype=F64)


def dense(hidden=(), activation="tanh", d=5, k=3, latent=None):
    encoder = Dense((d,), (k,), hidden, activation="tanh", generator=generator(3))
    module = AutoencoderModule(
        encoder, Dense((k,), (d,), generator=generator(4)), latent or Deterministic(activation)
    ).double()
    with torch.no_grad():
        for parameter in module.encoder.parameters():
            parameter.mul_(2)  # away from the linear part of the activations
    return module


def convolutional():
    style = {"activation": "tanh", "generator": generator(3)}
    return AutoencoderModule(
        ConvolutionalEncoder((2, 4, 3), 4, (3,), **style),
        ConvolutionalDecoder(4, (2, 4, 3), (3,), **style),
        Deterministic("tanh"),
    ).double()


def jacobians(module, x):
    """∂z/∂x of each sample (n, latent_dim, values), one sample at a time: the slow reference."""
    rows = []
    for sample in x:
        jacobian = torch.autograd.functional.jacobian(
            lambda s: module.encode(s[None])[0], sample, vectorize=False
        )
        rows.append(jacobian.flatten(1))
    return torch.stack(rows)


def reference(module, x):
    return jacobians(module, x).square().sum((1, 2)).mean()


# Contractive: values ------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", CLOSED)
def test_closed_form_is_the_norm_of_the_jacobian(activation):
    module, x = dense(activation=activation), randn(7, 5)
    z = module.encode(x)
    expected = reference(module, x)
    assert expected > 0.1
    torch.testing.assert_close(Contractive("closed")(module, x, z), expected)
    torch.testing.assert_close(Contractive("exact")(module, x, z), expected)
    assert torch.equal(Contractive("auto")(module, x, z), Contractive("closed")(module, x, z))


@pytest.mark.parametrize(
    "module",
    [dense((4,)), dense((6, 4), "sigmoid"), dense(latent=GaussianLatent(), k=4), convolutional()],
    ids=["one layer", "two layers", "posterior mean", "convolutional"],
)
def test_exact_and_estimate_of_deeper_encoders(module):
    x = randn(3, 2, 4, 3) if isinstance(module.encoder, ConvolutionalEncoder) else randn(3, 5)
    expected = reference(module, x)
    torch.testing.assert_close(Contractive("exact")(module, x, None), expected)
    # Rows of signs: one sample's estimate is averaged over many copies of it.
    copies = x.repeat(4000, *[1] * (x.ndim - 1))
    estimate = Contractive("estimate")(module, copies, None, generator())
    bound = standard_error(module, x, 4000)
    assert abs(estimate - expected) < 4 * bound
    assert 4 * bound < 0.2 * expected
    if not has_closed_form(module):
        one, same = (Contractive(m)(module, x, None, generator()) for m in ("auto", "estimate"))
        assert torch.equal(one, same)


def variance(module, x):
    """2(‖JJᵀ‖²_F − Σⱼ (JJᵀ)ⱼⱼ²) of each sample: what the documentation states."""
    gram = jacobians(module, x)
    gram = gram @ gram.transpose(1, 2)
    return 2 * (gram.square().sum((1, 2)) - gram.diagonal(dim1=1, dim2=2).square().sum(1))


def standard_error(module, x, draws):
    return math.sqrt(variance(module, x).mean() / (len(x) * draws))


@pytest.mark.parametrize("n_probes", [1, 3])
@pytest.mark.parametrize("activation", ["tanh", "identity"])
def test_estimate_is_unbiased_with_the_documented_variance(activation, n_probes):
    module, x = dense((4,), activation), randn(1, 5)
    expected, spread = reference(module, x).item(), variance(module, x).item() / n_probes
    assert spread > 1e-3
    penalty, source, n = Contractive("estimate", n_probes), generator(), 3000
    with torch.no_grad():
        draws = torch.stack([penalty(module, x, None, source) for _ in range(n)])
    assert abs(draws.mean() - expected) < 4 * math.sqrt(spread / n)
    squares = (draws - expected).square()
    assert abs(squares.mean() - spread) < 4 * squares.std() / math.sqrt(n)
    assert squares.std() / math.sqrt(n) < 0.05 * spread


def test_estimate_has_no_variance_where_the_rows_are_orthogonal():
    module, x = dense(activation="identity"), randn(4, 5)
    with torch.no_grad():
        orthogonal = torch.linalg.qr(randn(5, 3)).Q.T * torch.tensor([[1.0], [2.0], [3.0]])
        module.encoder.linears[0].weight.copy_(orthogonal)
    for seed in range(5):
        estimate = Contractive("estimate")(module, x, None, generator(seed))
        assert estimate.item() == pytest.approx(1 + 4 + 9)


def test_estimate_comes_from_the_generator_and_needs_no_gradient_mode():
    module, x = dense((4,)), randn(6, 5)
    before = torch.get_rng_state()
    first, again, other = (
        Contractive("estimate")(module, x, None, generator(s)) for s in (1, 1, 2)
    )
    with torch.no_grad():
        quiet = Contractive("estimate")(module, x, None, generator(1))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, again)
    assert torch.equal(first, quiet)
    assert not quiet.requires_grad
    assert not torch.equal(first, other)
    assert not x.requires_grad


def test_a_condition_is_not_contracted():
    encoder = Dense((5,), (3,), condition_dim=2, generator=generator())
    module = AutoencoderModule(
        encoder, Dense((3,), (5,), condition_dim=2), Deterministic("sigmoid")
    ).double()
    x, condition = randn(4, 5), randn(4, 2)
    norm = sum(
        torch.autograd.functional.jacobian(
            lambda s, c=c: module.encode(s[None], c[None])[0], sample
        )
        .square()
        .sum()
        for sample, c in zip(x, condition, strict=True)
    )
    z = module.encode(x, condition)
    torch.testing.assert_close(Contractive("closed")(module, x, z), norm / 4)


# Contractive: gradients ---------------------------------------------------------------------------


class Applied(nn.Module):
    """A penalty as a module's output, for torch.func.functional_call."""

    def __init__(self, module, penalty):
        super().__init__()
        self.module, self.penalty = module, penalty

    def forward(self, x):
        return self.penalty(self.module, x, self.module.encode(x), generator(8))


@pytest.mark.parametrize("method", ["closed", "exact", "estimate"])
@pytest.mark.parametrize("activation", CLOSED)
def test_gradient_of_the_contractive_penalty(method, activation):
    if method == "closed":
        module = dense((), activation, d=3, k=2)
    else:
        module = dense((3,), activation, d=3, k=2)
    applied, x = Applied(module, Contractive(method)), randn(4, 3)
    names = [name for name, _ in applied.named_parameters() if "encoder" in name]
    values = [p.detach().clone().requires_grad_() for p in module.encoder.parameters()]

    def value(*weights):
        return functional_call(applied, dict(zip(names, weights, strict=True)), (x,))

    assert torch.autograd.gradcheck(value, values)


def test_the_three_forms_have_the_same_gradient():
    """The estimate's gradient is unbiased too: compared over many probes."""
    x = randn(3, 4)
    gradients = {}
    for method in ("closed", "exact", "estimate"):
        module = dense((), "sigmoid", d=4, k=3)
        penalty = Contractive(method, n_probes=4000 if method == "estimate" else 1)
        penalty(module, x, module.encode(x), generator()).backward()
        gradients[method] = module.encoder.linears[0].weight.grad
    torch.testing.assert_close(gradients["exact"], gradients["closed"])
    scale = gradients["closed"].abs().max()
    torch.testing.assert_close(
        gradients["estimate"], gradients["closed"], rtol=0, atol=0.05 * scale
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda: dense((4,)),
        lambda: dense(activation="softplus"),
        lambda: dense(latent=TopK(2, "sigmoid")),
        lambda: dense(latent=GaussianLatent(), k=4),
        convolutional,
    ],
    ids=["hidden layer", "softplus", "top-k", "gaussian", "convolutional"],
)
def test_no_closed_form(make):
    module = make()
    assert not has_closed_form(module)
    with pytest.raises(InvalidInputError, match="^method: 'closed' needs one linear layer"):
        Contractive("closed")(module, randn(2, 5), randn(2, 3))


# Sparsity -----------------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(
    rho=st.floats(0.01, 0.99),
    activities=st.lists(st.floats(0.001, 0.999), min_size=1, max_size=6),
    seed=st.integers(0, 1000),
)
def test_kl_sparsity_is_that_of_scipy(rho, activities, seed):
    mean = torch.tensor(activities, dtype=F64)
    # Codes that scatter around their means: only the means may count.
    half = 0.5 * torch.minimum(mean, 1 - mean) * torch.rand(len(mean), generator=generator(seed))
    z = torch.stack([mean - half, mean + half])
    expected = (rel_entr(rho, mean.numpy()) + rel_entr(1 - rho, 1 - mean.numpy())).sum()
    actual = KLSparsity(rho)(None, None, z).item()
    assert actual == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert actual >= -1e-12
    if np.abs(mean.numpy() - rho).max() > 1e-3:
        assert actual > 1e-7


@pytest.mark.parametrize("rho", [0.05, 0.3, 0.5])
def test_kl_sparsity_is_zero_and_stationary_at_rho(rho):
    z = torch.full((4, 3), rho, dtype=F64, requires_grad=True)
    divergence = KLSparsity(rho)(None, None, z)
    divergence.backward()
    assert divergence.item() == pytest.approx(0, abs=1e-12)
    torch.testing.assert_close(z.grad, torch.zeros_like(z))


def test_kl_sparsity_pushes_activities_towards_rho():
    z = torch.tensor([[0.01, 0.2, 0.9], [0.03, 0.2, 0.7]], dtype=F64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda z: KLSparsity(0.2)(None, None, z), z)
    KLSparsity(0.2)(None, None, z).backward()
    assert z.grad[0, 0] < 0 < z.grad[0, 2]


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_kl_sparsity_of_silent_and_of_always_active_units_is_finite(value):
    divergence = KLSparsity(0.05)(None, None, torch.full((3, 2), value))
    assert torch.isfinite(divergence)
    assert divergence > 0.5


def test_l1_is_the_mean_absolute_sum():
    z = randn(6, 4).requires_grad_()
    value = L1()(None, None, z)
    assert value.item() == pytest.approx(np.abs(z.detach().numpy()).sum(1).mean())
    assert torch.autograd.gradcheck(lambda z: L1()(None, None, z), z)


def test_a_penalty_of_ones_own():
    calls = []

    def smooth(module, x, z, source):
        calls.append((module, x, z, source))
        return (z[:, 1:] - z[:, :-1]).square().sum(1).mean()

    module, x, source = dense(), randn(6, 5), generator()
    module.penalties = {"smooth": smooth}
    losses = module.losses(x, generator=source)
    z = module.encode(x)
    assert list(losses) == ["reconstruction", "smooth"]
    torch.testing.assert_close(losses["smooth"], z.diff(dim=1).square().sum(1).mean())
    ((seen_module, seen_x, seen_z, seen_source),) = calls
    assert seen_module is module
    assert seen_source is source
    assert torch.equal(seen_x, x)
    assert torch.equal(seen_z, z)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Contractive("fast"), "^method: expected 'auto'.*got 'fast'"),
        (lambda: Contractive(n_probes=0), "^n_probes: expected at least 1; got 0"),
        (lambda: KLSparsity(0.0), "^rho: expected a number between 0 and 1; got 0.0"),
        (lambda: KLSparsity(1), "^rho: expected a number between 0 and 1; got 1"),
    ],
)
def test_impossible_penalties(make, message):
    with pytest.raises(InvalidInputError, match=message):
        make()
