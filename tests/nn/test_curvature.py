"""The higher-order contractive penalty in all its forms, and the gradients of both orders."""

import math

import pytest
import torch

from isthmus.errors import InvalidInputError
from isthmus.nn import (
    AutoencoderModule,
    Contractive,
    ConvolutionalDecoder,
    ConvolutionalEncoder,
    Dense,
    Deterministic,
    GaussianLatent,
    HigherOrderContractive,
    TiedDense,
)

F64 = torch.float64
CLOSED = ["sigmoid", "tanh", "relu", "identity"]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def randn(*shape, seed=1):
    return torch.randn(*shape, generator=generator(seed), dtype=F64)


def dense(hidden=(), activation="tanh", d=5, k=3, latent=None, **style):
    style = {"activation": "tanh", "generator": generator(3), **style}
    encoder = Dense((d,), (k,), hidden, **style)
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


def jacobians(module, x, condition=None):
    """∂z/∂x of each sample, one sample at a time: the slow reference."""
    rows = []
    for i, sample in enumerate(x):
        c = None if condition is None else condition[i : i + 1]
        rows.append(
            torch.autograd.functional.jacobian(lambda s, c=c: module.encode(s[None], c)[0], sample)
        )
    return torch.stack(rows).flatten(2)


def noise(x, sigma, n_draws):
    source = generator()
    return [torch.empty_like(x).normal_(0.0, sigma, generator=source) for _ in range(n_draws)]


def reference(module, x, sigma, n_draws=1, condition=None):
    here = jacobians(module, x, condition)
    return (
        sum(
            (here - jacobians(module, x + e, condition)).square().sum((1, 2)).mean()
            for e in noise(x, sigma, n_draws)
        )
        / n_draws
    )


# Values -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_draws", [1, 3])
@pytest.mark.parametrize("activation", CLOSED)
def test_closed_and_exact_are_the_difference_of_the_jacobians(activation, n_draws):
    module, x = dense(activation=activation), randn(7, 5)
    z = module.encode(x)
    expected = reference(module, x, 0.5, n_draws)
    assert expected > 1e-3 or activation == "identity"
    for method in ("closed", "exact", "auto"):
        penalty = HigherOrderContractive(0.5, n_draws, method)
        torch.testing.assert_close(penalty(module, x, z, generator()), expected)


@pytest.mark.parametrize(
    "module",
    [dense((4,)), dense((6, 4), "sigmoid"), dense(latent=GaussianLatent(), k=4), convolutional()],
    ids=["one layer", "two layers", "posterior mean", "convolutional"],
)
def test_exact_and_estimate_of_other_encoders(module):
    x = randn(3, 2, 4, 3) if isinstance(module.encoder, ConvolutionalEncoder) else randn(3, 5)
    exact = HigherOrderContractive(0.5, 1, "exact")(module, x, None, generator())
    torch.testing.assert_close(exact, reference(module, x, 0.5), rtol=1e-7, atol=1e-12)
    with torch.no_grad():
        copies = x.repeat(3000, *[1] * (x.ndim - 1))
        expected = HigherOrderContractive(0.5, 1, "exact")(module, copies, None, generator(1))
        penalty = HigherOrderContractive(0.5, 1, "estimate")
        draws = torch.stack(
            [penalty(module, x.repeat(100, *[1] * (x.ndim - 1)), None, s) for s in sources(60)]
        )
    error = draws.std() / math.sqrt(len(draws))
    assert error < 0.05 * expected or expected < 1e-12  # the posterior mean here is linear
    assert abs(draws.mean() - expected) <= 4 * math.sqrt(3) * error


def sources(n):
    return [generator(100 + i) for i in range(n)]


def test_a_small_noise_gives_the_squared_norm_of_the_second_derivatives():
    module, x, sigma = dense(activation="sigmoid"), randn(1, 5), 0.01
    hessians = [
        torch.autograd.functional.hessian(lambda s, j=j: module.encode(s[None])[0, j], x[0])
        for j in range(3)
    ]
    norm = sum(h.square().sum() for h in hessians).item()
    copies = x.repeat(40_000, 1)
    value = HigherOrderContractive(sigma)(module, copies, module.encode(copies), generator())
    # E of a quadratic form of 5 normal numbers: its relative spread is at most √2.
    assert value.item() / sigma**2 == pytest.approx(norm, rel=4 * math.sqrt(2 / 40_000))


def test_a_linear_code_has_no_curvature():
    module, x = dense(activation="identity"), randn(4, 5)
    for method in ("closed", "exact", "estimate"):
        value = HigherOrderContractive(1.0, 2, method)(module, x, module.encode(x), generator())
        assert value.item() == pytest.approx(0, abs=1e-20)


def test_more_draws_spread_less():
    module, x = dense(activation="sigmoid"), randn(1, 5)
    z = module.encode(x)
    spread = {}
    for n in (1, 16):
        penalty, source = HigherOrderContractive(0.5, n), generator()
        with torch.no_grad():
            spread[n] = torch.stack([penalty(module, x, z, source) for _ in range(800)]).var()
    assert spread[1] / spread[16] == pytest.approx(16, rel=0.4)


