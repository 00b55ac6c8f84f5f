"""Recurrent networks: the equations of their cells, the order of steps, and the rest."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import isthmus
from isthmus import Autoencoder, VariationalAutoencoder
from isthmus.errors import InvalidInputError
from isthmus.models import ESTIMATORS
from isthmus.nn import AutoencoderModule, Contractive, RecurrentDecoder, RecurrentEncoder
from isthmus.nn.modes import evaluation_mode

CELLS = ("lstm", "gru")


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def randn(*shape, seed=1):
    return torch.randn(*shape, generator=generator(seed))


@settings(max_examples=40, deadline=None)
@given(
    channels=st.integers(1, 3),
    length=st.integers(1, 9),
    hidden=st.lists(st.integers(1, 5), min_size=1, max_size=3),
    latent_dim=st.integers(1, 4),
    cell=st.sampled_from(CELLS),
    dropout=st.sampled_from([0.0, 0.3]),
    condition_dim=st.integers(0, 2),
)
def test_any_signal_goes_there_and_back(
    channels, length, hidden, latent_dim, cell, dropout, condition_dim
):
    style = {"cell": cell, "dropout": dropout, "condition_dim": condition_dim}
    shape = (channels, length)
    encoder = RecurrentEncoder(shape, latent_dim, hidden, **style, generator=generator())
    decoder = RecurrentDecoder(latent_dim, shape, hidden, **style, generator=generator())
    condition = randn(3, condition_dim) if condition_dim else None
    z = encoder(randn(3, *shape), condition, generator())
    assert z.shape == (3, latent_dim)
    output = decoder(z, condition, generator())
    assert output.shape == (3, *shape)
    output.square().sum().backward()
    for parameter in (*encoder.parameters(), *decoder.parameters()):
        assert parameter.grad is not None
        assert torch.isfinite(parameter.grad).all()


def by_hand(cell, layer, steps, state):
    """One layer, number by number, as the papers write it."""
    w, u, b, v = (p.detach().numpy() for p in layer.parameters())
    width = layer.hidden_size
    h = np.zeros(width) if state is None else state[:width]
    c = np.zeros(width) if state is None or cell == "gru" else state[width:]

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    out = []
    for x in steps:
        a, r = w @ x + b, u @ h + v
        if cell == "lstm":
            i, f, g, o = np.split(a + r, 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
        else:
            reset, update = sigmoid((a + r)[: 2 * width]).reshape(2, width)
            new = np.tanh(a[2 * width :] + reset * r[2 * width :])
            h = (1 - update) * new + update * h
        out.append(h)
    return np.array(out)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("training", [True, False])
def test_the_networks_by_hand(cell, training):
    """Both ways of running a layer, the fused one and step by step, are the equations."""
    encoder = RecurrentEncoder((2, 5), 3, (4, 6), cell=cell, generator=generator()).double()
    decoder = RecurrentDecoder(3, (2, 5), (4, 6), cell=cell, generator=generator()).double()
    encoder.train(training)
    decoder.train(training)
    x = randn(1, 2, 5).double()
    steps = x[0].T.numpy()
    for layer in encoder.layers:
        steps = by_hand(cell, layer, steps, None)
    z = encoder.head(torch.from_numpy(steps[-1]))
    torch.testing.assert_close(encoder(x)[0], z)
    states = torch.tanh(decoder.first(z)).detach().numpy()
    states = np.split(states, [len(states) * 6 // 10])  # the wider layer first
    steps = np.tile(z.detach().numpy(), (5, 1))
    for layer, state in zip(decoder.layers, states, strict=True):
        steps = by_hand(cell, layer, steps, state)
    written = decoder.head(torch.from_numpy(steps)).flip(0).T
    torch.testing.assert_close(decoder(z[None])[0], written)


@pytest.mark.parametrize("cell", CELLS)
def test_the_last_step_is_written_first(cell):
    """A longer decoder with the same weights writes the same end, and earlier steps before it."""
    short = RecurrentDecoder(3, (2, 5), (4,), cell=cell, generator=generator())
    long = RecurrentDecoder(3, (2, 8), (4,), cell=cell, generator=generator())
    z = randn(2, 3)
    torch.testing.assert_close(long(z)[:, :, 3:], short(z))


@pytest.mark.parametrize("cell", CELLS)
def test_first_and_second_derivatives(cell):
    encoder = RecurrentEncoder((2, 4), 3, (3,), cell=cell, generator=generator()).double().eval()
    decoder = RecurrentDecoder(3, (2, 4), (3,), cell=cell, generator=generator()).double().eval()
    x = randn(2, 2, 4).double().requires_grad_()
    assert torch.autograd.gradcheck(encoder, (x,))
    assert torch.autograd.gradgradcheck(encoder, (x,))
    z = randn(2, 3).double().requires_grad_()
    assert torch.autograd.gradgradcheck(decoder, (z,))


@pytest.mark.parametrize("cell", CELLS)
def test_contraction_of_a_recurrent_encoder(cell):
    """The exact Jacobian by torch.func is that of finite differences, and the estimate's mean."""
    encoder = RecurrentEncoder((1, 4), 2, (3,), cell=cell, generator=generator()).double()
    decoder = RecurrentDecoder(2, (1, 4), (3,), cell=cell, generator=generator()).double()
    module = AutoencoderModule(encoder, decoder)
    x = randn(3, 1, 4).double()
    exact = Contractive("exact")(module, x, module.encode(x))
    step, total = 1e-6, 0.0
    with evaluation_mode(module), torch.no_grad():
        for j in range(4):
            shift = torch.zeros_like(x)
            shift[:, :, j] = step
            total += ((module.encode(x + shift) - module.encode(x - shift)) / (2 * step)).square()
    assert exact.item() == pytest.approx(total.sum().item() / 3, rel=1e-6)
    estimate = Contractive("estimate", n_probes=600)(module, x, module.encode(x), generator())
    assert estimate.item() == pytest.approx(exact.item(), rel=0.1)


