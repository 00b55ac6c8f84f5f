"""Measures of disentanglement on codes whose scores are known in advance."""

from __future__ import annotations

import functools
import itertools
import math

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mutual_info_score

from isthmus.errors import InvalidInputError
from isthmus.evaluation import (
    beta_vae_score,
    dci,
    disentanglement,
    explicitness,
    factor_vae_score,
    modularity,
    mutual_information_gap,
    sap_score,
)
from isthmus.evaluation.factors._table import factor_table
from isthmus.evaluation.factors.groups import _points

MEASURES = [
    beta_vae_score,
    factor_vae_score,
    mutual_information_gap,
    dci,
    modularity,
    explicitness,
    sap_score,
    disentanglement,
]
NAMES = (
    "beta_vae_score",
    "factor_vae_score",
    "mutual_information_gap",
    "disentanglement",
    "completeness",
    "informativeness",
    "modularity",
    "explicitness",
    "sap_score",
)
SIZES = (3, 4, 5)


def factorial(*sizes):
    """Every combination of values once: the factors are exactly independent."""
    return np.array(list(itertools.product(*map(range, sizes))))


def table(n=2000, sizes=SIZES, seed=0):
    rng = np.random.default_rng(seed)
    return np.stack([rng.integers(size, size=n) for size in sizes], axis=1)


@functools.cache
def scores(kind):
    """All measures of one kind of code for the same factors."""
    factors = table()
    rng = np.random.default_rng(1)
    codes = {
        "perfect": factors,
        "permuted": factors[:, [2, 0, 1]] * [-3.0, 1e-3, 1e4] + [1.0, -5.0, 1e6],
        "random": rng.normal(size=(len(factors), 3)),
        "constant": np.full((len(factors), 3), 0.1),
        "twice": np.hstack([factors, factors[:, :1]]),
        "all but one": factors[:, :2],
        "with noise": np.hstack([factors, rng.normal(size=(len(factors), 3))]),
    }[kind]
    found = disentanglement(codes, factors, random_state=0)
    return {name: getattr(found, name) for name in NAMES}


def ordinal(size):
    """The explicitness of one code that rises evenly with a factor."""
    return np.mean([abs(2 * j / (size - 1) - 1) for j in range(size)])


# Codes whose scores are known ------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["perfect", "permuted"])
def test_codes_that_are_the_factors(kind):
    found = scores(kind)
    for name in NAMES[:2] + NAMES[3:6]:
        assert found[name] == pytest.approx(1, abs=1e-9), name
    # The second best code knows what chance gives: (bins − 1)(values − 1) / 2n nats, small here.
    assert 0.99 < found["mutual_information_gap"] < 1
    assert 0.9999 < found["modularity"] <= 1
    chance = np.mean([1 - 1 / size for size in SIZES])
    assert found["sap_score"] == pytest.approx(chance, abs=0.03)
    expected = np.mean([ordinal(size) for size in SIZES])
    assert found["explicitness"] == pytest.approx(expected, abs=0.03)


def test_codes_of_noise():
    found = scores("random")
    assert found["beta_vae_score"] == pytest.approx(1 / 3, abs=0.03)
    assert found["factor_vae_score"] == pytest.approx(1 / 3, abs=0.03)
    assert found["mutual_information_gap"] < 0.01
    assert found["disentanglement"] < 0.05
    assert found["completeness"] < 0.05
    assert found["informativeness"] == pytest.approx(np.mean(1 / np.array(SIZES)), abs=0.03)
    assert found["explicitness"] == pytest.approx(0, abs=0.05)
    assert found["sap_score"] < 0.04


def test_codes_that_are_constant():
    found = scores("constant")
    for name in ("mutual_information_gap", "modularity", "explicitness", "sap_score"):
        assert found[name] == 0, name
    assert found["disentanglement"] == found["completeness"] == 0
    for name in ("beta_vae_score", "factor_vae_score"):
        assert found[name] == pytest.approx(1 / 3, abs=0.03)
    assert found["informativeness"] == pytest.approx(np.mean(1 / np.array(SIZES)), abs=0.03)


def test_a_second_code_for_one_factor():
    """It costs that factor its gap, its SAP and its completeness, and nobody else anything."""
    found, once = scores("twice"), scores("perfect")
    gap, sap = once["mutual_information_gap"], once["sap_score"]
    assert found["mutual_information_gap"] == pytest.approx(2 / 3 * gap, abs=0.01)
    lost = (1 - 1 / SIZES[0]) / 3
    assert found["sap_score"] == pytest.approx(sap - lost, abs=0.02)
    # Shared evenly by two of four codes: 1 − log 2 / log 4.
    assert found["completeness"] == pytest.approx((1 + 1 + 0.5) / 3, abs=0.03)
    for name in ("beta_vae_score", "factor_vae_score", "disentanglement", "informativeness"):
        assert found[name] == pytest.approx(1, abs=1e-9), name
    assert found["modularity"] > 0.9999