@pytest.mark.parametrize("method", ["closed", "exact", "estimate"])
def test_it_comes_from_the_generator_and_needs_no_gradient_mode(method):
    module, x = dense(), randn(6, 5)
    z, penalty = module.encode(x), HigherOrderContractive(0.3, 2, method)
    before = torch.get_rng_state()
    first, again, other = (penalty(module, x, z, generator(s)) for s in (1, 1, 2))
    with torch.no_grad():
        quiet = penalty(module, x, z, generator(1))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, again)
    assert torch.equal(first, quiet)
    assert not quiet.requires_grad
    assert first.requires_grad
    assert not torch.equal(first, other)


@pytest.mark.parametrize("style", [{"dropout": 0.5}, {"normalization": "batch"}], ids=str)
def test_dropout_and_batch_statistics_stay_out_of_it(style):
    module, x = dense((4,), **style).train(), randn(6, 5)
    value = HigherOrderContractive(0.5, 1, "exact")(module, x, None, generator())
    assert module.encoder.training
    module.eval()
    torch.testing.assert_close(value, reference(module, x, 0.5))


# A condition --------------------------------------------------------------------------------------


@pytest.mark.parametrize("hidden", [(), (4,)], ids=["one layer", "deep"])
def test_both_orders_take_the_condition_and_do_not_contract_it(hidden):
    methods = ["exact", "estimate"] + (["closed"] if not hidden else [])
    x, condition = randn(4, 5), randn(4, 2, seed=7)
    for method in methods:
        module = AutoencoderModule(
            Dense((5,), (3,), hidden, condition_dim=2, activation="tanh", generator=generator()),
            Dense((3,), (5,), condition_dim=2, generator=generator()),
            Deterministic("sigmoid"),
            penalties={
                "first": Contractive(method, n_probes=3000 if method == "estimate" else 1),
                "second": HigherOrderContractive(0.5, 1, method),
            },
        ).double()
        first = jacobians(module, x, condition).square().sum((1, 2)).mean()
        if method == "estimate":
            with torch.no_grad():
                losses = module.losses(x, condition, generator())
            assert losses["first"].item() == pytest.approx(first.item(), rel=0.1)
            assert losses["second"] > 0
            other = module.losses(x, condition + 3, generator())
            assert losses["second"].item() != pytest.approx(other["second"].item(), rel=1e-3)
            continue
        losses = module.losses(x, condition, generator())
        torch.testing.assert_close(losses["first"], first)
        torch.testing.assert_close(losses["second"], reference(module, x, 0.5, 1, condition))


def test_only_a_penalty_that_says_so_gets_the_condition():
    calls = []

    def four(module, x, z, source):
        calls.append(len(z))
        return z.sum() * 0

    module = AutoencoderModule(
        Dense((5,), (3,), condition_dim=2),
        Dense((3,), (5,), condition_dim=2),
        penalties={"four": four},
    )
    module.losses(torch.zeros(4, 5), torch.zeros(4, 2))
    assert calls == [4]


# Gradients ----------------------------------------------------------------------------------------


def tied(hidden):
    encoder = Dense((4,), (3,), hidden, activation="tanh", generator=generator(3))
    decoder = TiedDense(encoder, (4,), 3, activation="tanh", generator=generator(4))
    return AutoencoderModule(encoder, decoder, Deterministic("sigmoid")).double()


def central_differences(value, parameter, step=1e-5):
    """The slow reference of a gradient: two evaluations for each number."""
    gradient = torch.zeros_like(parameter)
    flat, out = parameter.data.view(-1), gradient.view(-1)
    for i in range(flat.numel()):
        kept = flat[i].item()
        sides = []
        for sign in (1, -1):
            flat[i] = kept + sign * step
            sides.append(value().item())
        flat[i] = kept
        out[i] = (sides[0] - sides[1]) / (2 * step)
    return gradient


PENALTIES = {
    "contractive, closed": (Contractive("closed"), ()),
    "contractive, exact": (Contractive("exact"), (3,)),
    "contractive, estimate": (Contractive("estimate", 2), (3,)),
    "higher order, closed": (HigherOrderContractive(0.5, 2, "closed"), ()),
    "higher order, exact": (HigherOrderContractive(0.5, 2, "exact"), (3,)),
    "higher order, estimate": (HigherOrderContractive(0.5, 2, "estimate"), (3,)),
}


@pytest.mark.parametrize("name", PENALTIES)
def test_gradients_are_those_of_finite_differences(name):
    penalty, hidden = PENALTIES[name]
    module, x = tied(hidden), randn(6, 4)

    def value():
        return penalty(module, x, module.encode(x), generator(8))

    module.zero_grad()
    value().backward()
    for parameter in module.encoder.parameters():
        expected = central_differences(value, parameter)
        assert expected.abs().max() > 1e-4 or not hidden
        torch.testing.assert_close(parameter.grad, expected, rtol=1e-6, atol=1e-8)


def test_what_has_no_closed_form_and_impossible_numbers_are_refused():
    module, x = dense((4,)), randn(2, 5)
    with pytest.raises(InvalidInputError, match="^method: 'closed' needs one linear layer"):
        HigherOrderContractive(method="closed")(module, x, None, generator())
    for arguments, name in (
        ({"sigma": 0.0}, "sigma"),
        ({"sigma": float("nan")}, "sigma"),
        ({"n_draws": 0}, "n_draws"),
        ({"method": "fast"}, "method"),
    ):
        with pytest.raises(InvalidInputError, match=f"^{name}: expected"):
            HigherOrderContractive(**arguments)