# Randomness and memory ----------------------------------------------------------------------------

NETWORKS = {
    "encoder": lambda **style: RecurrentEncoder((1, 6), 5, (3, 4), **style),
    "decoder": lambda **style: RecurrentDecoder(6, (1, 5), (3, 4), **style),
}


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("name", NETWORKS)
def test_randomness_comes_from_the_generators_handed_in(name, cell):
    before = torch.get_rng_state()
    first, again, other = (
        NETWORKS[name](cell=cell, dropout=0.5, generator=generator(seed)) for seed in (5, 5, 6)
    )
    for key, value in first.state_dict().items():
        assert torch.equal(value, again.state_dict()[key])
        assert not torch.equal(value, other.state_dict()[key])
    x = randn(4, 6) if name == "decoder" else randn(4, 1, 6)
    one, two, three = (first(x, None, generator(seed)) for seed in (5, 5, 6))
    assert torch.equal(one, two)
    assert not torch.equal(one, three)
    first.eval()
    assert torch.equal(first(x, None, generator(5)), first(x, None, generator(6)))
    assert torch.equal(torch.get_rng_state(), before)
    with torch.device("meta"):
        blank = NETWORKS[name](cell=cell)
    assert all(tensor.is_meta for tensor in blank.state_dict().values())
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("cell", CELLS)
def test_initial_weights_are_those_of_pytorch_but_for_the_forget_gate(cell):
    encoder = RecurrentEncoder((40, 3), 2, (60,), cell=cell, generator=generator())
    (layer,) = encoder.layers
    bound = 1 / math.sqrt(60)
    for name, parameter in layer.named_parameters():
        values = parameter.detach().clone()
        if cell == "lstm" and name == "bias_hh_l0":
            values[60:120] -= 1
        assert values.abs().max() <= bound + 1e-6
        assert values.std() == pytest.approx(bound / math.sqrt(3), rel=0.2)
        reset = getattr(type(layer)(40, 60), name)
        assert reset.abs().max() <= bound


@pytest.mark.parametrize("cell", CELLS)
def test_many_rows_are_the_same_as_few(cell):
    encoder = RecurrentEncoder((1, 3), 2, (3,), cell=cell, generator=generator()).eval()
    decoder = RecurrentDecoder(2, (1, 3), (3,), cell=cell, generator=generator()).eval()
    x = randn(2500, 1, 3)
    with torch.no_grad():
        z = encoder(x)
        output = decoder(z)
        torch.testing.assert_close(z[2040:2060], encoder(x[2040:2060]))
        torch.testing.assert_close(output[2040:2060], decoder(z[2040:2060]))
    torch.testing.assert_close(encoder(x), z)  # step by step, with gradients


def test_unusable_shapes_are_refused():
    with pytest.raises(InvalidInputError, match="cell: expected one of lstm, gru"):
        RecurrentEncoder((1, 3), 2, (3,), cell="rnn")
    with pytest.raises(InvalidInputError, match="hidden: expected at least one width"):
        RecurrentDecoder(2, (1, 3), ())


# As estimators ------------------------------------------------------------------------------------

RNG = np.random.default_rng(0)
RECURRENT = [name for name, cls in ESTIMATORS.items() if not cls.dense_only]
# Contractive and sparse ones have no hidden layers, or tied ones, unless they are told to.
OWN = {"contractive": {"hidden_layer_sizes": (8,), "tied_weights": False}, "sparse": {}}
OWN["sparse"] = {"hidden_layer_sizes": (8,)}


