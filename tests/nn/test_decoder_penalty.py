"""What is asked of codes and decoders: by hand, against the whole Jacobian, and its gradient."""

import pytest
import torch
from torch.func import functional_call, jacrev

from isthmus.nn import (
    AutoencoderModule,
    CodeNorm,
    DecoderGradient,
    DecoderWeights,
    Dense,
    TiedDense,
)

F64 = torch.float64


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def module(**penalties):
    style = {"activation": "tanh"}
    return AutoencoderModule(
        Dense((5,), (3,), (4,), generator=generator(1), **style),
        Dense((3,), (5,), (4,), generator=generator(2), normalization="batch", **style),
        penalties=penalties,
    ).double()


def test_code_norm_by_hand():
    z = torch.tensor([[3.0, 4.0], [0.0, 1.0]])
    assert float(CodeNorm()(None, None, z)) == 0.5 * (25 + 1) / 2


def test_decoder_weights_are_matrices_only_and_those_of_a_tied_decoder_the_encoders():
    model = module()
    linears = model.decoder.linears
    expected = 0.5 * sum(float(linear.weight.detach().square().sum()) for linear in linears)
    z = torch.zeros(1, 3, dtype=F64)
    assert float(DecoderWeights()(model, None, z).detach()) == pytest.approx(expected)
    encoder = model.encoder
    tied = AutoencoderModule(encoder, TiedDense(encoder, (5,), 3)).double()
    expected = 0.5 * sum(float(linear.weight.detach().square().sum()) for linear in encoder.linears)
    assert float(DecoderWeights()(tied, None, z).detach()) == pytest.approx(expected)


def test_the_gradient_estimate_has_the_jacobian_as_its_mean():
    model = module().eval()
    z = torch.randn(4, 3, generator=generator(3), dtype=F64)
    jacobian = torch.stack([jacrev(lambda row: model.decoder(row[None])[0])(row) for row in z])
    exact = 0.5 * float(jacobian.detach().square().sum()) / 4
    draw = generator(4)
    with torch.no_grad():
        values = torch.stack([DecoderGradient()(model, None, z, draw) for _ in range(1000)])
    error = float(values.std()) / 1000**0.5
    assert float(values.mean()) == pytest.approx(exact, abs=4 * error)
    assert error < 0.05 * exact


def test_the_decoder_is_in_evaluation_mode_for_it_and_not_after():
    model = module().train()
    z = torch.randn(6, 3, generator=generator(5), dtype=F64)
    before = {k: v.clone() for k, v in model.decoder.state_dict().items()}
    first = DecoderGradient()(model, None, z[:2], generator(6))
    both = DecoderGradient()(model, None, torch.cat([z[:2], z[:2]]), generator(6))
    assert model.decoder.training
    assert all(torch.equal(v, before[k]) for k, v in model.decoder.state_dict().items())
    assert first.requires_grad
    assert both.requires_grad


def test_gradients_in_codes_and_weights_are_those_of_finite_differences():
    model = module().eval()
    z = torch.randn(3, 3, generator=generator(7), dtype=F64).requires_grad_()
    names, weights = zip(*model.decoder.named_parameters(), strict=True)
    signs = torch.empty(3, 5, dtype=F64).bernoulli_(0.5, generator=generator(8)).mul(2).sub(1)

    def explicit(z, *weights):
        output = functional_call(model.decoder, dict(zip(names, weights, strict=True)), (z,))
        (row,) = torch.autograd.grad(output, z, signs, create_graph=True)
        return 0.5 * row.square().sum() / len(z)

    value = DecoderGradient()(model, None, z, generator(8))
    torch.testing.assert_close(value, explicit(z, *weights))
    ours = torch.autograd.grad(value, (z, *weights), allow_unused=True)
    theirs = torch.autograd.grad(explicit(z, *weights), (z, *weights), allow_unused=True)
    for one, other in zip(ours, theirs, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            torch.testing.assert_close(one, other)
    assert torch.autograd.gradcheck(lambda z: explicit(z, *weights), (z,))


def test_losses_name_them_and_learn_from_them():
    model = module(code=CodeNorm(), decoder=DecoderGradient(), weights=DecoderWeights())
    x = torch.randn(6, 5, generator=generator(9), dtype=F64)
    model.losses(x, None, generator(10)).weighted({"reconstruction": 0.0}).backward()
    assert float(model.encoder.linears[0].weight.grad.abs().sum()) > 0
    assert float(model.decoder.linears[0].weight.grad.abs().sum()) > 0
    with torch.no_grad():
        assert set(model.losses(x)) == {"reconstruction", "code", "decoder", "weights"}
