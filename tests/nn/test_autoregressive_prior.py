"""A prior over indices: a distribution, that of a known chain after training, and what it draws."""

from __future__ import annotations

import itertools
import math
from functools import cache

import numpy as np
import pytest
import torch
from scipy.stats import chi2

from isthmus.errors import InvalidInputError
from isthmus.nn import AutoregressivePrior

TRANSITION = np.array(
    [[0.7, 0.1, 0.1, 0.1], [0.05, 0.05, 0.85, 0.05], [0.25, 0.25, 0.25, 0.25], [0.9, 0.0, 0.1, 0.0]]
)
START = np.array([0.4, 0.3, 0.2, 0.1])
SLOTS = 6


def chain(n, seed):
    rng = np.random.default_rng(seed)
    states = [rng.choice(4, n, p=START)]
    for _ in range(SLOTS - 1):
        u = rng.random(n)
        states.append((u[:, None] > TRANSITION[states[-1]].cumsum(1)).sum(1).clip(max=3))
    return np.stack(states, 1)


def true_log_prob(z):
    with np.errstate(divide="ignore"):
        return np.log(START)[z[:, 0]] + np.log(TRANSITION)[z[:, :-1], z[:, 1:]].sum(1)


def entropy():
    """Of a whole sequence, in nats: H(i₁) + Σ H(iₛ | iₛ₋₁)."""

    def h(p):
        return -(p[p > 0] * np.log(p[p > 0])).sum()

    share, total = START, h(START)
    for _ in range(SLOTS - 1):
        total += share @ [h(row) for row in TRANSITION]
        share = share @ TRANSITION
    return total


@cache
def trained():
    prior = AutoregressivePrior(SLOTS, 4, 32, generator=torch.Generator().manual_seed(0))
    optimizer = torch.optim.Adam(prior.parameters(), 5e-3)
    rows = torch.from_numpy(chain(240 * 128, 0)).split(128)
    for done, batch in enumerate(rows):
        optimizer.param_groups[0]["lr"] = 5e-3 * (1 - done / len(rows))
        optimizer.zero_grad()
        (-prior.log_prob(batch).mean()).backward()
        optimizer.step()
    return prior.eval().requires_grad_(False)


def some(n_slots, n_codes, n_layers=1, hidden=12):
    """A prior with weights that are far from uniform."""
    generator = torch.Generator().manual_seed(1)
    prior = AutoregressivePrior(n_slots, n_codes, hidden, n_layers, generator=generator)
    with torch.no_grad():
        for parameter in prior.parameters():
            parameter.add_(torch.empty_like(parameter).normal_(0, 0.4, generator=generator))
    return prior.requires_grad_(False)


def every(n_slots, n_codes):
    return torch.tensor(list(itertools.product(range(n_codes), repeat=n_slots)))


@pytest.mark.parametrize(("n_slots", "n_codes"), [(1, 5), (2, 3), (4, 3)])
@pytest.mark.parametrize("n_layers", [1, 2])
def test_the_probabilities_of_all_sequences_sum_to_one(n_slots, n_codes, n_layers):
    log_prob = some(n_slots, n_codes, n_layers).double().log_prob(every(n_slots, n_codes))
    assert log_prob.exp().sum().item() == pytest.approx(1, abs=1e-12)
    assert log_prob.std() > 0.5  # and they are not all the same


def test_what_it_draws_has_the_probabilities_that_it_gives():
    prior, n = some(3, 3, n_layers=2), 20_000
    drawn = prior.sample(n, torch.Generator().manual_seed(0))
    counts = np.bincount((drawn @ torch.tensor([9, 3, 1])).numpy(), minlength=27)
    expected = n * prior.log_prob(every(3, 3)).exp().numpy()
    statistic = ((counts - expected) ** 2 / expected).sum()
    assert statistic < chi2.ppf(0.999, 26)
    uniform = ((counts - n / 27) ** 2 / (n / 27)).sum()
    assert uniform > 10 * statistic  # the control: another distribution is found out


def test_at_first_all_sequences_are_equally_probable():
    prior = AutoregressivePrior(5, 7, generator=torch.Generator().manual_seed(0))
    log_prob = prior.log_prob(torch.randint(7, (9, 5), generator=torch.Generator().manual_seed(0)))
    torch.testing.assert_close(log_prob, torch.full((9,), -5 * math.log(7)))


def test_it_learns_a_markov_chain_to_within_two_hundredths_of_its_entropy():
    rows = chain(20_000, 1)
    nats = -trained().log_prob(torch.from_numpy(rows)).mean().item()
    best = -true_log_prob(rows).mean()  # of these very rows
    assert best == pytest.approx(entropy(), rel=0.01)
    assert best - 1e-6 <= nats < 1.02 * best
    marginal = [np.bincount(rows[:, s], minlength=4) / len(rows) for s in range(SLOTS)]
    independent = -sum((p[p > 0] * np.log(p[p > 0])).sum() for p in marginal)
    assert independent > 1.1 * best  # what it could know without the order


def test_what_a_trained_one_draws_has_the_statistics_of_the_chain():
    drawn = trained().sample(20_000, torch.Generator().manual_seed(0)).numpy()
    pairs = np.zeros((4, 4))
    np.add.at(pairs, (drawn[:, :-1].ravel(), drawn[:, 1:].ravel()), 1)
    np.testing.assert_allclose(pairs / pairs.sum(1, keepdims=True), TRANSITION, atol=0.04)
    np.testing.assert_allclose(np.bincount(drawn[:, 0]) / len(drawn), START, atol=0.04)


def test_draws_come_from_the_generator_alone():
    prior = AutoregressivePrior(4, 3)
    before = torch.get_rng_state()
    first, again, other = (
        prior.sample(50, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_sizes_that_cannot_be_are_named():
    with pytest.raises(InvalidInputError, match="n_slots: expected"):
        AutoregressivePrior(0, 3)
