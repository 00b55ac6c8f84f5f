"""Shift and scale of each feature, there and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from isthmus.data import scaling, statistics
from isthmus.data.scaling import Scaler, fit_scaler
from isthmus.data.schema import Schema

rng = np.random.default_rng(0)
TABLE = Schema((4,), "table")
SIGNAL = Schema((30, 2), "signal")
IMAGE = Schema((6, 5, 3), "image")
GREY = Schema((6, 5), "image")


def data(schema, rows=50, spread=10.0):
    return rng.normal(3, spread, size=(rows, *schema.sample_shape))


@pytest.mark.parametrize("schema", [TABLE, SIGNAL, IMAGE, GREY], ids=lambda s: s.layout)
@pytest.mark.parametrize("method", ["none", "standard", "center", "minmax", "bytes"])
def test_forward_and_back(method, schema):
    X = data(schema)
    scaler = fit_scaler(X, schema, [method])
    assert scaler.method == method
    scaled = scaler.forward(X, schema)
    assert scaled.dtype == np.float32
    assert scaled.shape == (50, *schema.module_shape)
    assert scaled.flags.c_contiguous
    back = scaler.backward(scaled, schema)
    assert back.dtype == np.float32
    assert back.flags.c_contiguous
    np.testing.assert_allclose(back, X, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("schema", [TABLE, SIGNAL, IMAGE, GREY], ids=lambda s: s.layout)
def test_what_the_methods_mean(schema):
    X = data(schema)
    axes = (0, *range(2, 1 + len(schema.module_shape)))
    scaled = fit_scaler(X, schema, ["standard"]).forward(X, schema)
    np.testing.assert_allclose(scaled.mean(axes, dtype=float), 0, atol=1e-6)
    np.testing.assert_allclose(scaled.std(axes, dtype=float), 1, rtol=1e-6)
    centred = fit_scaler(X, schema, ["center"]).forward(X, schema)
    np.testing.assert_allclose(centred.mean(axes, dtype=float), 0, atol=1e-5)
    lost = schema.channels_first(X) - centred  # the same of every value of a feature
    np.testing.assert_allclose(np.ptp(lost, axis=axes), 0, atol=1e-4)
    scaled = fit_scaler(X, schema, ["minmax"]).forward(X, schema)
    np.testing.assert_allclose(scaled.min(axes), 0, atol=1e-6)
    np.testing.assert_allclose(scaled.max(axes), 1, atol=1e-6)
    assert (fit_scaler(X, schema, ["bytes"]).scale == 255).all()
    assert fit_scaler(X, schema, ["none"]).is_identity


def test_one_method_a_column():
    X = data(TABLE)
    scaler = fit_scaler(X, TABLE, ["standard", "none", "minmax", "bytes"])
    assert scaler.method == "mixed"
    np.testing.assert_allclose(scaler.shift, [X[:, 0].mean(), 0, X[:, 2].min(), 0])
    np.testing.assert_allclose(scaler.scale, [X[:, 0].std(), 1, np.ptp(X[:, 2]), 255])


def test_the_data_are_neither_changed_nor_copied_without_need():
    X = data(TABLE).astype(np.float32)
    before = X.copy()
    scaler = fit_scaler(X, TABLE, ["none"])
    assert np.shares_memory(scaler.forward(X, TABLE), X)
    fit_scaler(X, TABLE, ["standard"]).forward(X, TABLE)
    np.testing.assert_array_equal(X, before)
    X.flags.writeable = False
    assert not np.shares_memory(scaler.forward(X, TABLE), X)  # torch wants memory it may write


@pytest.mark.parametrize("method", ["standard", "center", "minmax"])
def test_constant_and_empty_columns_keep_their_units(method):
    X = data(TABLE)
    X[:, 1] = 5.0
    X[:, 2] = np.nan
    scaler = fit_scaler(X, TABLE, [method])
    assert scaler.scale[1] == scaler.scale[2] == 1
    assert scaler.shift[2] == 0
    assert scaler.shift[1] == 5
    assert np.isnan(scaler.forward(X, TABLE)[:, 2]).all()


@pytest.mark.parametrize("value", [0.1, 1e8 + 0.1, -1e-30, 3e15, 1 / 3])
def test_rounding_of_a_constant_is_no_deviation(value):
    X = np.full((1000, 1), value)
    assert fit_scaler(X, Schema((1,), "table"), ["standard"]).scale[0] == 1


@pytest.mark.parametrize("method", ["standard", "minmax"])
def test_missing_values_do_not_count(method):
    X = data(TABLE)
    X[rng.random(X.shape) < 0.3] = np.nan
    scaler = fit_scaler(X, TABLE, [method])
    low, high = np.nanmin(X, axis=0), np.nanmax(X, axis=0)
    standard = method == "standard"
    np.testing.assert_allclose(scaler.shift, np.nanmean(X, axis=0) if standard else low)
    np.testing.assert_allclose(scaler.scale, np.nanstd(X, axis=0) if standard else high - low)


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("schema", [TABLE, IMAGE], ids=lambda s: s.layout)
def test_chunks_give_what_one_pass_gives(schema, missing, monkeypatch):
    X = data(schema, rows=203) + 1e4
    if missing:
        X[rng.random(X.shape) < 0.3] = np.nan
        X[:20, ..., 0] = np.nan  # a chunk with nothing in a column
    whole = [fit_scaler(X, schema, [m]) for m in ("standard", "minmax")]
    scaled = [s.forward(X, schema) for s in whole]
    for module in (scaling, statistics):
        monkeypatch.setattr(module, "_CHUNK", 17 * schema.n_values)
    parts = [fit_scaler(X, schema, [m]) for m in ("standard", "minmax")]
    for one, other, expected in zip(whole, parts, scaled, strict=True):
        np.testing.assert_allclose(other.shift, one.shift, rtol=1e-12)
        np.testing.assert_allclose(other.scale, one.scale, rtol=1e-9)
        np.testing.assert_array_equal(one.forward(X, schema), expected)


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(
        np.float64,
        hnp.array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=8),
        elements=st.floats(-1e6, 1e6, allow_nan=False),
    ),
    st.sampled_from(["standard", "minmax"]),
)
def test_any_table_is_finite_and_comes_back(X, method):
    schema = Schema(X.shape[1:], "table")
    scaler = fit_scaler(X, schema, [method])
    assert (scaler.scale > 0).all()
    scaled = scaler.forward(X, schema)
    assert np.isfinite(scaled).all()
    if method == "standard":
        np.testing.assert_allclose(scaler.shift, X.mean(0), rtol=1e-9, atol=1e-6)
    back = scaler.backward(scaled, schema)
    np.testing.assert_allclose(back, X, rtol=1e-4, atol=1e-4 * (np.abs(X).max() + 1e-6))


def test_log_scale_is_the_jacobian():
    scaler = Scaler("standard", np.zeros(3), np.array([1.0, 10.0, 0.5]))
    assert scaler.log_scale(IMAGE).shape == (3, 1, 1)
    np.testing.assert_allclose(scaler.log_scale(IMAGE).ravel(), np.log([1, 10, 0.5]))
    assert scaler.log_scale(Schema((3,), "table")).shape == (3,)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, bool, np.float16, np.longdouble])
def test_every_dtype(dtype):
    X = (rng.random((40, 4)) * 2).astype(dtype)
    scaler = fit_scaler(X, TABLE, ["standard"])
    np.testing.assert_allclose(scaler.shift, X.astype(float).mean(0), rtol=1e-6)
    expected = fit_scaler(X.astype(float), TABLE, ["standard"]).forward(X.astype(float), TABLE)
    np.testing.assert_allclose(scaler.forward(X, TABLE), expected, rtol=1e-5, atol=1e-6)
