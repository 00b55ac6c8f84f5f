"""The total correlation and the covariances of codes, against what is known of Gaussians."""

import math

import pytest
import torch
from torch import Tensor

from isthmus.errors import InvalidInputError
from isthmus.nn import (
    AutoencoderModule,
    CovariancePenalty,
    Dense,
    GaussianLatent,
    NoisyCode,
    TotalCorrelation,
)

F64 = torch.float64
MIX = torch.tensor([[1.0, 0.8, 0.0], [0.0, 0.6, 0.5], [0.0, 0.0, 0.7]], dtype=F64)
VARIANCE = torch.tensor([0.3, 0.5, 0.2], dtype=F64)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def module(latent=None):
    return AutoencoderModule(
        Dense((4,), (6,), generator=generator(1)),
        Dense((3,), (4,), generator=generator(2)),
        latent or GaussianLatent(),
    ).double()


def exact():
    """Of N(0, AAᵀ + diag σ²), to which the means Ax and the variances σ² of a batch lead."""
    covariance = MIX @ MIX.T + torch.diag(VARIANCE)
    return 0.5 * float(covariance.diagonal().log().sum() - torch.logdet(covariance))


def posteriors(n, draw):
    means = torch.randn(n, 3, generator=draw, dtype=F64) @ MIX.T
    return torch.cat([means, VARIANCE.log().expand(n, 3)], dim=1)


def estimate(penalty, h, draw):
    model = module()
    with torch.no_grad():
        return float(penalty(model, None, model.latent(h, draw), None, h))


def mean_estimate(name, n, draws, n_rows=10**6):
    draw = generator(n)
    penalty = TotalCorrelation(n_rows, name)
    values = torch.tensor([estimate(penalty, posteriors(n, draw), draw) for _ in range(draws)])
    return float(values.mean()), float(values.std()) / draws**0.5


@pytest.mark.parametrize("name", ["weighted", "stratified"])
def test_a_large_batch_finds_the_total_correlation_of_a_gaussian(name):
    value, error = mean_estimate(name, 512, 10)
    assert error < 0.03
    assert value == pytest.approx(exact(), abs=3 * error)


def test_small_batches_are_too_high_weighted_and_too_low_stratified():
    high, error = mean_estimate("weighted", 16, 150)
    assert high > exact() + 5 * error
    low, error = mean_estimate("stratified", 16, 150)
    assert low < exact() - 5 * error


def test_independent_codes_have_none():
    draw = generator(3)
    means = torch.randn(1000, 3, generator=draw, dtype=F64)
    h = torch.cat([means, torch.zeros(1000, 3, dtype=F64)], dim=1)
    assert abs(estimate(TotalCorrelation(1000), h, draw)) < 0.05


def slow(z, h, weight):
    """Loops over codes, posteriors and numbers."""
    mean, log_variance = h.chunk(2, dim=1)
    total = 0.0
    for i in range(len(z)):
        joint, marginals = 0.0, [0.0] * z.shape[1]
        for j in range(len(h)):
            densities = [
                math.exp(-0.5 * float((z[i, k] - mean[j, k]) ** 2 / log_variance[j, k].exp()))
                / math.sqrt(2 * math.pi * float(log_variance[j, k].exp()))
                for k in range(z.shape[1])
            ]
            joint += weight(i, j) * math.prod(densities)
            marginals = [m + weight(i, j) * d for m, d in zip(marginals, densities, strict=True)]
        total += math.log(joint) - sum(math.log(m) for m in marginals)
    return total / len(z)


def test_the_estimate_is_the_loop_that_the_paper_writes_down():
    draw = generator(4)
    h = torch.randn(7, 6, generator=draw, dtype=F64)
    z = module().latent(h, draw)
    weighted = TotalCorrelation(50)(module(), None, z, None, h)
    # The paper's weights are 1 / NM: (D − 1) log N more, a constant.
    paper = slow(z, h, lambda i, j: 1 / (50 * 7)) - 2 * math.log(50)
    assert float(weighted) == pytest.approx(paper, rel=1e-10)
    stratified = TotalCorrelation(50, "stratified")(module(), None, z, None, h)
    expected = slow(z, h, lambda i, j: 1 / 50 if i == j else 49 / (50 * 6))
    assert float(stratified) == pytest.approx(expected, rel=1e-10)


def test_stratified_weights_give_the_mean_posterior_of_all_rows_without_bias():
    # All batches of 3 of 5 rows with row 0 in them: the mean of the weighted sums is q(z₀).
    draw = generator(5)
    h = torch.randn(5, 6, generator=draw, dtype=F64)
    z = module().latent(h, draw)[:1]
    penalty = TotalCorrelation(5, "stratified")
    mean, log_variance = h.chunk(2, dim=1)
    log_q = torch.distributions.Normal(mean, (0.5 * log_variance).exp()).log_prob(z).sum(1)
    densities = [
        (log_q[[0, i, j]] + penalty._log_weight(1, 3, 0, z)[0]).exp().sum()
        for i in range(1, 5)
        for j in range(i + 1, 5)
    ]
    torch.testing.assert_close(torch.stack(densities).mean(), log_q.exp().mean())


