"""The module that puts the parts together: its terms, its promises and its error messages."""

import contextlib
import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from isthmus.errors import InvalidInputError
from isthmus.nn import (
    L1,
    AutoencoderModule,
    Bernoulli,
    Categorical,
    Contractive,
    ConvolutionalDecoder,
    ConvolutionalEncoder,
    Dense,
    Deterministic,
    Gaussian,
    GaussianLatent,
    Losses,
    Masking,
    Mixed,
    TopK,
)
from isthmus.nn.modules.shapes import check_shapes


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def randn(*shape, seed=1, dtype=torch.float32):
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64).to(dtype)


def vae(**style):
    """A module in which everything that is random occurs."""
    return AutoencoderModule(
        Dense((6,), (4,), [8], dropout=0.3, generator=generator(1)),
        Dense((2,), (12,), [8], dropout=0.3, generator=generator(2)),
        GaussianLatent(),
        Gaussian("predicted"),
        corruption=Masking(0.2),
        **style,
    )


# Terms --------------------------------------------------------------------------------------------


def test_losses_are_named_and_add_up():
    module = AutoencoderModule(
        Dense((6,), (4,), generator=generator()),
        Dense((2,), (6,), generator=generator()),
        GaussianLatent(),
        penalties={"l1": L1(), "smooth": lambda module, x, z, generator: z.square().mean()},
    )
    x = randn(5, 6)
    losses = module.losses(x, generator=generator(3))
    assert isinstance(losses, Losses)
    assert list(losses) == ["reconstruction", "divergence", "l1", "smooth"]
    assert all(value.shape == () for value in losses.values())
    torch.testing.assert_close(losses.total, sum(losses.values()))

    h = module.posterior(x)
    z = module.latent(h, generator(3))
    expected = {
        "reconstruction": -module.likelihood.log_prob(module.decoder(z), x).sum() / 5,
        "divergence": module.latent.divergence(h).mean(),
        "l1": z.abs().sum(1).mean(),
        "smooth": z.square().mean(),
    }
    torch.testing.assert_close(dict(losses), expected)


@settings(max_examples=50, deadline=None)
@given(
    values=st.lists(st.floats(-100, 100), min_size=1, max_size=4),
    coefficients=st.lists(st.floats(-3, 3), max_size=4),
    offset=st.integers(0, 2),
)
def test_weighted_is_the_sum_of_products(values, coefficients, offset):
    names = ["reconstruction", "divergence", "a", "b"]
    terms = dict(zip(names, values, strict=False))
    by_name = dict(zip(names[offset:], coefficients, strict=False))
    losses = Losses({k: torch.tensor(v, dtype=torch.float64) for k, v in terms.items()})
    expected = sum(v * by_name.get(k, 1.0) for k, v in terms.items())
    assert losses.weighted(by_name).item() == pytest.approx(expected, abs=1e-9)
    assert losses.total.item() == pytest.approx(sum(values), abs=1e-9)


@pytest.mark.parametrize("name", ["reconstruction", "divergence"])
def test_a_penalty_cannot_take_the_name_of_a_term(name):
    with pytest.raises(InvalidInputError, match=f"^penalties: '{name}' is the name of a term"):
        AutoencoderModule(Dense((2,), (1,)), Dense((1,), (2,)), penalties={name: L1()})


def test_encode_decode_and_forward_agree():
    module = vae().eval()
    x = randn(5, 6)
    z = module.encode(x)
    torch.testing.assert_close(z, module.posterior(x)[:, :2])
    torch.testing.assert_close(module.decode(z), module.decoder(z)[:, :6])
    torch.testing.assert_close(module(x), module.decode(z))
    assert torch.equal(module.encode(x), z)  # nothing random


