"""Likelihoods against torch.distributions, scipy and numerical integration, in double precision."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from isthmus.errors import InvalidInputError
from isthmus.nn import (
    Bernoulli,
    Categorical,
    ContinuousBernoulli,
    DiscretizedLogistic,
    Gaussian,
    Laplace,
    Likelihood,
    Mixed,
)

D = torch.distributions
F64 = torch.float64


def learned(cls, log_scale):
    likelihood = cls("learned").double()
    with torch.no_grad():
        likelihood.raw_log_scale.fill_(log_scale / 10)
    return likelihood


def predicted_scale(parameters):
    """σ of the "predicted" families: exp of a logarithm that is held inside ±6."""
    location, raw = parameters.chunk(2, dim=1)
    return location, torch.exp(6 * torch.tanh(raw / 6))


def continuous_bernoulli_reference(logits, x):
    """log of the density on [0, 1] that is proportional to e^{lx}: divided by its integral."""
    size = logits.abs()
    integral = torch.where(size > 0, -torch.expm1(-size) / torch.where(size > 0, size, 1.0), 1.0)
    return logits * x - logits.clamp(min=0) - integral.log()


def class_last(parameters, n_classes):
    """(n, K·c, …) as (n, c, …, K), by the documented layout: channel k·C + c is class k of c."""
    n_channels = parameters.shape[1] // n_classes
    per_class = [parameters[:, k * n_channels : (k + 1) * n_channels] for k in range(n_classes)]
    return torch.stack(per_class, dim=-1)


def mixed_likelihood():
    return Mixed(
        [
            (Categorical(3), [4, 0]),
            (Gaussian("predicted"), [1]),
            (Bernoulli(), [3]),
            (Laplace(0.5), [2]),
        ]
    )


def mixed_reference(parameters, x):
    """Column by column, by hand: six logits, location and scale, a logit, a location."""
    logits = class_last(parameters[:, :6], 3)
    location, scale = predicted_scale(parameters[:, 6:8])
    columns = {
        4: D.Categorical(logits=logits[:, 0]).log_prob(x[:, 4]),
        0: D.Categorical(logits=logits[:, 1]).log_prob(x[:, 0]),
        1: D.Normal(location[:, 0], scale[:, 0]).log_prob(x[:, 1]),
        3: D.Bernoulli(logits=parameters[:, 8]).log_prob(x[:, 3]),
        2: D.Laplace(parameters[:, 9], 0.5).log_prob(x[:, 2]),
    }
    return torch.stack([columns[i] for i in range(5)], dim=1)


LEVELS = 9


def discretized_logistic_reference(parameters, x):
    """log of the difference of the distribution function at the borders of a level."""
    location, raw = (part.numpy() for part in parameters.detach().chunk(2, dim=1))
    scale = 0.1 * np.exp(6 * np.tanh(raw / 6))
    gap = 1 / (LEVELS - 1)
    values = x.numpy()
    upper = np.where(values > 1 - gap / 2, np.inf, values + gap / 2)
    lower = np.where(values < gap / 2, -np.inf, values - gap / 2)
    logistic = stats.logistic(location + 0.5, scale)
    # From the side where the tail is thin: a difference of numbers near 1 has no digits.
    right = lower > location + 0.5
    larger = np.where(right, logistic.logsf(lower), logistic.logcdf(upper))
    smaller = np.where(right, logistic.logsf(upper), logistic.logcdf(lower))
    return torch.from_numpy(larger + np.log(-np.expm1(smaller - larger)))


def real(shape, generator):
    return 2 * torch.randn(shape, generator=generator, dtype=F64)


def unit(shape, generator):
    return torch.rand(shape, generator=generator, dtype=F64)


def binary(shape, generator):
    return unit(shape, generator).round()


def classes(shape, generator):
    return torch.randint(0, 4, shape, generator=generator).to(F64)


def levels(shape, generator):
    return torch.randint(0, LEVELS, shape, generator=generator).to(F64) / (LEVELS - 1)


def mixed_data(shape, generator):
    x = torch.randn(shape, generator=generator, dtype=F64)
    x[:, [0, 4]] = torch.randint(0, 3, (len(x), 2), generator=generator).to(F64)
    x[:, 3] = binary((len(x),), generator)
    return x


@dataclass(frozen=True)
class Case:
    make: Callable[[], Likelihood]
    log_prob: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]  # the slow reference
    data: Callable[[tuple[int, ...], torch.Generator], torch.Tensor]
    table_only: bool = False


CASES = {
    "gaussian": Case(Gaussian, lambda p, x: D.Normal(p, 1.0).log_prob(x), real),
    "gaussian_fixed": Case(lambda: Gaussian(0.3), lambda p, x: D.Normal(p, 0.3).log_prob(x), real),
    "gaussian_learned": Case(
        lambda: learned(Gaussian, 0.4), lambda p, x: D.Normal(p, np.exp(0.4)).log_prob(x), real
    ),
    "gaussian_predicted": Case(
        lambda: Gaussian("predicted"),
        lambda p, x: D.Normal(*predicted_scale(p)).log_prob(x),
        real,
    ),
    "laplace": Case(Laplace, lambda p, x: D.Laplace(p, 1.0).log_prob(x), real),
    "laplace_fixed": Case(lambda: Laplace(0.3), lambda p, x: D.Laplace(p, 0.3).log_prob(x), real),
    "laplace_learned": Case(
        lambda: learned(Laplace, -0.7), lambda p, x: D.Laplace(p, np.exp(-0.7)).log_prob(x), real
    ),
    "laplace_predicted": Case(
        lambda: Laplace("predicted"), lambda p, x: D.Laplace(*predicted_scale(p)).log_prob(x), real
    ),
    "bernoulli": Case(Bernoulli, lambda p, x: D.Bernoulli(logits=p).log_prob(x), binary),
    "bernoulli_soft": Case(
        Bernoulli,
        lambda p, x: x * torch.sigmoid(p).log() + (1 - x) * torch.sigmoid(-p).log(),
        unit,
    ),
    "continuous_bernoulli": Case(ContinuousBernoulli, continuous_bernoulli_reference, unit),
    "categorical": Case(
        lambda: Categorical(4),
        lambda p, x: D.Categorical(logits=class_last(p, 4)).log_prob(x),
        classes,
    ),
    "discretized_logistic": Case(
        lambda: DiscretizedLogistic(LEVELS), discretized_logistic_reference, levels
    ),
    "mixed": Case(mixed_likelihood, mixed_reference, mixed_data, table_only=True),
}


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


def draw(case, n=6, seed=0, shape=None):
    """A likelihood, decoder outputs for it and data."""
    likelihood = case.make()
    generator = torch.Generator().manual_seed(seed)
    shape = (5,) if case.table_only or shape is None else shape
    channels = likelihood.parameter_channels(shape[0])
    parameters = 2 * torch.randn(n, channels, *shape[1:], generator=generator, dtype=F64)
    return likelihood, parameters, case.data((n, *shape), generator)


# log_prob -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(5,), (2, 3), (2, 3, 4)], ids=["table", "signal", "image"])
def test_log_prob_is_that_of_the_distribution(case, shape):
    for seed in range(5):
        likelihood, parameters, x = draw(case, seed=seed, shape=shape)
        log_prob = likelihood.log_prob(parameters, x)
        assert log_prob.shape == x.shape
        assert log_prob.dtype == F64
        torch.testing.assert_close(log_prob, case.log_prob(parameters, x), rtol=1e-9, atol=1e-9)


@settings(max_examples=200, deadline=None)
@given(
    logit=st.one_of(
        st.floats(-300, 300),
        st.floats(-0.2, 0.2),  # around the place where a series takes over
        st.sampled_from([0.0, 1e-300, 1e-12, 0.1, -0.1, np.nextafter(0.1, 0), 700.0, -700.0]),
    ),
    x=st.floats(0, 1),
)
def test_continuous_bernoulli_at_any_logit(logit, x):
    logits, value = torch.tensor([[logit]], dtype=F64), torch.tensor([[x]], dtype=F64)
    expected = continuous_bernoulli_reference(logits, value)
    actual = ContinuousBernoulli().log_prob(logits, value)
    torch.testing.assert_close(actual, expected, rtol=1e-9, atol=1e-9)
    single = ContinuousBernoulli().log_prob(logits.float(), value.float())
    rounding = 2e-6 + 2e-7 * abs(logit)  # the cross-entropy subtracts numbers of that size
    torch.testing.assert_close(single.double(), expected, rtol=2e-6, atol=rounding)


def test_continuous_bernoulli_agrees_with_torch():
    logits = torch.linspace(-8, 8, 41, dtype=F64)[:, None]
    x = torch.linspace(0, 1, 41, dtype=F64)[:, None]
    reference = D.ContinuousBernoulli(logits=logits)
    torch.testing.assert_close(
        ContinuousBernoulli().log_prob(logits, x), reference.log_prob(x), rtol=1e-6, atol=1e-6
    )
    torch.testing.assert_close(
        ContinuousBernoulli().mean(logits), reference.mean, rtol=1e-6, atol=1e-6
    )


@pytest.mark.parametrize(
    ("likelihood", "parameters", "support"),
    [
        (Gaussian(0.3), [0.7], (-4, 5)),
        (Gaussian("predicted"), [-1.0, 0.5], (-30, 30)),
        (Laplace(0.4), [0.7], (-25, 26)),
        (Laplace("predicted"), [2.0, -0.8], (-30, 34)),
        *[
            (ContinuousBernoulli(), [logit], (0, 1))
            for logit in (-200.0, -3.0, -0.0999, -1e-5, 0.0, 0.05, 0.1001, 1.0, 40.0, 200.0)
        ],
    ],
)
def test_densities_integrate_to_one(likelihood, parameters, support):
    row = torch.tensor([parameters], dtype=F64)

    def density(x):
        return likelihood.log_prob(row, torch.tensor([[x]], dtype=F64)).exp().item()

    # Break points where the mass can be: at the mode and at either end.
    breaks = [parameters[0]] if support != (0, 1) else [0.05, 0.95]
    total, _ = integrate.quad(density, *support, points=breaks, limit=200)
    assert total == pytest.approx(1, abs=1e-7)


@pytest.mark.parametrize(
    ("likelihood", "n_values"), [(Bernoulli(), 2), (Categorical(2), 2), (Categorical(5), 5)]
)
def test_probabilities_sum_to_one(likelihood, n_values):
    generator = torch.Generator().manual_seed(1)
    row = 3 * torch.randn(
        1, likelihood.parameter_channels(1), generator=generator, dtype=F64
    ).expand(n_values, -1)
    x = torch.arange(n_values, dtype=F64)[:, None]
    assert likelihood.log_prob(row, x).exp().sum().item() == pytest.approx(1, abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(location=st.floats(-3, 3), raw=st.floats(-30, 30), n_levels=st.integers(2, 300))
def test_levels_share_all_of_the_probability(location, raw, n_levels):
    likelihood = DiscretizedLogistic(n_levels)
    x = torch.linspace(0, 1, n_levels, dtype=F64)[:, None]
    row = torch.tensor([[location, raw]], dtype=F64).expand(n_levels, -1)
    log_prob = likelihood.log_prob(row, x)
    assert log_prob.exp().sum().item() == pytest.approx(1, abs=1e-12)
    assert (log_prob <= 0).all()
    single = likelihood.log_prob(row.float(), x.float())
    torch.testing.assert_close(single.double(), log_prob, rtol=2e-3, atol=1e-3)
    # A value near a level is that level.
    near = x + 0.4 / (n_levels - 1) * torch.sin(torch.arange(n_levels, dtype=F64))[:, None]
    torch.testing.assert_close(likelihood.log_prob(row, near), log_prob)
    mean = (log_prob.exp() * x).sum().item()
    gap = 1 / (n_levels - 1)
    found = likelihood.mean(row[:1]).item()
    assert abs(found - mean) <= 0.5 * gap + 1e-9
    if 0.1 * np.exp(6 * np.tanh(raw / 6)) > 2 * gap:
        assert abs(found - mean) < 0.02 * gap


# mean, prediction and samples ---------------------------------------------------------------------


def test_means():
    generator = torch.Generator().manual_seed(2)
    p = 2 * torch.randn(4, 4, generator=generator, dtype=F64)
    for family in (Gaussian, Laplace):
        torch.testing.assert_close(family(0.2).mean(p), p)
        torch.testing.assert_close(family("predicted").mean(p), p[:, :2])
    torch.testing.assert_close(Bernoulli().mean(p), D.Bernoulli(logits=p).mean)
    probabilities = p.softmax(1).numpy()
    torch.testing.assert_close(
        Categorical(4).mean(p), torch.from_numpy(probabilities @ np.arange(4))[:, None]
    )
    assert Categorical(4).prediction(p).flatten().tolist() == probabilities.argmax(1).tolist()
    assert Gaussian().prediction(p) is p or torch.equal(Gaussian().prediction(p), p)


@pytest.mark.parametrize("logit", [-200.0, -30.0, -2.0, -0.099, 0.0, 1e-9, 0.0999, 0.1, 7.0, 200.0])
def test_mean_of_the_continuous_bernoulli(logit):
    size = abs(logit)
    below = stats.truncexpon(b=size, scale=1 / size).mean() if size > 1e-6 else 0.5
    expected = 1 - below if logit > 0 else below
    mean = ContinuousBernoulli().mean(torch.tensor([[logit]], dtype=F64)).item()
    assert mean == pytest.approx(expected, abs=2e-9)
    single = ContinuousBernoulli().mean(torch.tensor([[logit]])).item()
    assert single == pytest.approx(expected, abs=2e-6)


def sampled(likelihood, row, n, seed=0):
    parameters = torch.tensor([row], dtype=F64).expand(n, -1)
    return likelihood.sample(parameters, torch.Generator().manual_seed(seed)).detach()


@pytest.mark.parametrize(
    ("likelihood", "row", "reference"),
    [
        (Gaussian(0.3), [0.7], stats.norm(0.7, 0.3)),
        (learned(Gaussian, 0.4), [-1.0], stats.norm(-1, np.exp(0.4))),
        (Gaussian("predicted"), [2.0, -1.5], stats.norm(2, np.exp(6 * np.tanh(-0.25)))),
        (Laplace(0.3), [0.7], stats.laplace(0.7, 0.3)),
        (Laplace("predicted"), [2.0, 1.5], stats.laplace(2, np.exp(6 * np.tanh(0.25)))),
        (ContinuousBernoulli(), [-4.0], stats.truncexpon(b=4, scale=1 / 4)),
        (ContinuousBernoulli(), [25.0], stats.truncexpon(b=25, loc=-1, scale=1 / 25)),
        (ContinuousBernoulli(), [0.0], stats.uniform()),
        (ContinuousBernoulli(), [-1e-4], stats.uniform()),
        (ContinuousBernoulli(), [0.3], stats.truncexpon(b=0.3, loc=-1, scale=1 / 0.3)),
    ],
)
def test_samples_follow_the_distribution(likelihood, row, reference):
    n = 20_000
    values = sampled(likelihood, row, n).numpy().ravel()
    if reference.support()[0] == -1:  # the mirrored exponential of a logit above zero
        values = -values
    # Kolmogorov–Smirnov sees any difference of the distribution functions above about 0.014.
    assert stats.kstest(values, reference.cdf).pvalue > 1e-3
    mean, variance = reference.mean(), reference.var()
    assert abs(values.mean() - mean) < 4 * np.sqrt(variance / n)
    squares = (values - mean) ** 2
    assert abs(squares.mean() - variance) < 4 * squares.std() / np.sqrt(n)


@pytest.mark.parametrize(
    ("likelihood", "row", "probabilities"),
    [
        (Bernoulli(), [1.5], [1 - stats.logistic.cdf(1.5), stats.logistic.cdf(1.5)]),
        (Categorical(3), [0.0, 2.0, -1.0], np.exp([0, 2, -1]) / np.exp([0, 2, -1]).sum()),
        (
            DiscretizedLogistic(4),
            [0.2, 0.6],
            np.diff(
                [
                    0,
                    *stats.logistic(0.7, 0.1 * np.exp(6 * np.tanh(0.1))).cdf([1 / 6, 0.5, 5 / 6]),
                    1,
                ]
            ),
        ),
    ],
)
def test_samples_of_classes_have_the_probabilities(likelihood, row, probabilities):
    n = 20_000
    values = sampled(likelihood, row, n).numpy().ravel()
    if isinstance(likelihood, DiscretizedLogistic):
        values = values * (likelihood.n_levels - 1)
    np.testing.assert_allclose(values, np.rint(values), atol=1e-9)
    values = np.rint(values).astype(int)
    counts = np.bincount(values, minlength=len(probabilities))
    assert stats.chisquare(counts, n * np.asarray(probabilities)).pvalue > 1e-3


def test_samples_are_in_the_shape_of_the_data_and_come_from_the_generator(case):
    likelihood, parameters, x = draw(case, shape=(2, 3))
    before = torch.get_rng_state()
    first, again, other = (
        likelihood.sample(parameters, torch.Generator().manual_seed(seed)) for seed in (3, 3, 4)
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert first.shape == x.shape == likelihood.mean(parameters).shape
    assert first.dtype == parameters.dtype
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.isfinite(likelihood.log_prob(parameters, first)).all()


# loss -------------------------------------------------------------------------------------------


def test_fast_loss_is_minus_the_sum_of_log_prob(case):
    for seed in range(5):
        likelihood, parameters, x = draw(case, n=7, seed=seed, shape=(2, 3))
        expected = -case.log_prob(parameters, x).sum() / 7
        torch.testing.assert_close(likelihood.loss(parameters, x), expected, rtol=1e-9, atol=1e-9)


def test_missing_values_do_not_count(case):
    likelihood, parameters, x = draw(case, n=7, shape=(2, 3))
    parameters.requires_grad_()
    observed = torch.rand(x.shape, generator=torch.Generator().manual_seed(5)) < 0.6
    loss = likelihood.loss(parameters, x, observed)
    torch.testing.assert_close(loss, -case.log_prob(parameters, x)[observed].sum() / 7)
    everything = likelihood.loss(parameters, x, torch.ones_like(observed))
    torch.testing.assert_close(everything, likelihood.loss(parameters, x))
    # What stands in for a missing value must not matter, nor must the decoder be pushed by it.
    other = torch.where(observed, x, 1.0)
    torch.testing.assert_close(likelihood.loss(parameters, other, observed), loss)
    likelihood.loss(parameters, x, torch.zeros_like(observed)).backward()
    assert torch.equal(parameters.grad, torch.zeros_like(parameters))


# gradients --------------------------------------------------------------------------------------


def test_gradients_of_log_prob(case):
    likelihood, parameters, x = draw(case, n=3, shape=(2, 2))
    inputs = [parameters.requires_grad_(), *likelihood.parameters()]
    # The learned scale is used through the module, so gradcheck's perturbation of it is seen.
    assert torch.autograd.gradcheck(lambda p, *_: likelihood.log_prob(p, x), inputs)
    assert torch.autograd.gradcheck(lambda p, *_: likelihood.loss(p, x), inputs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("extreme", [-200.0, 0.0, 200.0])
@pytest.mark.parametrize("function", ["log_prob", "mean"])
def test_values_and_gradients_are_finite_at_extremes(case, extreme, dtype, function):
    likelihood, parameters, x = draw(case)
    likelihood = likelihood.to(dtype)
    parameters = torch.full_like(parameters, extreme, dtype=dtype).requires_grad_()
    if function == "log_prob":
        value = likelihood.log_prob(parameters, x.to(dtype))
    else:
        value = likelihood.mean(parameters)
    assert torch.isfinite(value).all()
    value.sum().backward()
    assert torch.isfinite(parameters.grad).all()


# shapes, features and mistakes --------------------------------------------------------------------


def test_classes_are_one_hot_for_the_encoder():
    x = torch.tensor([[[0.0, 2.0], [1.0, 1.0]]])  # one sample, two channels, length two
    features = Categorical(3).features(x)
    assert features.shape == (1, Categorical(3).feature_channels(2), 2)
    for k, c, position in product(range(3), range(2), range(2)):
        assert features[0, 2 * k + c, position] == (x[0, c, position] == k)


def test_features_of_a_mixed_table():
    likelihood, _, x = draw(CASES["mixed"])
    features = likelihood.features(x)
    assert features.shape == (len(x), likelihood.feature_channels(5)) == (len(x), 9)
    pair = torch.nn.functional.one_hot(x[:, [4, 0]].long(), 3).to(x.dtype)
    one_hot = torch.stack([pair[:, :, k] for k in range(3)], dim=1).flatten(1)
    assert torch.equal(features, torch.cat([one_hot, x[:, [1, 3, 2]]], dim=1))


def test_mixed_puts_columns_back_in_order():
    likelihood, parameters, x = draw(CASES["mixed"], n=4)
    mean, prediction = likelihood.mean(parameters), likelihood.prediction(parameters)
    assert torch.equal(mean[:, 1], parameters[:, 6])
    assert torch.equal(mean[:, 2], parameters[:, 9])
    assert torch.equal(mean[:, 3], parameters[:, 8].sigmoid())
    logits = class_last(parameters[:, :6], 3)
    assert torch.equal(prediction[:, [4, 0]], logits.argmax(-1).to(F64))
    assert torch.equal(prediction[:, [1, 2, 3]], mean[:, [1, 2, 3]])
    assert likelihood.parameter_channels(5) == parameters.shape[1] == 10
    assert x.shape == mean.shape


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Gaussian(0), "scale: expected a number above 0"),
        (lambda: Gaussian(float("nan")), "scale: expected a number above 0"),
        (lambda: Laplace("large"), "scale: .*'learned' or 'predicted'; got 'large'"),
        (lambda: DiscretizedLogistic(1), "n_levels: expected at least 2; got 1"),
        (lambda: Categorical(1), "n_classes: expected at least 2; got 1"),
        (lambda: Mixed([(Gaussian(), [0, 2])]), "parts: expected every column"),
        (lambda: Mixed([(Gaussian(), [0, 1]), (Bernoulli(), [1])]), "parts: expected every column"),
    ],
)
def test_impossible_likelihoods(make, message):
    with pytest.raises(InvalidInputError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)