@pytest.mark.parametrize("name", ["weighted", "stratified"])
def test_chunks_without_gradient_give_what_one_piece_gives(name, monkeypatch):
    h = torch.randn(50, 6, generator=generator(6), dtype=F64)
    z = module().latent(h, generator(7))
    penalty = TotalCorrelation(80, name)
    whole = penalty(module(), None, z, None, h)
    monkeypatch.setattr("isthmus.nn.penalties.total_correlation._VALUES", 2000)
    with torch.no_grad():
        torch.testing.assert_close(penalty(module(), None, z, None, h), whole)


PENALTIES = {
    "weighted": TotalCorrelation(90),
    "stratified": TotalCorrelation(90, "stratified"),
    "off_diagonal": CovariancePenalty("off_diagonal"),
    "means": CovariancePenalty("diagonal", "means"),
    "codes": CovariancePenalty("diagonal"),
}


@pytest.mark.parametrize("name", PENALTIES)
def test_gradients_are_those_of_finite_differences(name):
    h = torch.randn(6, 6, generator=generator(8), dtype=F64, requires_grad=True)
    noise = torch.randn(6, 3, generator=generator(9), dtype=F64)
    model = module()

    def penalty(h: Tensor) -> Tensor:
        return PENALTIES[name](model, None, model.latent.at(h, noise), None, h)

    assert torch.autograd.gradcheck(penalty, (h,))


@pytest.mark.parametrize("name", PENALTIES)
def test_the_module_hands_over_the_posterior(name):
    model = module()
    model.penalties = {"term": PENALTIES[name]}
    losses = model.losses(torch.randn(8, 4, generator=generator(10), dtype=F64), None, generator())
    losses["term"].backward()
    gradient = model.encoder.linears[0].weight.grad
    assert float(gradient.abs().sum()) > 0
    with torch.no_grad():
        one = model.losses(torch.ones(1, 4, dtype=F64))  # a batch of one row
    assert math.isfinite(float(one["term"]))


def test_covariances_by_hand():
    # Means (2, 0), (0, 2), (−2, −2), variances all 1 or all 3: C = [[8/3, 4/3], [4/3, 8/3]].
    means = torch.tensor([[2.0, 0.0], [0.0, 2.0], [-2.0, -2.0]])
    variances = torch.tensor([[1.0, 3.0]] * 3)
    h = torch.cat([means, variances.log()], dim=1)
    values = {
        (part, of): float(CovariancePenalty(part, of)(module(), None, means, None, h))
        for part in ("off_diagonal", "diagonal")
        for of in ("means", "codes")
    }
    assert values["off_diagonal", "means"] == pytest.approx(2 * (4 / 3) ** 2)
    assert values["off_diagonal", "codes"] == pytest.approx(2 * (4 / 3) ** 2)
    assert values["diagonal", "means"] == pytest.approx(2 * (5 / 3) ** 2)
    assert values["diagonal", "codes"] == pytest.approx((8 / 3) ** 2 + (14 / 3) ** 2, rel=1e-6)


def test_the_covariance_of_the_codes_is_that_of_many_draws():
    h = torch.randn(50_000, 6, generator=generator(11), dtype=F64) * 0.5
    h[:, 1] += h[:, 0]
    z = module().latent(h, generator(12))
    C = torch.cov(z.T)
    off = C.square().sum() - C.diagonal().square().sum()
    diagonal = (C.diagonal() - 1).square().sum()
    for part, drawn in (("off_diagonal", off), ("diagonal", diagonal)):
        value = CovariancePenalty(part)(module(), None, z, None, h)
        # A covariance of 50,000 draws is off by about 0.006, its square by 4 |C| times that.
        assert float(value) == pytest.approx(float(drawn), abs=0.025)


def test_errors_name_what_is_wrong():
    with pytest.raises(InvalidInputError, match="n_rows"):
        TotalCorrelation(0)
    with pytest.raises(InvalidInputError, match="estimator"):
        TotalCorrelation(10, "exact")
    with pytest.raises(InvalidInputError, match="part"):
        CovariancePenalty("all")
    with pytest.raises(InvalidInputError, match="of: "):
        CovariancePenalty("diagonal", "posteriors")
    z = torch.zeros(4, 3)
    for penalty in (TotalCorrelation(10), CovariancePenalty("diagonal")):
        with pytest.raises(InvalidInputError, match="Gaussian posterior"):
            penalty(module(NoisyCode(0.1)), None, z, None, z)