def test_a_factor_without_a_code():
    """What the β-VAE score does not see (Kim & Mnih 2018): two codes do for three factors."""
    found = scores("all but one")
    assert found["beta_vae_score"] == pytest.approx(1, abs=1e-9)
    assert found["factor_vae_score"] == pytest.approx(2 / 3, abs=0.03)
    assert found["mutual_information_gap"] == pytest.approx(2 / 3, abs=0.01)
    assert found["modularity"] > 0.9999
    assert found["informativeness"] == pytest.approx((1 + 1 + 1 / SIZES[2]) / 3, abs=0.03)


def test_codes_of_noise_beside_perfect_ones():
    """They take nothing from what predicts; the modularity of noise is that of chance."""
    found = scores("with noise")
    for name in ("beta_vae_score", "disentanglement", "completeness", "informativeness"):
        assert found[name] == pytest.approx(1, abs=1e-3), name
    assert found["factor_vae_score"] == pytest.approx(1, abs=1e-9)
    assert found["mutual_information_gap"] > 0.98
    assert found["modularity"] < 0.9


def test_a_rotation_entangles_two_factors():
    """At 45° each code knows both equally well; what reads all codes together is as good."""
    factors = factorial(8, 8, 10)[:, :2]  # each combination ten times, exactly independent
    codes = (factors - 3.5) @ (np.array([[1.0, 1.0], [-1.0, 1.0]]) / math.sqrt(2))
    found = disentanglement(codes, factors, random_state=0)
    straight = disentanglement(factors, factors, random_state=0)
    assert found.beta_vae_score == pytest.approx(0.5, abs=0.03)  # chance
    assert found.factor_vae_score == pytest.approx(0.5, abs=0.03)
    assert found.mutual_information_gap == pytest.approx(0, abs=1e-9)
    assert found.modularity == pytest.approx(0, abs=1e-9)
    assert found.sap_score < 0.05
    assert found.disentanglement < 0.15
    assert found.completeness < 0.15
    assert found.explicitness == pytest.approx(straight.explicitness, abs=0.02)
    assert straight.mutual_information_gap == pytest.approx(1)
    assert straight.disentanglement == straight.factor_vae_score == 1


def test_more_rotation_is_more_entangled():
    factors = table(3000, (10, 10))
    # Without noise the values of a rotated grid are so few that a bin tells both coordinates.
    noisy = factors - 4.5 + np.random.default_rng(0).normal(size=factors.shape)

    def turned(degrees):
        c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        codes = noisy @ np.array([[c, s], [-s, c]])
        found = dci(codes, factors, random_state=0)
        return (
            mutual_information_gap(codes, factors),
            modularity(codes, factors),
            found.disentanglement,
            sap_score(codes, factors, random_state=0),
        )

    for measure in zip(*[turned(degrees) for degrees in (0, 15, 30, 45)], strict=True):
        assert all(a > b for a, b in itertools.pairwise(measure)), measure


# Against mathematics and slow references ---------------------------------------------------------


def test_a_code_in_fewer_bins_than_values():
    factors = factorial(40, 4)
    share = math.log(20) / math.log(40)
    assert mutual_information_gap(factors, factors) == pytest.approx((share + 1) / 2)
    assert mutual_information_gap(factors, factors, n_bins=40) == pytest.approx(1)
    assert mutual_information_gap(factors, factors, n_bins=1) == 0