def test_log_prob_averages_over_the_given_draws():
    module, x = vae().eval(), randn(5, 6)
    noise = randn(3, 2, seed=4)
    log_prob, divergence = module.log_prob(x, noise=noise)
    h = module.posterior(x)
    each = [
        module.likelihood.log_prob(module.decoder(h[:, :2] + (0.5 * h[:, 2:]).exp() * draw), x)
        for draw in noise
    ]
    torch.testing.assert_close(log_prob, sum(each) / 3)
    torch.testing.assert_close(divergence, module.latent.divergence(h))
    alone = torch.cat([module.log_prob(row[None], noise=noise)[0] for row in x])
    torch.testing.assert_close(alone, log_prob)  # a score does not depend on the other samples
    at_mean, _ = module.log_prob(x)
    torch.testing.assert_close(at_mean, module.likelihood.log_prob(module.decoder(h[:, :2]), x))


def test_log_prob_of_a_deterministic_code_ignores_draws():
    module = AutoencoderModule(Dense((6,), (2,)), Dense((2,), (6,)))
    x = randn(5, 6)
    log_prob, divergence = module.log_prob(x, noise=randn(3, 2))
    torch.testing.assert_close(log_prob, module.likelihood.log_prob(module(x), x))
    assert divergence is None


def test_condition_reaches_both_networks():
    module = AutoencoderModule(
        Dense((6,), (2,), [5], condition_dim=3, generator=generator()),
        Dense((2,), (6,), [5], condition_dim=3, generator=generator()),
    )
    x, condition = randn(4, 6), randn(4, 3)
    z = module.encoder(x, condition)
    torch.testing.assert_close(module.encode(x, condition), z)
    torch.testing.assert_close(module(x, condition), module.decoder(z, condition))
    expected = module.likelihood.loss(module.decoder(z, condition), x)
    torch.testing.assert_close(module.losses(x, condition)["reconstruction"], expected)
    log_prob, _ = module.log_prob(x, condition)
    torch.testing.assert_close(-log_prob.sum() / 4, expected)


# Training by hand ---------------------------------------------------------------------------------

N_LATENT = 2


def correlated(n=200, dtype=torch.float32):
    """Six values that two hidden numbers explain, but for a little noise."""
    return randn(n, 2, dtype=dtype) @ (2 * randn(2, 6, seed=2, dtype=dtype)) + 0.1 * randn(
        n, 6, seed=3, dtype=dtype
    )


def best_constant(x):
    """Loss of the best answer that does not look at its input: the mean of the data."""
    return Gaussian().loss(x.mean(0).expand_as(x), x).item()


def train_by_hand(module, x, steps=150, seed=7):
    optimizer = torch.optim.Adam(module.parameters(), lr=0.03)
    source = generator(seed)
    for _ in range(steps):
        optimizer.zero_grad()
        losses = module.losses(x, generator=source)
        losses.total.backward()
        optimizer.step()
    return losses.total.item()


MODULES = {
    "linear": lambda: AutoencoderModule(
        Dense((6,), (2,), generator=generator()), Dense((2,), (6,), generator=generator())
    ),
    "variational": lambda: AutoencoderModule(
        Dense((6,), (4,), [16], generator=generator()),
        Dense((2,), (6,), [16], generator=generator()),
        GaussianLatent(),
    ),
    "sparse, denoising": lambda: AutoencoderModule(
        Dense((6,), (9,), [16], generator=generator()),
        Dense((9,), (6,), [16], generator=generator()),
        TopK(3),
        corruption=Masking(0.1),
        penalties={"l1": lambda *arguments: 0.01 * L1()(*arguments)},
    ),
    "contractive": lambda: AutoencoderModule(
        Dense((6,), (9,), generator=generator()),
        Dense((9,), (6,), generator=generator()),
        Deterministic("tanh"),
        penalties={"contraction": lambda *arguments: 0.01 * Contractive()(*arguments)},
    ),
    "convolutional": lambda: AutoencoderModule(
        ConvolutionalEncoder((1, 6), 2, (8, 8), activation="elu", generator=generator()),
        ConvolutionalDecoder(2, (1, 6), (8, 8), activation="elu", generator=generator()),
    ),
    "of one's own": lambda: AutoencoderModule(
        nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 2)),
        nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 6)),
    ),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", MODULES)
