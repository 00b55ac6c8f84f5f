"""Flows are invertible, and their log determinants are those of autograd's Jacobian."""

from __future__ import annotations

import pytest
import torch
from torch.func import jacrev

from isthmus.nn import CouplingFlow, InverseAutoregressiveFlow


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def shaken(module):
    with torch.no_grad():
        for index, parameter in enumerate(module.parameters()):
            noise = torch.empty_like(parameter).normal_(generator=generator(index))
            parameter.add_(0.4 * noise)
    return module.double()


@pytest.mark.parametrize("dim", [1, 2, 3, 6])
def test_a_coupling_flow_against_its_jacobian_and_its_inverse(dim):
    flow = shaken(CouplingFlow(dim, 5, 8, generator=generator()))
    z = torch.randn(4, dim, dtype=torch.float64, generator=generator(9))
    noise, log_determinant = flow(z)
    for row, value in zip(z, log_determinant, strict=True):
        jacobian = jacrev(lambda one: flow(one[None])[0][0])(row)
        torch.testing.assert_close(torch.linalg.slogdet(jacobian).logabsdet, value)
    torch.testing.assert_close(flow.inverse(noise), z)


@pytest.mark.parametrize("dim", [1, 2, 5])
@pytest.mark.parametrize("hidden", [3, 16])
def test_an_autoregressive_flow_against_its_jacobian(dim, hidden):
    flow = shaken(InverseAutoregressiveFlow(dim, 3, 2, hidden, generator=generator()))
    z = torch.randn(4, dim, dtype=torch.float64, generator=generator(9))
    context = torch.randn(4, 3, dtype=torch.float64, generator=generator(8))
    _, log_determinant = flow(z, context)
    for row, beside, value in zip(z, context, log_determinant, strict=True):
        jacobian = jacrev(lambda one, c=beside: flow(one[None], c[None])[0][0])(row)
        torch.testing.assert_close(torch.linalg.slogdet(jacobian).logabsdet, value)


def test_each_step_is_triangular_and_sees_the_context():
    flow = shaken(InverseAutoregressiveFlow(4, 2, 1, 32, generator=generator()))
    z = torch.randn(4, dtype=torch.float64, generator=generator(1))
    context = torch.randn(2, dtype=torch.float64, generator=generator(2))
    jacobian = jacrev(lambda one: flow(one[None], context[None])[0][0])(z)
    assert torch.equal(jacobian.triu(1), torch.zeros(4, 4, dtype=torch.float64))
    assert (jacobian.tril(-1)[1:, 0] != 0).all()
    by_context = jacrev(lambda c: flow(z[None], c[None])[0][0])(context)
    assert (by_context != 0).all()  # the first number too, which sees no other


def test_a_flow_on_the_meta_device_has_its_masks():
    with torch.device("meta"):
        flow = InverseAutoregressiveFlow(3, 2)
    assert all(step[0].mask.device.type == "cpu" for step in flow.steps)
    source = InverseAutoregressiveFlow(3, 2, generator=generator())
    flow.load_state_dict(source.state_dict(), assign=True)
    z, context = torch.randn(5, 3), torch.randn(5, 2)
    assert torch.equal(flow(z, context)[0], source(z, context)[0])


def test_no_global_generator_is_drawn_from():
    before = torch.get_rng_state()
    CouplingFlow(4, generator=generator())
    InverseAutoregressiveFlow(4, 2, generator=generator())
    assert torch.equal(torch.get_rng_state(), before)