def waves(n=40, length=12, seed=0):
    rng = np.random.default_rng(seed)
    phase, height = rng.uniform(0, 2 * np.pi, (n, 1)), rng.uniform(0.5, 2, (n, 1))
    t = np.arange(length)
    return np.stack([height * np.sin(t / 2 + phase), height * np.cos(t / 2 + phase)], 2)


@pytest.mark.parametrize("network", CELLS)
@pytest.mark.parametrize("name", RECURRENT)
def test_every_member_of_the_family(name, network, tmp_path):
    X = waves()
    style = {"latent_dim": 3, "network": network, "max_epochs": 2, "random_state": 0}
    model = ESTIMATORS[name](**style, missing="ignore", **OWN.get(name, {}))
    holes = X.copy()
    holes[::5, 3, 1] = np.nan
    model.fit(holes)
    assert model.architecture_.network.name == network
    assert model.architecture_.hidden == ((8,) if name in OWN else (64,))
    assert model.architecture_.channels == ()
    codes = model.transform(holes)
    assert codes.shape == (40, 3)
    assert np.isfinite(codes).all()
    imputed = model.reconstruct(holes)
    assert imputed.shape == X.shape
    assert np.isfinite(imputed).all()
    model.save(tmp_path / "model.safetensors")
    loaded = isthmus.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded.transform(holes), codes)
    np.testing.assert_array_equal(loaded.score_samples(holes), model.score_samples(holes))
    again = ESTIMATORS[name](**style, missing="ignore", **OWN.get(name, {})).fit(holes)
    np.testing.assert_array_equal(again.transform(holes), codes)


@pytest.mark.parametrize("network", CELLS)
def test_a_score_depends_on_its_own_row_only(network):
    X = waves(50)
    model = Autoencoder(latent_dim=3, network=network, max_epochs=2, random_state=0).fit(X)
    scores = model.score_samples(X)
    np.testing.assert_array_equal(model.score_samples(X[17:18]), scores[17:18])
    np.testing.assert_array_equal(model.score_samples(X[::-1].copy()), scores[::-1])


@pytest.mark.parametrize("network", CELLS)
def test_a_recurrent_network_learns(network):
    """Half of the variance is explained where the mean explains none."""
    X, new = waves(240), waves(200, seed=1)
    model = Autoencoder(
        latent_dim=3, network=network, hidden_layer_sizes=(24,), max_epochs=40, batch_size=16,
        learning_rate=0.01, early_stopping=False, random_state=0,
    ).fit(X)  # fmt: skip
    error = np.square(model.reconstruct(new) - new).mean() / new.var()
    assert error < 0.1


def test_a_condition_and_a_stack_of_widths():
    X, y = waves(60), np.repeat(["a", "b", "c"], 20)
    model = VariationalAutoencoder(
        latent_dim=2, network="gru", hidden_layer_sizes=(6, 5), conditional=True, dropout=0.1,
        max_epochs=2, random_state=0,
    ).fit(X, y)  # fmt: skip
    assert [layer.hidden_size for layer in model.module_.encoder.layers] == [6, 5]
    assert [layer.hidden_size for layer in model.module_.decoder.layers] == [5, 6]
    assert not np.allclose(model.transform(X, y), model.transform(X, y[::-1]))


def test_wide_windows_are_signals_for_a_recurrent_network():
    X = RNG.normal(size=(20, 12, 9))  # three axes that would be images otherwise
    model = Autoencoder(latent_dim=2, network="lstm", max_epochs=1, random_state=0).fit(X)
    assert model.architecture_.module_shape == (9, 12)


@pytest.mark.parametrize(
    ("parameters", "shape", "message"),
    [
        ({}, (20, 6), "network: 'lstm' needs signals"),
        ({}, (20, 6, 6, 3), "network: 'lstm' needs signals"),
        ({"layout": "image"}, (20, 12, 9), "network: 'lstm' needs signals"),
        ({"hidden_layer_sizes": ()}, (20, 12, 1), "hidden_layer_sizes: expected at least one"),
        ({"normalization": "layer"}, (20, 12, 1), "normalization: not for network='lstm'"),
        ({"tied_weights": True}, (20, 12, 1), "tied_weights: only for network='dense'"),
    ],
)
def test_what_a_recurrent_network_cannot_do_is_refused(parameters, shape, message):
    with pytest.raises(InvalidInputError, match=message):
        Autoencoder(network="lstm", max_epochs=1, **parameters).fit(RNG.normal(size=shape))


def test_pickled_and_copied_networks_work():
    import copy
    import pickle

    encoder = RecurrentEncoder((1, 4), 2, (3,), generator=generator()).eval()
    x = randn(2, 1, 4)
    for twin in (copy.deepcopy(encoder), pickle.loads(pickle.dumps(encoder))):
        assert torch.equal(twin(x), encoder(x))
        assert isinstance(twin.layers[0], nn.LSTM)