def test_every_member_learns_in_a_loop_of_ones_own(name, dtype):
    torch.manual_seed(0)  # for the weights of one's own networks
    module = MODULES[name]().to(dtype)
    x = correlated(dtype=dtype)
    if name == "convolutional":
        x = x[:, None]
    before = {key: value.clone() for key, value in module.state_dict().items()}
    final = train_by_hand(module, x)
    assert final < best_constant(x) - 2.0
    assert module(x).dtype == dtype
    assert all(not torch.equal(value, before[key]) for key, value in module.state_dict().items())


def test_double_precision_is_double_throughout():
    """The same module in both precisions: the double one agrees to single precision, and more."""
    module = vae(penalties={"contraction": Contractive("exact")}).eval()
    double, x = copy.deepcopy(module).double(), randn(5, 6)
    noise = randn(2, 2)
    for name, value in double.losses(x.double(), generator=generator()).items():
        assert value.dtype == torch.float64, name
    single_value = module.log_prob(x, noise=noise)
    double_value = double.log_prob(x.double(), noise=noise.double())
    for a, b in zip(single_value, double_value, strict=True):
        assert b.dtype == torch.float64
        torch.testing.assert_close(a.double(), b, rtol=1e-4, atol=1e-4)


# Randomness ---------------------------------------------------------------------------------------


def deep(latent=None, **style):
    heads = 2 if latent is None else latent.outputs(2)
    return AutoencoderModule(
        Dense((6,), (heads,), [8], dropout=style.pop("dropout", 0.0), generator=generator(1)),
        Dense((2,), (6,), [8], generator=generator(2)),
        latent,
        **style,
    )


RANDOM = {
    "corruption and dropout": vae,
    "draw of the code": lambda: deep(GaussianLatent(), penalties={"l1": L1()}),
    "contractive estimate": lambda: deep(penalties={"c": Contractive("estimate", 2)}),
    "contractive estimate with dropout": lambda: deep(
        dropout=0.3, penalties={"c": Contractive("estimate")}
    ),
}


