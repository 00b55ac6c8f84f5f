"""The keyed permutation that chooses held-out rows: a permutation, even, and without a list."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isthmus.errors import InvalidInputError
from isthmus.training.split import held_out, held_out_by_hash, permuted


@settings(max_examples=300, deadline=None)
@given(n=st.integers(1, 3000), seed=st.integers(0, 2**40))
def test_it_is_a_permutation(n, seed):
    places = permuted(np.arange(n), n, seed)
    assert np.array_equal(np.sort(places), np.arange(n))


@settings(max_examples=200, deadline=None)
@given(n=st.integers(1, 2000), share=st.floats(0, 1), seed=st.integers(0, 2**40))
def test_the_count_is_exact_and_each_row_is_judged_by_itself(n, share, seed):
    count = int(share * n)
    mask = held_out(np.arange(n), n, count, seed)
    assert mask.sum() == count
    some = np.random.default_rng(seed).integers(0, n, 50)
    assert np.array_equal(held_out(some, n, count, seed), mask[some])
    assert bool(held_out(int(some[0]), n, count, seed)) == mask[some[0]]


@pytest.mark.parametrize("n", [20, 65, 1000])
def test_every_row_is_held_out_equally_often(n):
    """Over seeds: the frequency of a row, and of a pair of neighbours, is that of chance."""
    draws, count = 2000, n // 5
    masks = np.array([held_out(np.arange(n), n, count, seed) for seed in range(draws)])
    share = count / n
    deviation = np.sqrt(share * (1 - share) / draws)
    assert np.abs(masks.mean(0) - share).max() < 5 * deviation
    pair = share * (count - 1) / (n - 1)
    together = (masks[:, 1:] & masks[:, :-1]).mean(0)
    assert np.abs(together - pair).max() < 5 * np.sqrt(pair * (1 - pair) / draws)


def test_seeds_and_sizes_give_other_rows():
    one = held_out(np.arange(1000), 1000, 100, 0)
    for other in (held_out(np.arange(1000), 1000, 100, 1), held_out(np.arange(1000), 1001, 100, 0)):
        assert (one & other).sum() < 30  # 10 by chance


def test_rows_of_a_table_too_large_to_list():
    """2⁵⁰ rows: nothing of that size is made."""
    n = 2**50
    some = np.random.default_rng(0).integers(0, n, 20_000)
    share = held_out(some, n, n // 10, seed=3).mean()
    assert share == pytest.approx(0.1, abs=0.012)


def test_rows_that_are_not_there_are_refused():
    with pytest.raises(InvalidInputError, match="^rows: expected numbers from 0 to 9; got 0 to 10"):
        permuted([0, 10], 10, 0)
    with pytest.raises(InvalidInputError, match="got -1 to 3"):
        permuted([-1, 3], 10, 0)


@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.5, 1.0])
def test_a_hash_holds_out_about_the_fraction(fraction):
    numbers = np.arange(100_000)
    mask = held_out_by_hash(numbers, fraction, seed=1)
    assert mask.mean() == pytest.approx(fraction, abs=5 * np.sqrt(0.25 / 100_000))
    assert np.array_equal(held_out_by_hash(numbers[50:60], fraction, 1), mask[50:60])
    if 0 < fraction < 1:
        other = held_out_by_hash(numbers, fraction, seed=2)
        assert (mask & other).mean() == pytest.approx(fraction**2, abs=0.01)
        assert np.corrcoef(mask[1:], mask[:-1])[0, 1] == pytest.approx(0, abs=0.02)
