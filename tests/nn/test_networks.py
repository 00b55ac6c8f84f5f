"""Networks: shapes for any size of data, where randomness comes from, and tied weights."""

import copy
import math
import resource
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from isthmus.errors import InvalidInputError
from isthmus.nn import (
    ACTIVATIONS,
    AutoencoderModule,
    ConvolutionalDecoder,
    ConvolutionalEncoder,
    Dense,
    GaussianLatent,
    TiedDense,
)
from isthmus.nn.initialisation import Dropout, blank, initialise_
from isthmus.nn.networks import auto_channels


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def randn(*shape, seed=1):
    return torch.randn(*shape, generator=generator(seed))


# Shapes -------------------------------------------------------------------------------------------

sides = st.integers(1, 21)
spatial_shapes = st.one_of(st.tuples(sides), st.tuples(sides, sides))
styles = st.fixed_dictionaries(
    {
        "activation": st.sampled_from(sorted(ACTIVATIONS)),
        "normalization": st.sampled_from([None, "batch", "layer"]),
        "dropout": st.sampled_from([0.0, 0.3]),
        "condition_dim": st.integers(0, 3),
    }
)


@settings(max_examples=80, deadline=None)
@given(
    spatial=spatial_shapes,
    n_channels=st.integers(1, 3),
    channels=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    latent_dim=st.integers(1, 4),
    style=styles,
)
def test_convolutions_return_exactly_the_shape(spatial, n_channels, channels, latent_dim, style):
    shape = (n_channels, *spatial)
    x = randn(3, *shape)
    condition = randn(3, style["condition_dim"]) if style["condition_dim"] else None
    encoder = ConvolutionalEncoder(shape, latent_dim, channels, **style, generator=generator())
    decoder = ConvolutionalDecoder(latent_dim, shape, channels, **style, generator=generator())
    z = encoder(x, condition, generator())
    assert z.shape == (3, latent_dim)
    output = decoder(z, condition, generator())
    assert output.shape == x.shape
    output.square().sum().backward()
    for parameter in (*encoder.parameters(), *decoder.parameters()):
        assert parameter.grad is not None
        assert torch.isfinite(parameter.grad).all()


@settings(max_examples=30, deadline=None)
@given(spatial=spatial_shapes)
def test_automatic_channels_end_small(spatial):
    channels = auto_channels(spatial)
    sides = [max(spatial)]
    for _ in channels:
        sides.append(math.ceil(sides[-1] / 2))
    assert sides[-1] <= 7
    assert all(side > 7 for side in sides[:-1]) or len(channels) == 1  # no more than needed
    assert channels == (32, 64, 128, 128, 128)[: len(channels)]


@settings(max_examples=60, deadline=None)
@given(
    in_shape=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    out_shape=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    hidden=st.lists(st.integers(1, 5), max_size=3),
    style=styles,
)
def test_dense_maps_any_shape_to_any(in_shape, out_shape, hidden, style):
    network = Dense(in_shape, out_shape, hidden, **style, generator=generator())
    condition = randn(3, style["condition_dim"]) if style["condition_dim"] else None
    assert network(randn(3, *in_shape), condition, generator()).shape == (3, *out_shape)
    sizes = [math.prod(in_shape) + style["condition_dim"], *hidden, math.prod(out_shape)]
    found = [(linear.in_features, linear.out_features) for linear in network.linears]
    assert found == list(pairwise(sizes))


def test_dense_without_hidden_layers_is_an_affine_map():
    network = Dense((2, 3), (4,), generator=generator())
    x = randn(5, 2, 3)
    weight, bias = network.linears[0].weight, network.linears[0].bias
    torch.testing.assert_close(network(x), x.reshape(5, 6) @ weight.T + bias)
    assert len(list(network.parameters())) == 2


def test_dense_is_linear_activation_linear_and_ends_linear():
    network = Dense((3,), (2,), [4], activation="tanh", generator=generator())
    first, last = network.linears
    x = 10 * randn(5, 3)
    torch.testing.assert_close(network(x), last(torch.tanh(first(x))))


@pytest.mark.parametrize("make", [nn.BatchNorm1d, nn.LayerNorm])
def test_normalisation_comes_before_the_activation(make):
    name = "batch" if make is nn.BatchNorm1d else "layer"
    network = Dense((3,), (2,), [4], normalization=name, generator=generator())
    first, last = network.linears
    x = randn(6, 3)
    torch.testing.assert_close(network(x), last(torch.relu(make(4)(first(x)))))


def test_a_convolutional_encoder_by_hand():
    encoder = ConvolutionalEncoder((1, 5, 8), 2, (3, 4), generator=generator())
    x = randn(2, 1, 5, 8)
    first, second = (layer for layer in encoder.layers if isinstance(layer, nn.Conv2d))
    h = torch.relu(F.conv2d(x, first.weight, first.bias, stride=2, padding=1))
    h = torch.relu(F.conv2d(h, second.weight, second.bias, stride=2, padding=1))
    assert h.shape == (2, 4, 2, 2)
    torch.testing.assert_close(encoder(x), encoder.head(h.flatten(1)))