@pytest.mark.parametrize("name", RANDOM)
def test_all_randomness_is_from_the_generator(name):
    module, x = RANDOM[name](), randn(20, 6)
    before = torch.get_rng_state()
    first, again, other = (dict(module.losses(x, generator=generator(s))) for s in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert first == again
    assert first[list(first)[-1]] != other[list(first)[-1]]


@pytest.mark.parametrize("method", ["exact", "estimate"])
@pytest.mark.parametrize("style", [{"dropout": 0.3}, {"normalization": "batch"}], ids=str)
def test_contractive_penalty_of_an_encoder_that_behaves_differently_in_training(method, style):
    encoder = Dense((6,), (2,), [8], **style, generator=generator(1))
    decoder = Dense((2,), (6,), generator=generator(2))
    module = AutoencoderModule(encoder, decoder, penalties={"contraction": Contractive(method)})
    losses = module.losses(randn(20, 6), generator=generator())
    losses["contraction"].backward()
    assert torch.isfinite(losses["contraction"])
    assert encoder.linears[0].weight.grad.any()
    for layer in encoder.modules():  # one batch was seen, not two
        if isinstance(layer, nn.BatchNorm1d):
            assert layer.num_batches_tracked == 1


def test_copies_of_a_module_are_independent():
    module = vae()
    clone = copy.deepcopy(module)
    x, before = randn(5, 6), dict(module.losses(randn(5, 6), generator=generator()))
    train_by_hand(clone, x, steps=3)
    assert dict(module.losses(x, generator=generator())) == before


# Missing values -----------------------------------------------------------------------------------


def without_columns(module, columns):
    """The same linear autoencoder for the other columns alone."""
    keep = [i for i in range(6) if i not in columns]
    encoder, decoder = Dense((len(keep),), (4,)), Dense((2,), (len(keep),))
    with torch.no_grad():
        encoder.linears[0].weight.copy_(module.encoder.linears[0].weight[:, keep])
        encoder.linears[0].bias.copy_(module.encoder.linears[0].bias)
        decoder.linears[0].weight.copy_(module.decoder.linears[0].weight[keep])
        decoder.linears[0].bias.copy_(module.decoder.linears[0].bias[keep])
    smaller = AutoencoderModule(
        encoder, decoder, GaussianLatent(), copy.deepcopy(module.likelihood)
    )
    return smaller.double(), keep


@pytest.mark.parametrize("likelihood", [Gaussian(), Gaussian("learned"), Bernoulli()], ids=repr)
@settings(max_examples=25, deadline=None)
@given(holes=st.lists(st.sets(st.integers(0, 5), max_size=5), min_size=1, max_size=4))
def test_missing_values_are_as_good_as_dropped(likelihood, holes):
    module = AutoencoderModule(
        Dense((6,), (4,), generator=generator(1)),
        Dense((2,), (6,), generator=generator(2)),
        GaussianLatent(),
        likelihood,
        missing=True,
    ).double()
    x = torch.rand(len(holes), 6, generator=generator(), dtype=torch.float64)
    expected = torch.zeros(2, dtype=torch.float64)
    noise = randn(len(holes), 2, dtype=torch.float64)
    module.latent.noise = lambda h, generator: noise
    for row, columns, draw in zip(x, holes, noise, strict=True):
        smaller, keep = without_columns(module, columns)
        smaller.latent.noise = lambda h, generator, draw=draw: draw
        losses = smaller.losses(row[None, keep])
        expected += torch.stack([losses["reconstruction"], losses["divergence"]]) / len(holes)
        row[list(columns)] = torch.nan
    losses = module.losses(x)
    torch.testing.assert_close(
        torch.stack([losses["reconstruction"], losses["divergence"]]), expected
    )
    losses.total.backward()
    assert all(torch.isfinite(p.grad).all() for p in module.parameters())
    module.zero_grad()
    log_prob, _ = module.log_prob(x, noise=noise[:1])
    assert not log_prob[x.isnan()].any()
    assert torch.isfinite(module(x)).all()  # imputed


def test_without_missing_a_nan_is_not_hidden():
    module = AutoencoderModule(Dense((3,), (2,)), Dense((2,), (3,)))
    assert module.losses(torch.full((2, 3), torch.nan)).total.isnan()


@pytest.mark.parametrize(
    ("likelihood", "x", "n_features"),
    [
        (Categorical(3), [[torch.nan, 2.0]], 6),
        (Mixed([(Categorical(3), [0]), (Gaussian(), [1])]), [[torch.nan, torch.nan]], 4),
    ],
    ids=["classes", "mixed"],
)
def test_a_missing_class_is_zero_for_the_encoder(likelihood, x, n_features):
    """Documented: "zero for the encoder". The first class would be a value that was not seen."""
    seen = []

    class Encoder(nn.Linear):
        def forward(self, x):
            seen.append(x)
            return super().forward(x)

    x = torch.tensor(x)
    module = AutoencoderModule(
        Encoder(n_features, 1),
        nn.Linear(1, likelihood.parameter_channels(2)),
        likelihood=likelihood,
        missing=True,
    )
    module.losses(x)
    module.encode(x)
    for features in seen:
        assert features.sum() == (0 if x.isnan().all() else 1)


# Networks of one's own ----------------------------------------------------------------------------


class Pair(nn.Module):
    """An encoder that returns (mean, log variance), as many do."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(6, 2)

    def forward(self, x):
        return self.linear(x), self.linear(x)


def user_module(encoder, decoder, latent=None, likelihood=None):
    return AutoencoderModule(encoder, decoder, latent, likelihood)


@pytest.mark.parametrize(
    ("module", "shape", "latent_dim", "size"),
    [
        (user_module(nn.Linear(6, 2), nn.Linear(2, 6)), (6,), 2, 2),
        (user_module(nn.Linear(6, 2), nn.Linear(2, 6)), (6,), None, 2),
        (user_module(nn.Linear(6, 4), nn.Linear(2, 6), GaussianLatent()), (6,), None, 2),
        (user_module(nn.Linear(18, 3), nn.Linear(3, 18), None, Categorical(3)), (6,), 3, 3),
        (
            user_module(
                nn.Sequential(nn.Flatten(), nn.Linear(24, 2)),
                nn.Sequential(nn.Linear(2, 24), nn.Unflatten(1, (2, 3, 4))),
            ),
            (2, 3, 4),
            2,
            2,
        ),
    ],
)
def test_networks_that_fit(module, shape, latent_dim, size):
    module.train()
    assert check_shapes(module, shape, latent_dim) == size
    assert module.training


@pytest.mark.parametrize(
    ("module", "latent_dim", "message"),
    [
        (user_module(nn.Linear(5, 2), nn.Linear(2, 6)), 2, r"the encoder on a batch of \(6,\)"),
        (
            user_module(nn.Linear(6, 3), nn.Linear(2, 6)),
            2,
            r"the encoder must give \(n, 2\) from \(n, 6\); it gave \(2, 3\) for n = 2",
        ),
        (
            user_module(nn.Linear(6, 3), nn.Linear(1, 6), GaussianLatent()),
            None,
            r"the encoder must give \(n, latent_dim\).*it gave \(2, 3\)",
        ),
        (
            user_module(nn.Unflatten(1, (2, 3)), nn.Linear(2, 6)),
            None,
            r"the encoder must give .*it gave \(2, 2, 3\)",
        ),
        (user_module(nn.Linear(6, 2), nn.Linear(3, 6)), 2, "the decoder on codes of size 2 failed"),
        (
            user_module(nn.Linear(6, 2), nn.Linear(2, 5)),
            2,
            r"the decoder must give \(2, 6\) .*it gave \(2, 5\)",
        ),
        (
            user_module(nn.Linear(6, 2), nn.Linear(2, 6), None, Gaussian("predicted")),
            2,
            r"the decoder must give \(2, 12\) .*it gave \(2, 6\)",
        ),
        (user_module(Pair(), nn.Linear(2, 6)), 2, "the encoder must give"),
        (user_module(nn.Linear(6, 2), nn.Sequential(nn.Linear(2, 6), Pair())), 2, "the decoder"),
    ],
)
def test_networks_that_do_not_fit(module, latent_dim, message):
    with pytest.raises(InvalidInputError, match="^network: .*" + message) as caught:
        check_shapes(module, (6,), latent_dim)
    assert "\n" not in str(caught.value)


def test_checking_shapes_leaves_the_mode_and_the_generator_alone():
    fits, does_not = nn.Linear(2, 6), nn.Linear(2, 5)
    encoder = nn.Sequential(nn.Dropout(), nn.Linear(6, 2))
    before = torch.get_rng_state()
    for decoder in (fits, does_not):
        module = user_module(encoder, decoder).train()
        with contextlib.suppress(InvalidInputError):
            check_shapes(module, (6,), 2)
        assert module.training
    assert torch.equal(torch.get_rng_state(), before)


def test_networks_without_weights_are_a_mistake_with_a_message():
    module = user_module(nn.Identity(), nn.Identity())
    with pytest.raises(InvalidInputError, match="^network: "):
        check_shapes(module, (6,), 2)


@pytest.mark.parametrize("name", ["linear", "contractive", "of one's own"])
def test_gradients_of_each_sample_by_torch_func(name):
    """The losses are a function as torch.func wants one, and transforms leave nothing behind."""
    module, x = MODULES[name](), correlated(8)
    parameters = {key: value.detach() for key, value in module.named_parameters()}

    class Total(nn.Module):
        def __init__(self):
            super().__init__()
            self.module = module

        def forward(self, row):
            return self.module.losses(row[None]).total

    def loss(parameters, row):
        named = {f"module.{key}": value for key, value in parameters.items()}
        return torch.func.functional_call(Total(), named, (row,))

    each = torch.func.vmap(torch.func.grad(loss), (None, 0))(parameters, x)
    module.losses(x).total.backward()
    for key, parameter in module.named_parameters():
        torch.testing.assert_close(each[key].mean(0), parameter.grad, rtol=1e-4, atol=1e-5)