def test_modularity_of_codes_that_can_be_worked_out():
    factors = factorial(2, 4, 3)
    a, b, _ = factors.T
    bit_of_each = 2 * (b // 2) + a  # log 2 nats of a, log 2 of b, nothing of c
    assert modularity(bit_of_each[:, None], factors) == pytest.approx(1 - 1 / 2)
    everything = 4 * a + b  # log 2 of a, log 4 of b
    expected = 1 - (math.log(2) / math.log(4)) ** 2 / 2
    assert modularity(everything[:, None], factors) == pytest.approx(expected)
    both = np.column_stack([bit_of_each, everything, np.ones(len(a))])  # a constant does not count
    assert modularity(both, factors) == pytest.approx((0.5 + expected) / 2)
    # MIG: a has log 2 from both; b has log 2 and log 4 of log 4; c has nothing.
    assert mutual_information_gap(both, factors) == pytest.approx((0 + 1 / 2 + 0) / 3)


def test_one_code_alone():
    factors = factorial(2, 4)
    code = factors[:, 1:]
    assert mutual_information_gap(code, factors) == pytest.approx(1 / 2)
    assert modularity(code, factors) == pytest.approx(1)
    found = dci(np.repeat(code, 20, axis=0), np.repeat(factors, 20, axis=0), random_state=0)
    assert found.importance.tolist() == [[0.0, 1.0]] or found.importance[0, 1] == 1
    assert found.completeness in (0.5, 1.0)  # the forest of the other factor may use the code


def test_the_gap_against_scikit_learn():
    rng = np.random.default_rng(0)
    factors = table(400, (3, 6))
    codes = factors @ rng.normal(size=(2, 4)) + 0.5 * rng.normal(size=(400, 4))
    gaps = []
    for factor in factors.T:
        information = sorted(
            mutual_info_score(np.digitize(z, np.histogram(z, 20)[1][:-1]), factor) for z in codes.T
        )
        gaps.append((information[-1] - information[-2]) / mutual_info_score(factor, factor))
    assert mutual_information_gap(codes, factors) == pytest.approx(np.mean(gaps))


def test_importance_to_scores():
    """DCI's formulas, on the importances that it reports itself."""
    rng = np.random.default_rng(0)
    factors = table(600)
    codes = factors @ rng.normal(size=(3, 4)) + 0.3 * rng.normal(size=(600, 4))
    found = dci(codes, factors, random_state=0)
    R = found.importance
    np.testing.assert_allclose(R.sum(axis=0), 1)

    def entropy(p):
        p = p[p > 0]
        return -(p * np.log(p)).sum()

    expected = sum(row.sum() / R.sum() * (1 - entropy(row / row.sum()) / math.log(3)) for row in R)
    assert found.disentanglement == pytest.approx(expected)
    assert found.completeness == pytest.approx(
        np.mean([1 - entropy(column) / math.log(4) for column in R.T])
    )


def test_pairs_and_groups_share_their_factor_and_nothing_else():
    factors = table(300, (3, 5), seed=2)
    seen = factor_table(np.column_stack([factors, np.arange(300)]), factors)
    random = np.random.RandomState(0)
    points, labels = _points(seen, 2000, 8, random, pairs=True)
    for factor in (0, 1):
        here = points[labels == factor]
        assert (here[:, factor] == 0).all()
        assert here[:, 2].min() > 0  # never a sample with itself
        other = seen.codes[:, 1 - factor]  # independent: E|z − z'|
        expected = np.abs(other[:, None] - other[None]).mean()
        assert here[:, 1 - factor].mean() == pytest.approx(expected, rel=0.03)
    assert np.abs((labels == 0).mean() - 0.5) < 0.05
    points, labels = _points(seen, 2000, 8, random, pairs=False)
    for factor in (0, 1):
        here = points[labels == factor]
        assert np.allclose(here[:, factor], 0)
        assert here[:, 2].mean() == pytest.approx(7 / 8, rel=0.05)  # of 1, with 8 in a group


def test_partners_are_drawn_evenly():
    """A group of three: each of the two others half the time."""
    factors = np.column_stack([np.repeat([0, 1], 3), np.tile([0, 1], 3)])
    seen = factor_table(np.array([[0.0], [1.0], [3.0], [10.0], [20.0], [40.0]]), factors)
    points, labels = _points(seen, 9000, 1, np.random.RandomState(0), pairs=True)
    apart = (points[labels == 0, 0] / (seen.codes[1, 0] - seen.codes[0, 0])).round().astype(int)
    counts = np.bincount(apart, minlength=31)
    distances = [1, 2, 3, 10, 20, 30]  # the six pairs there are
    assert counts.sum() == counts[distances].sum()
    np.testing.assert_allclose(counts[distances] / counts.sum(), 1 / 6, atol=0.03)


# What must not matter --------------------------------------------------------------------------


changes = st.fixed_dictionaries(
    {
        "order": st.permutations(range(4)),
        "scales": st.lists(st.floats(0.01, 100), min_size=4, max_size=4),
        "signs": st.lists(st.sampled_from([-1, 1]), min_size=4, max_size=4),
        "shift": st.floats(-100, 100),
        "seed": st.integers(0, 9),
    }
)


def changed(order, scales, signs, shift, seed):
    """Factors, entangled codes of them, and the same codes in other units and another order."""
    rng = np.random.default_rng(seed)
    factors = table(150, (3, 4), seed)
    codes = factors @ rng.normal(size=(2, 4)) + 0.4 * rng.normal(size=(150, 4))
    return factors, codes, (codes * scales * np.array(signs) + shift)[:, list(order)]


@settings(max_examples=25, deadline=None)
@given(changes)
def test_order_and_units_of_the_codes_do_not_matter(change):
    factors, codes, other = changed(**change)
    few = {"n_points": 100, "batch_size": 8, "random_state": 0}
    for measure, options in [
        (mutual_information_gap, {}),
        (modularity, {}),
        (factor_vae_score, few),
    ]:
        expected = measure(codes, factors, **options)
        assert measure(other, factors, **options) == pytest.approx(expected, abs=1e-9)


@settings(max_examples=4, deadline=None)
@given(changes)
def test_nor_to_the_predictors(change):
    """But for classifiers that stop within a tolerance, and trees that split float32 halfway."""
    factors, codes, other = changed(**change)
    few = {"n_points": 200, "batch_size": 8}
    for measure, options in [(beta_vae_score, few), (explicitness, {}), (sap_score, {})]:
        expected = measure(codes, factors, random_state=0, **options)
        assert measure(other, factors, random_state=0, **options) == pytest.approx(
            expected, abs=0.02
        )


@pytest.mark.parametrize("measure", [mutual_information_gap, modularity])
def test_the_names_of_the_values_do_not_matter(measure):
    factors = table(500)
    codes = factors + 0.1 * np.random.default_rng(0).normal(size=factors.shape)
    named = np.array(["c", "a", "b", "e", "d"])[factors]
    assert measure(codes, named) == pytest.approx(measure(codes, factors))
    assert measure(codes, factors * 0.7 - 3) == pytest.approx(measure(codes, factors))


def test_the_same_seed_gives_the_same_numbers():
    factors = table(150, (2, 3))
    codes = factors + np.random.default_rng(0).normal(size=factors.shape)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    one = disentanglement(codes, factors, random_state=3)
    assert one == disentanglement(codes, factors, random_state=np.random.RandomState(3))
    few = {"n_points": 50, "batch_size": 4}
    fresh = {factor_vae_score(codes, factors, **few) for _ in range(5)}
    assert len(fresh) > 1  # without a seed each draw is another
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_frames_and_tensors():
    factors = table(200)
    expected = mutual_information_gap(factors, factors)
    frame = pd.DataFrame(factors, columns=["shape", "size", "angle"])
    assert mutual_information_gap(frame, frame) == expected
    assert mutual_information_gap(torch.from_numpy(factors), factors) == expected
    mixed = frame.assign(shape=[["square", "heart", 3][k] for k in factors[:, 0]])
    assert mutual_information_gap(factors, mixed) == pytest.approx(expected)


def test_many_rows_are_thinned():
    factors = table(10_500, (2, 2))
    found = disentanglement(factors, factors, random_state=0)
    assert found.n_samples == 10_000
    assert found.factor_vae_score == 1
    assert str(found).startswith("2 codes, 2 factors, 10000 samples")
    assert len(str(found).splitlines()) == 1 + len(NAMES)


# Mistakes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(
    ("codes", "factors", "word"),
    [
        (np.full((12, 2), np.nan), np.arange(24).reshape(12, 2) % 3, "codes"),
        (np.zeros(12), np.arange(24).reshape(12, 2) % 3, "codes"),
        (np.eye(12), np.arange(22).reshape(11, 2) % 3, "factors"),
        (np.eye(12), np.arange(12) % 3, "factors"),
        (np.eye(12), np.arange(12)[:, None] % 3, "factors"),
        (np.eye(12), np.ones((12, 2)), "factors"),
        (np.eye(12), np.arange(24).reshape(12, 2), "factors"),
        (np.eye(12), np.full((12, 2), np.nan), "factors"),
    ],
)
def test_what_cannot_be_measured(measure, codes, factors, word):
    with pytest.raises(InvalidInputError, match=f"^{word}: expected .*got") as caught:
        measure(codes, factors)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("measure", [beta_vae_score, factor_vae_score])
def test_counts_and_seeds_that_cannot_be(measure):
    factors = table(50)
    for wrong in ({"n_points": 0}, {"batch_size": 1.5}, {"random_state": "x"}):
        (name,) = wrong
        with pytest.raises(InvalidInputError, match=f"^{name}: expected .*got"):
            measure(factors, factors, **wrong)
    with pytest.raises(InvalidInputError, match=r"^batch_size: expected at least 2.*got 1"):
        factor_vae_score(factors, factors, batch_size=1)
    with pytest.raises(InvalidInputError, match=r"^n_bins: expected .*got"):
        mutual_information_gap(factors, factors, n_bins=0)


def test_huge_and_tiny_codes_and_tiny_tables():
    factors = table(100, (2, 2))
    for scale in (1e-300, 1e300):
        assert mutual_information_gap(factors * scale, factors) > 0.9
        assert factor_vae_score(factors * scale, factors, n_points=100, random_state=0) == 1
    few = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    found = disentanglement(few, few, random_state=0)
    assert 0 <= found.mutual_information_gap <= 1