# Conditions ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "network",
    [
        Dense((4,), (3,), [6], condition_dim=2, generator=generator()),
        ConvolutionalEncoder((2, 2), 3, (4,), condition_dim=2, generator=generator()),
        ConvolutionalDecoder(4, (1, 3), (4,), condition_dim=2, generator=generator()),
    ],
    ids=lambda network: type(network).__name__,
)
def test_the_output_depends_on_the_condition_of_its_own_sample_only(network):
    x = randn(5, 2, 2) if isinstance(network, ConvolutionalEncoder) else randn(5, 4)
    condition = randn(5, 2, seed=2).requires_grad_()
    output = network(x, condition).flatten(1)
    (gradient,) = torch.autograd.grad(output[1].sum(), condition)
    assert gradient[1].all()
    assert not gradient[[0, 2, 3, 4]].any()
    assert not torch.allclose(output, network(x, condition + 1).flatten(1))


def test_a_condition_lies_beside_the_input():
    network = Dense((4,), (3,), condition_dim=2, generator=generator())
    x, condition = randn(5, 4), randn(5, 2, seed=2)
    expected = network.linears[0](torch.cat([x, condition], dim=1))
    assert torch.equal(network(x, condition), expected)


# Randomness ---------------------------------------------------------------------------------------

NETWORKS = {
    "dense": lambda **style: Dense((1, 6), (5,), [7, 7], **style),
    "encoder": lambda **style: ConvolutionalEncoder((1, 6), 5, (3, 4), **style),
    "decoder": lambda **style: ConvolutionalDecoder(6, (1, 5), (3, 4), **style),
}


def data_for(name):
    return randn(4, 6) if name == "decoder" else randn(4, 1, 6)


@pytest.mark.parametrize("name", NETWORKS)
def test_dropout_draws_only_from_the_generator_it_is_handed(name):
    network = NETWORKS[name](dropout=0.5, normalization="layer", generator=generator())
    x = data_for(name)
    before = torch.get_rng_state()
    first, again, other = (network(x, None, generator(seed)) for seed in (5, 5, 6))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    network.eval()
    plain = NETWORKS[name](normalization="layer", generator=generator())
    plain.load_state_dict(dict(zip(plain.state_dict(), network.state_dict().values(), strict=True)))
    torch.testing.assert_close(network(x, None, generator()), plain(x))
    assert torch.equal(torch.get_rng_state(), before)


def test_dropout_drops_its_share_and_keeps_the_mean():
    n, p = 100_000, 0.3
    x = torch.full((n,), 2.0)
    layer = Dropout(p)
    dropped = layer(x, generator())
    zeros = int((dropped == 0).sum())
    assert abs(zeros - n * p) < 4 * math.sqrt(n * p * (1 - p))
    torch.testing.assert_close(dropped[dropped != 0], torch.full((n - zeros,), 2 / (1 - p)))
    assert torch.equal(layer.eval()(x, generator()), x)


@pytest.mark.parametrize("name", NETWORKS)
def test_initial_weights_come_from_the_generator(name):
    before = torch.get_rng_state()
    first, again, other = (
        NETWORKS[name](normalization="batch", generator=generator(seed)) for seed in (5, 5, 6)
    )
    assert torch.equal(torch.get_rng_state(), before)
    for key, value in first.state_dict().items():
        assert torch.equal(value, again.state_dict()[key])
    differ = [
        not torch.equal(a, b)
        for a, b in zip(first.parameters(), other.parameters(), strict=True)
        if a.unique().numel() > 1  # not those of a normalisation, which begin at 0 and 1
    ]
    assert len(differ) >= 4
    assert all(differ)


@pytest.mark.parametrize(
    "layer",
    [nn.Linear(400, 300), nn.Conv2d(20, 50, 3), nn.ConvTranspose1d(30, 60, 3)],
    ids=lambda layer: type(layer).__name__,
)
def test_initial_weights_are_those_of_pytorch(layer):
    torch.manual_seed(3)
    layer.reset_parameters()
    own = [parameter.detach().clone() for parameter in layer.parameters()]
    initialise_(layer, generator(3))
    torch.testing.assert_close([p.detach() for p in layer.parameters()], own, rtol=1e-5, atol=0)


def test_blank_layers_draw_nothing():
    before = torch.get_rng_state()
    layer = blank(nn.Linear, 3, 2)
    assert torch.equal(torch.get_rng_state(), before)
    assert layer.weight.shape == (2, 3)
    assert layer.weight.device.type == "cpu"


