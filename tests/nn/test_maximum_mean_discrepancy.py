"""The maximum mean discrepancy: against loops, its mean under equality, and its gradient."""

import math

import pytest
import torch

from isthmus.errors import InvalidInputError
from isthmus.nn import (
    AutoencoderModule,
    Dense,
    Deterministic,
    GaussianLatent,
    Matched,
    MaximumMeanDiscrepancy,
    squared_mmd,
)

F64 = torch.float64
KERNELS = ["multiquadric", "gaussian"]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def randn(*shape, seed=1):
    return torch.randn(*shape, generator=generator(seed), dtype=F64)


def slow(a, b, kernel):
    def k(x, y):
        square = float(((x - y) ** 2).sum())
        values = []
        for scale in (0.1, 0.2, 0.5, 1, 2, 5, 10):
            C = 2 * len(x) * scale
            values.append(C / (C + square) if kernel == "multiquadric" else math.exp(-square / C))
        return sum(values) / len(values)

    def apart(x):
        n = len(x)
        return sum(k(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))

    between = sum(k(x, y) for x in a for y in b) / (len(a) * len(b))
    return apart(a) + apart(b) - 2 * between


@pytest.mark.parametrize("kernel", KERNELS)
def test_it_is_the_slow_loop(kernel):
    a, b = randn(6, 3), 1.5 * randn(4, 3, seed=2) + 0.5
    assert float(squared_mmd(a, b, kernel)) == pytest.approx(slow(a, b, kernel), rel=1e-10)


@pytest.mark.parametrize("kernel", KERNELS)
def test_equal_distributions_have_none_in_the_mean_and_others_have_some(kernel):
    values = torch.stack(
        [squared_mmd(randn(20, 2, seed=i), randn(20, 2, seed=1000 + i), kernel) for i in range(300)]
    )
    error = float(values.std()) / 300**0.5
    assert abs(float(values.mean())) < 3.5 * error  # with the diagonal it would be 0.03 off
    assert error < 0.002
    assert (values < 0).any()
    for other in (randn(400, 2) + 0.5, randn(400, 2) * 1.5, randn(400, 2) * 0.5):
        assert float(squared_mmd(other, randn(400, 2, seed=3), kernel)) > 0.01


def test_a_shifted_normal_against_the_integral():
    """For Gaussian kernels and normals the expectations are known in closed form."""
    shift, scales, d = torch.tensor([1.0, 0.5], dtype=F64), (0.5, 2.0), 2
    exact = 0.0
    for scale in scales:
        C = 2 * d * scale
        # E exp(−‖u‖² / C) for u ~ N(m, 2I) is (1 + 4/C)^(−d/2) exp(−‖m‖² / (C + 4)).
        within = (1 + 4 / C) ** (-d / 2)
        exact += 2 * within * (1 - math.exp(-float(shift.square().sum()) / (C + 4))) / len(scales)
    values = torch.stack(
        [
            squared_mmd(
                randn(200, 2, seed=i) + shift, randn(200, 2, seed=99 + i), "gaussian", scales
            )
            for i in range(60)
        ]
    )
    assert float(values.mean()) == pytest.approx(exact, abs=4 * float(values.std()) / 60**0.5)


@pytest.mark.parametrize("kernel", KERNELS)
def test_gradients_are_those_of_finite_differences(kernel):
    prior = randn(5, 2, seed=4)
    z = randn(6, 2).requires_grad_()
    assert torch.autograd.gradcheck(lambda z: squared_mmd(z, prior, kernel), (z,))


def test_descending_it_moves_codes_to_the_prior():
    start = 0.3 * randn(100, 2) + 1.5
    z = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([z], lr=0.1)
    draw = generator(5)
    for _ in range(100):
        optimizer.zero_grad()
        squared_mmd(z, torch.randn(100, 2, generator=draw, dtype=F64)).backward()
        optimizer.step()
    assert float(z.detach().mean(0).abs().max()) < 0.3
    assert 0.5 < float(z.detach().std(0).mean()) < 1.5  # 0.3 at first
    fresh = torch.randn(400, 2, generator=draw, dtype=F64)
    assert float(squared_mmd(z.detach(), fresh)) < 0.1 * float(squared_mmd(start, fresh))


def module(latent, heads=2):
    return AutoencoderModule(
        Dense((4,), (heads,), generator=generator(1)),
        Dense((2,), (4,), generator=generator(2)),
        latent,
        penalties={"mmd": MaximumMeanDiscrepancy()},
    )


def test_the_penalty_takes_the_prior_of_the_code():
    z = torch.rand(1500, 2, generator=generator(6)) * 2 - 1
    penalty = MaximumMeanDiscrepancy()
    uniform = penalty(module(Matched(uniform=True)), None, z, generator(7))
    normal = penalty(module(Matched()), None, z, generator(7))
    assert abs(float(uniform)) < 0.003
    assert float(normal) > 0.01
    again = penalty(module(Matched()), None, z, generator(7))
    assert torch.equal(normal, again)  # draws from the generator that it is given


@pytest.mark.parametrize("latent", [Matched(), GaussianLatent()], ids=["matched", "gaussian"])
def test_losses_have_it_and_its_gradient(latent):
    model = module(latent, heads=latent.outputs(2))
    model.losses(torch.randn(8, 4, generator=generator(8)), None, generator(9))["mmd"].backward()
    assert float(model.encoder.linears[0].weight.grad.abs().sum()) > 0
    with torch.no_grad():
        assert float(model.losses(torch.ones(1, 4))["mmd"]) == 0  # one row has no pair


def test_errors_name_what_is_wrong():
    with pytest.raises(InvalidInputError, match="kernel"):
        MaximumMeanDiscrepancy("linear")
    with pytest.raises(InvalidInputError, match="needs a code with a prior; got Deterministic"):
        module(Deterministic()).losses(torch.zeros(3, 4))
