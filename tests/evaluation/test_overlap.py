"""Precision, recall, density and coverage against loops, exact expectations and known failures."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from isthmus.errors import InvalidInputError
from isthmus.evaluation import density_coverage, overlap, precision_recall


def radius(rows, i, k):
    """Distance of a row to its k-th nearest other row, one by one."""
    distances = sorted(math.dist(rows[i], rows[j]) for j in range(len(rows)) if j != i)
    return distances[k - 1]


def inside(point, rows, i, k):
    return math.dist(point, rows[i]) <= radius(rows, i, k)


def by_loops(samples, reference, k):
    """The definitions, word by word."""
    n, m = len(samples), len(reference)
    precision = sum(any(inside(s, reference, i, k) for i in range(m)) for s in samples) / n
    recall = sum(any(inside(r, samples, j, k) for j in range(n)) for r in reference) / m
    density = sum(inside(s, reference, i, k) for s in samples for i in range(m)) / (k * n)
    coverage = sum(any(inside(s, reference, i, k) for s in samples) for i in range(m)) / m
    return precision, recall, density, coverage


# Small whole numbers: many ties and equal rows, and distances that are exact.
rows = arrays(np.float64, st.tuples(st.integers(4, 9), st.just(2)), elements=st.integers(-3, 3))


@settings(max_examples=60, deadline=None)
@given(rows, rows, st.integers(1, 3))
def test_they_are_what_loops_say(samples, reference, k):
    got = (
        *precision_recall(samples, reference, n_neighbors=k),
        *density_coverage(samples, reference, n_neighbors=k),
    )
    assert got == pytest.approx(by_loops(samples, reference, k), abs=1e-12)


def test_parts_do_not_matter(monkeypatch):
    x, y = np.random.default_rng(0).normal(size=(2, 41, 4))
    whole = precision_recall(x, y), density_coverage(x, y)
    monkeypatch.setattr(overlap, "_PAIRS", 100)  # two rows at a time
    assert (precision_recall(x, y), density_coverage(x, y)) == whole


def test_equal_distributions_have_their_exact_expectation():
    """k of n rows are in a ball, whoever they are: a matter of counting, in any dimension."""
    k, n, m, rng = 2, 25, 15, np.random.default_rng(0)
    found = np.array(
        [
            density_coverage(rng.normal(size=(n, 3)), rng.normal(size=(m, 3)), n_neighbors=k)
            for _ in range(1500)
        ]
    )
    missed = math.comb(m - 1, k) / math.comb(m + n - 1, k)  # the k nearest are all reference rows
    error = found.std(0) / np.sqrt(len(found))
    assert (np.abs(found.mean(0) - [1.0, 1 - missed]) < 4 * error).all()
    assert (error < 0.01).all()


def test_the_same_rows_are_perfect():
    x = np.random.default_rng(0).normal(size=(60, 5))
    assert precision_recall(x, x) == (1.0, 1.0)
    assert density_coverage(x, x) == (6 / 5, 1.0)  # k others and the row itself, over k


def two_modes(rng, n, share):
    return rng.normal(size=(n, 2)) + 20 * (rng.random((n, 1)) < share)


def test_a_dropped_mode_lowers_recall_and_coverage_but_not_precision():
    rng = np.random.default_rng(0)
    reference, whole = two_modes(rng, 400, 0.5), two_modes(rng, 400, 0.5)
    one = two_modes(rng, 400, 0.0)
    full, dropped = precision_recall(whole, reference), precision_recall(one, reference)
    assert dropped.recall < 0.6 < 0.9 < full.recall
    assert dropped.precision > full.precision - 0.05
    assert density_coverage(one, reference).coverage < 0.6
    assert density_coverage(whole, reference).coverage > 0.9


def test_noise_lowers_precision_and_density():
    rng = np.random.default_rng(0)
    reference = two_modes(rng, 400, 0.5)
    scores = [
        (
            precision_recall(noisy, reference).precision,
            density_coverage(noisy, reference).density,
        )
        for noisy in (two_modes(rng, 400, 0.5) + s * rng.normal(size=(400, 2)) for s in (0, 2, 8))
    ]
    precision, density = zip(*scores, strict=True)
    assert precision[0] > 0.9 > precision[1] > precision[2]
    assert density[0] > density[1] > density[2]


def test_one_outlier_makes_precision_forgiving_and_hardly_moves_density():
    """The trap that the documentation names."""
    rng = np.random.default_rng(0)
    reference = rng.normal(size=(400, 2))
    outlier = np.vstack([reference, [[50.0, 0.0]]])
    junk = rng.normal([30.0, 0.0], 1.0, size=(400, 2))
    assert precision_recall(junk, reference).precision == 0
    assert precision_recall(junk, outlier).precision == 1
    assert density_coverage(junk, outlier).density < 0.25
    assert density_coverage(junk, outlier).coverage < 0.01


@pytest.mark.parametrize("measure", [precision_recall, density_coverage])
def test_what_cannot_be_compared_is_refused(measure):
    good = np.random.default_rng(0).normal(size=(9, 3))
    spoilt = good.copy()
    spoilt[4, 0] = np.nan
    with pytest.raises(InvalidInputError, match=r"samples: expected finite numbers.*row 4"):
        measure(spoilt, good)
    with pytest.raises(InvalidInputError, match="samples: expected 3 values a row"):
        measure(good[:, :2], good)
    with pytest.raises(InvalidInputError, match="reference: expected more rows than"):
        measure(good, good[:3], n_neighbors=3)
    with pytest.raises(InvalidInputError, match="n_neighbors: expected a whole number"):
        measure(good, good, n_neighbors=0)