def test_construction_on_the_meta_device_allocates_and_draws_nothing():
    before, peak = torch.get_rng_state(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with torch.device("meta"):
        encoder = Dense((100_000,), (2 * 50_000,), [50_000], normalization="batch")  # 40 GB
        module = AutoencoderModule(encoder, TiedDense(encoder, (100_000,), 50_000))
        convolutional = ConvolutionalDecoder(10_000, (3, 999, 999), (64, 64), normalization="layer")
    for network in (module, convolutional):
        assert all(tensor.is_meta for tensor in network.state_dict().values())
    assert torch.equal(torch.get_rng_state(), before)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak  # KiB on Linux
    assert grown < 50_000


# Tied weights -------------------------------------------------------------------------------------


def tied(hidden=(5,), latent_dim=3, heads=3):
    encoder = Dense((4,), (heads,), hidden, activation="tanh", generator=generator())
    decoder = TiedDense(encoder, (4,), latent_dim, activation="tanh", generator=generator(9))
    return AutoencoderModule(encoder, decoder)


def by_hand(module, x, encoder_weights, decoder_weights):
    """The autoencoder with the weights of either side given apart."""
    w1, w2 = encoder_weights
    b1, b2 = (linear.bias for linear in module.encoder.linears)
    z = torch.tanh(x @ w1.T + b1) @ w2.T + b2
    v1, v2 = decoder_weights
    c2, c1 = module.decoder.biases
    return torch.tanh(z @ v2 + c2) @ v1 + c1


def test_tied_weights_are_stored_and_counted_once():
    module = tied()
    assert sorted(module.state_dict()) == [
        "decoder.biases.0",
        "decoder.biases.1",
        "encoder.layers.0.bias",
        "encoder.layers.0.weight",
        "encoder.layers.2.bias",
        "encoder.layers.2.weight",
    ]
    pointers = [tensor.data_ptr() for tensor in module.state_dict().values()]
    assert len(set(pointers)) == len(pointers)
    weights = 4 * 5 + 5 * 3
    assert sum(p.numel() for p in module.parameters()) == weights + 5 + 3 + 5 + 4


def test_tied_weights_get_gradients_from_both_sides():
    module, x = tied().double(), randn(6, 4).double()
    weights = [linear.weight for linear in module.encoder.linears]
    module.losses(x)["reconstruction"].backward()
    apart = [[w.detach().clone().requires_grad_() for w in weights] for _ in range(2)]
    output = by_hand(module, x, *apart)
    torch.testing.assert_close(output, module(x))
    module.likelihood.loss(output, x).backward()
    for weight, encoding, decoding in zip(weights, *apart, strict=True):
        assert encoding.grad.abs().max() > 1e-6
        assert decoding.grad.abs().max() > 1e-6
        torch.testing.assert_close(weight.grad, encoding.grad + decoding.grad)


def change_all(module):
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(1.5).add_(0.1)


@pytest.mark.parametrize("how", ["deepcopy", "double", "load", "step"])
def test_tied_weights_stay_tied(how):
    module, x = tied(), randn(6, 4)
    original = module(x).detach()
    if how == "deepcopy":
        module, source = copy.deepcopy(module), module
        change_all(source)
        torch.testing.assert_close(module(x), original)  # the copy does not follow the original
    elif how == "double":
        module, x = module.double(), x.double()
    elif how == "load":
        change_all(other := tied())
        module.load_state_dict(other.state_dict())
    else:
        optimizer = torch.optim.Adam(module.parameters())
        module.losses(x).total.backward()
        optimizer.step()
    change_all(module)
    assert not torch.allclose(module(x).to(original.dtype), original)
    weights = [linear.weight for linear in module.encoder.linears]
    torch.testing.assert_close(module(x), by_hand(module, x, weights, weights))


def test_of_an_encoder_with_two_heads_the_first_is_tied():
    module = tied(heads=6)
    module.latent = GaussianLatent()
    x = randn(6, 4)
    weights = [linear.weight for linear in module.encoder.linears]
    mean_only = [weights[0], weights[1][:3]]
    z = module.encode(x)
    v1, v2 = mean_only
    expected = torch.tanh(z @ v2 + module.decoder.biases[0]) @ v1 + module.decoder.biases[1]
    torch.testing.assert_close(module(x), expected)


def test_a_tied_decoder_must_be_as_large_as_the_encoder():
    with pytest.raises(InvalidInputError, match=r"^tied_weights: .*\(4 values\); got 8; use"):
        TiedDense(Dense((4,), (3,)), (8,), 3)


def test_tied_decoder_returns_the_shape_of_the_data():
    encoder = Dense((2, 3, 4), (3,), [5], generator=generator())
    decoder = TiedDense(encoder, (2, 3, 4), 3, generator=generator())
    assert decoder(randn(5, 3)).shape == (5, 2, 3, 4)
