"""Scaling that a few per cent of wild values cannot move, and that leaves ordinary data alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isthmus.data.fences import Fences
from isthmus.data.scaling import fit_scaler
from isthmus.data.schema import Schema
from isthmus.data.summary import Summary

ONE = Schema((1,), "table")
RNG = np.random.default_rng(0)
ORDINARY = {
    "normal": RNG.normal(size=3000),
    "uniform": RNG.uniform(size=3000),
    "exponential": RNG.exponential(size=3000),
    "two groups": np.r_[RNG.normal(size=1500), RNG.normal(40, 1, 1500)],
    "mostly zero": np.where(RNG.random(3000) < 0.05, RNG.gamma(2, 3, 3000), 0),
    "nearly always zero": np.where(RNG.random(3000) < 0.01, RNG.integers(1, 9, 3000), 0.0),
    "constant": np.full(3000, 7.0),
    "one that differs": np.r_[np.zeros(2999), 1.0],
}


def scaler(column, method="robust"):
    return fit_scaler(np.asarray(column, dtype=float)[:, None], ONE, [method])


@pytest.mark.parametrize("kind", ORDINARY)
def test_ordinary_columns_are_standardised_to_the_bit(kind):
    found, plain = scaler(ORDINARY[kind]), scaler(ORDINARY[kind], "standard")
    assert (found.shift, found.scale) == (plain.shift, plain.scale)
    assert found.fences is None


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["normal", "uniform", "exponential", "two groups"]),
    st.floats(0.0004, 0.03),
    st.sampled_from([-9999.0, 1e6, -1e30, 1e200]),
)
def test_three_per_cent_of_anything_move_little(kind, share, value):
    column = ORDINARY[kind].copy()
    plain = scaler(column)
    column[RNG.choice(3000, max(1, int(share * 3000)), replace=False)] = value
    found = scaler(column)
    assert abs(found.shift[0] - plain.shift[0]) < 0.2 * plain.scale[0]
    assert 0.85 < found.scale[0] / plain.scale[0] < 1.15
    assert found.fences[0][0] > value or found.fences[1][0] < value


def test_the_fences_of_a_stream_are_those_of_the_array():
    X = RNG.normal(size=(5000, 3))
    X[17, 1] = 1e9
    whole, parts = Summary.of(X, Schema((3,), "table")), Summary(Schema((3,), "table"))
    for start in range(0, 5000, 700):
        parts.update(X[start : start + 700])
    np.testing.assert_array_equal(parts.fences.low, whole.fences.low)
    np.testing.assert_array_equal(parts.wild, [False, True, False])
    one, other = (fit_scaler(each, Schema((3,), "table"), ["robust"]) for each in (whole, parts))
    np.testing.assert_allclose(one.scale, other.scale, rtol=1e-12)


def test_missing_values_and_channels():
    images = RNG.normal(size=(50, 6, 5, 2))
    images[..., 1] *= 100
    images[3, 2, 1, 0], images[4] = 1e7, np.nan
    schema = Schema((6, 5, 2), "image")
    fences = Fences.of(images, schema)
    assert 30 < fences.high[0] < 200 < 3000 < fences.high[1] < 20_000
    found = fit_scaler(images, schema, ["robust"])
    np.testing.assert_allclose(found.scale, [1, 100], rtol=0.1)


@pytest.mark.parametrize(("offset", "scale"), [(1e15, 289.0), (1.7e18, 3.6e12), (5.4e6, 3.0)])
def test_a_large_offset_is_no_constant(offset, scale):
    column = offset + scale * RNG.normal(size=2000)
    found = scaler(column)
    assert found.scale[0] == pytest.approx(column.std(), rel=1e-9)
    assert scaler(np.full(2000, offset)).scale[0] == 1
