"""One pass over blocks of rows, cut in any way, says what all rows at once say."""

from __future__ import annotations

import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from isthmus.data import rows as kept_rows
from isthmus.data import scaling, statistics
from isthmus.data.rows import Digest, KeptRows
from isthmus.data.scaling import fit_scaler
from isthmus.data.schema import Schema, column_ranges, infer_kinds
from isthmus.data.summary import Summary
from isthmus.errors import InvalidInputError

# What the decisions were before there was a summary ----------------------------------------------


def slow_kinds(array):
    def value_range(values):
        if np.isnan(values).all():
            return 0.5, 0.5
        return float(np.nanmin(values)), float(np.nanmax(values))

    def is_whole(values):
        return bool(((values == np.rint(values)) | np.isnan(values)).all())

    def of_column(column):
        low, high = value_range(column)
        if not is_whole(column) or low == high or low < 0 or high >= 10:
            return "real"
        return "binary" if high <= 1 else f"classes:{int(high) + 1}"

    if array.dtype == np.bool_:
        return ["binary"]
    low, high = value_range(array)
    whole = array.dtype.kind in "iu" or is_whole(array)
    if low >= 0 and high <= 1:
        return ["binary"] if whole else ["unit"]
    if array.dtype == np.uint8 and high >= 10:
        return ["bytes"]
    if whole and low >= 0 and high < 10:
        return [f"classes:{int(high) + 1}"]
    if whole or array.ndim > 2:
        return ["real"]
    kinds = [of_column(column) for column in array.T]
    return kinds if len(set(kinds)) > 1 else ["real"]


def slow_scaler(array, schema, methods):
    """Shift and scale, by the very calls of the version before."""

    def parts(columns):
        step = max(1, statistics._CHUNK // max(schema.n_values, 1))
        for start in range(0, len(array), step):
            part = schema.channels_first(array[start : start + step])
            flat = np.moveaxis(part, 1, -1).reshape(-1, part.shape[1])
            yield (flat if columns.all() else flat[:, columns]).astype(np.float64)

    def moments(columns):
        count, mean, squares = (np.zeros(columns.sum()) for _ in range(3))
        for part in parts(columns):
            part_mean = part.mean(0)
            if np.isnan(part_mean).any():
                seen = ~np.isnan(part)
                n = seen.sum(0)
                part_mean = np.where(seen, part, 0.0).sum(0) / np.maximum(n, 1)
                part_squares = np.where(seen, np.square(part - part_mean), 0.0).sum(0)
            else:
                n = np.full(len(part_mean), len(part))
                part -= part_mean
                part_squares = np.einsum("ij,ij->j", part, part)
            total = np.maximum(count + n, 1)
            delta = part_mean - mean
            mean = mean + delta * n / total
            squares = squares + part_squares + np.square(delta) * count * n / total
            count = count + n
        deviation = np.sqrt(squares / np.maximum(count, 1))
        deviation[deviation <= 1e-12 * np.abs(mean)] = 0.0
        return mean, deviation

    def extent(columns):
        low, high = np.full(columns.sum(), np.inf), np.full(columns.sum(), -np.inf)
        for part in parts(columns):
            low, high = np.fmin(low, np.fmin.reduce(part)), np.fmax(high, np.fmax.reduce(part))
        return low, high - low

    width = schema.module_shape[0]
    per_column = list(methods) * width if len(methods) == 1 else list(methods)
    shift, scale = np.zeros(width), np.ones(width)
    for method in dict.fromkeys(per_column):
        columns = np.array([name == method for name in per_column])
        if method == "standard":
            shift[columns], scale[columns] = moments(columns)
        elif method == "center":
            shift[columns] = moments(columns)[0]
        elif method == "minmax":
            shift[columns], scale[columns] = extent(columns)
    scale[~(np.isfinite(scale) & (scale > 0))] = 1.0
    shift[~np.isfinite(shift)] = 0.0
    return shift, scale


# Data --------------------------------------------------------------------------------------------

LAYOUTS = {
    "table": Schema((3,), "table"),
    "signal": Schema((4, 2), "signal"),
    "grey": Schema((3, 2), "image"),
    "colour": Schema((2, 2, 3), "image"),
}
FLOATS = {
    "fractions": st.floats(-1e6, 1e6, allow_nan=False, width=32),
    "few": st.sampled_from([0.0, 1.0, 2.0, 0.5, 1.0 + 1e-12, -0.0]),
    "whole": st.integers(-3, 12).map(float),
    "classes": st.integers(0, 4).map(float),
    "unit": st.floats(0, 1, width=32),
    "constant": st.just(0.1),
    "missing": st.just(np.nan),
}
WHOLE = {
    np.dtype(np.uint8): st.integers(0, 255),
    np.dtype(np.int64): st.integers(-5, 1000),
    np.dtype(bool): st.booleans(),
}


@st.composite
def arrays(draw, layouts=tuple(LAYOUTS)):
    """Return a schema and rows: whole numbers, or each column fractions, classes, nothing …"""
    schema = LAYOUTS[draw(st.sampled_from(layouts))]
    shape = (draw(st.integers(2, 24)), *schema.sample_shape)
    if draw(st.booleans()):
        dtype = draw(st.sampled_from(list(WHOLE)))
        return schema, draw(hnp.arrays(dtype, shape, elements=WHOLE[dtype], fill=st.nothing()))
    dtype = draw(st.sampled_from([np.float64, np.float32]))
    columns = []
    for _ in range(shape[-1]):
        elements = FLOATS[draw(st.sampled_from(list(FLOATS)))]
        if draw(st.booleans()):
            elements = elements | FLOATS["missing"]
        column = draw(hnp.arrays(np.float64, shape[:-1], elements=elements, fill=st.nothing()))
        columns.append(column.astype(dtype))
    return schema, np.stack(columns, axis=-1)


@st.composite
def cut(draw):
    schema, X = draw(arrays())
    borders = sorted(draw(st.lists(st.integers(0, len(X)), max_size=6)))
    edges = [0, *borders, len(X)]
    return schema, X, [X[a:b] for a, b in itertools.pairwise(edges)]


def same_levels(a, b):
    pairs = zip(a.levels, b.levels, strict=True)
    return all((p is None and q is None) or np.array_equal(p, q) for p, q in pairs)


def assert_same(found, whole, X):
    """Exact but for mean and deviation."""
    assert found.n_rows == whole.n_rows == len(X)
    for name in ("low", "high"):
        np.testing.assert_array_equal(getattr(found, name), getattr(whole, name))
        np.testing.assert_array_equal(getattr(found.extremes, name), getattr(whole.extremes, name))
    np.testing.assert_array_equal(found.missing, whole.missing)
    np.testing.assert_array_equal(found.constant, whole.constant)
    np.testing.assert_array_equal(found.whole.exact, whole.whole.exact)
    np.testing.assert_array_equal(found.whole.rounded, whole.whole.rounded)
    assert same_levels(found, whole)
    np.testing.assert_array_equal(found.kept.numbers, whole.kept.numbers)
    np.testing.assert_array_equal(found.kept.rows, whole.kept.rows)
    assert found.digest == whole.digest
    assert infer_kinds(found) == infer_kinds(whole) == infer_kinds(X)
    assert column_ranges(found) == column_ranges(whole)
    size = np.nanmax(np.abs(X.astype(float)), initial=0.0)
    one, other = found.moments(), whole.moments()
    np.testing.assert_array_equal(one.count, other.count)
    np.testing.assert_allclose(one.mean, other.mean, rtol=1e-12, atol=1e-13 * size)
    np.testing.assert_allclose(
        one.squares, other.squares, rtol=1e-9, atol=1e-12 * X.size * (size * size + 1e-300)
    )


# In one pass -------------------------------------------------------------------------------------


@pytest.fixture(autouse=True, scope="module")
def small_pieces():
    """Make everything that is done in pieces be so with a few rows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statistics, "_ABREAST", 12)
        patch.setattr(statistics, "_HEAD", 3)
        patch.setattr(statistics, "_CACHED", 17)
        patch.setattr(kept_rows, "_SEGMENT", 20)
        patch.setattr(kept_rows, "_MOST_VALUES", 1)  # 16 rows are kept
        yield


@settings(max_examples=150, deadline=None)
@given(cut(), st.sampled_from([3, 256]))
def test_blocks_say_what_all_rows_say(data, most):
    schema, X, blocks = data
    whole = Summary(schema, digest=True, most_levels=most).update(X)
    summary = Summary(schema, digest=True, most_levels=most)
    for block in blocks:
        summary.update(block.copy())
    assert_same(summary, whole, X)


@settings(max_examples=150, deadline=None)
@given(cut(), st.data())
def test_merged_in_any_order_of_joining(data, more):
    schema, X, blocks = data
    parts, start = [], 0
    for block in blocks:
        parts.append(Summary(schema, start=start, digest=True).update(block))
        start += len(block)
    while len(parts) > 1:
        at = more.draw(st.integers(0, len(parts) - 2))
        parts[at].merge(pickle.loads(pickle.dumps(parts.pop(at + 1))))  # as from a process
    assert_same(parts[0], Summary(schema, digest=True).update(X), X)


@settings(max_examples=100, deadline=None)
@given(arrays())
def test_an_array_in_memory_and_one_block_are_the_same_to_the_last_bit(data):
    schema, X = data
    lazy, eager = Summary.of(X, schema), Summary(schema, digest=True).update(X)
    assert lazy.digest == eager.digest
    for one, other in ((lazy.moments(), eager.moments()), (lazy.extremes, eager.extremes)):
        for name in one.__dataclass_fields__:
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert same_levels(lazy, eager)


@settings(max_examples=100, deadline=None)
@given(arrays())
def test_what_is_said_is_so(data):
    schema, X = data
    summary = Summary(schema).update(X)
    flat = np.moveaxis(schema.channels_first(X), 1, -1).reshape(-1, schema.module_shape[0])
    for column, values in enumerate(flat.T.astype(float)):
        known = values[~np.isnan(values)]
        assert summary.missing[column] == len(values) - len(known)
        assert summary.moments().count[column] == len(known)
        np.testing.assert_array_equal(summary.levels[column], np.unique(known))
        assert summary.constant[column] == (len(set(known)) < 2)
        assert summary.whole.exact[column] == (known == np.rint(known)).all()
        single = known.astype(np.float32)
        assert summary.whole.rounded[column] == (single == np.rint(single)).all()
        if len(known):
            assert (summary.low[column], summary.high[column]) == (known.min(), known.max())
            np.testing.assert_allclose(
                summary.moments().mean[column], known.mean(), rtol=1e-9, atol=1e-9
            )
            np.testing.assert_allclose(
                summary.moments().deviation[column], known.std(), rtol=1e-6, atol=1e-9
            )
        else:
            assert np.isnan([summary.low[column], summary.high[column]]).all()


# The decisions are those of before ---------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(arrays())
def test_the_kinds_are_those_of_before(data):
    schema, X = data
    assert infer_kinds(Summary.of(X, schema)) == slow_kinds(X)
    assert infer_kinds(X) == slow_kinds(X)


@settings(max_examples=200, deadline=None)
@given(arrays(), st.data())
def test_the_scaling_is_that_of_before_to_the_last_bit(data, more):
    schema, X = data
    names = st.sampled_from(["standard", "center", "minmax", "none"])
    width = schema.module_shape[0]
    methods = more.draw(
        st.lists(names, min_size=1, max_size=1) | st.lists(names, min_size=width, max_size=width)
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statistics, "_CHUNK", 5 * schema.n_values)
        shift, scale = slow_scaler(X, schema, methods)
        scaler = fit_scaler(Summary.of(X, schema), schema, methods)
    # The sign of a zero is nothing that is seen.
    assert (scaler.shift + 0.0).tobytes() == (shift + 0.0).tobytes()
    assert scaler.scale.tobytes() == scale.tobytes()


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("methods", [["standard"], ["standard", "minmax", "standard", "none"] * 4])
@pytest.mark.parametrize("missing", [False, True])
def test_so_it_is_for_many_rows(order, methods, missing):
    X = np.random.default_rng(0).normal(3, 2, size=(300_001, 16))
    if missing:
        X[::7, 3] = np.nan
    X = np.asarray(X, order=order)
    schema = Schema((16,), "table")
    shift, scale = slow_scaler(X, schema, methods)
    scaler = fit_scaler(Summary.of(X, schema), schema, methods)
    assert scaler.shift.tobytes() == shift.tobytes()
    assert scaler.scale.tobytes() == scale.tobytes()


@settings(max_examples=100, deadline=None)
@given(cut(), st.sampled_from(["standard", "minmax", "none", "bytes", "levels:17"]))
def test_bounds_are_those_of_the_scaled_rows(data, method):
    schema, X, blocks = data
    summary = Summary(schema)
    for block in blocks:
        summary.update(block)
    scaler = fit_scaler(X, schema, [method])
    scaled = scaler.forward(X, schema)
    axes = (0, *range(2, scaled.ndim))
    bounds = scaler.bounds(summary)
    assert bounds.dtype == np.float32
    np.testing.assert_array_equal(bounds[0], np.fmin.reduce(scaled, axis=axes))
    np.testing.assert_array_equal(bounds[1], np.fmax.reduce(scaled, axis=axes))


@settings(max_examples=100, deadline=None)
@given(arrays())
def test_every_value_is_among_the_values(data):
    schema, X = data
    flat = np.moveaxis(schema.channels_first(X), 1, -1).reshape(-1, schema.module_shape[0])
    for summary in (Summary.of(X, schema), Summary(schema).update(X)):
        assert not summary.too_many().any()
        found = np.concatenate(list(summary.values()))
        for one, other in zip(found.T, flat.T, strict=True):
            one, other = one[~np.isnan(one)], other[~np.isnan(other)]
            assert set(one.tolist()) == set(other.astype(float).tolist())


def test_fractions_that_are_too_many_to_keep_are_said_to_be():
    X = np.column_stack([np.arange(40) / 7, np.arange(40.0), np.arange(40) % 3])
    summary = Summary(LAYOUTS["table"], most_levels=10).update(X)
    assert [levels is None for levels in summary.levels] == [True, True, False]
    assert summary.too_many().tolist() == [True, False, False]
    assert summary.update(X[:2]).levels[0] is None  # few again, but not in all
    (values,) = summary.values()
    np.testing.assert_array_equal(np.nanmax(values, axis=0), X.max(0))


# Rows and digest ---------------------------------------------------------------------------------


def test_the_rows_kept_are_a_fair_choice():
    X = np.arange(4000.0)[:, None]
    kept = KeptRows.of(X, Schema((1,), "table"), 0)
    assert len(kept.rows) == 16
    np.testing.assert_array_equal(kept.rows[:, 0], kept.numbers)
    means = [
        KeptRows.of(X, Schema((1,), "table"), 4000 * k).rows.mean() for k in range(200)
    ]  # 16 of 4000, without replacement: a deviation of 289
    assert np.mean(means) == pytest.approx(1999.5, abs=5 * 289 / np.sqrt(200))
    assert np.std(means) == pytest.approx(289, rel=0.3)


def test_rows_to_draw_from():
    X = np.arange(120.0).reshape(40, 3)
    schema = LAYOUTS["table"]
    assert Summary.of(X, schema).rows is X
    summary = Summary(schema).update(X)
    np.testing.assert_array_equal(summary.rows, X[summary.kept.numbers])


@settings(max_examples=100, deadline=None)
@given(cut(), st.data())
def test_another_row_is_another_digest(data, more):
    schema, X, _ = data
    other = X.copy()
    at = tuple(more.draw(st.integers(0, side - 1)) for side in X.shape)
    other[at] = not other[at] if X.dtype == bool else (0 if other[at] == 1 else 1)
    first = Summary.of(X, schema).digest
    assert Summary.of(other, schema).digest != first
    assert Summary.of(X[:-1], schema).digest != first
    moved = np.roll(X, 1, axis=0)
    if not np.array_equal(moved, X, equal_nan=X.dtype.kind == "f"):
        assert Summary.of(moved, schema).digest != first


def test_the_digest_knows_the_shape_and_not_the_dtype():
    X = np.arange(24.0).reshape(4, 6)
    schema = Schema((6,), "table")
    first = Digest.of(X, schema, 0).hexdigest()
    assert Digest.of(X.astype(np.float32), schema, 0).hexdigest() == first
    assert Digest.of(np.asfortranarray(X), schema, 0).hexdigest() == first
    image = Schema((3, 2), "image")
    assert Digest.of(X.reshape(4, 3, 2), image, 0).hexdigest() != first


# What is refused ---------------------------------------------------------------------------------


def test_a_block_is_looked_at_at_once():
    schema = LAYOUTS["table"]
    buffer = np.zeros((2, 3))
    summary = Summary(schema, digest=True).update(buffer)
    buffer[:] = 7.0
    summary.update(buffer)
    assert summary.low.tolist() == [0, 0, 0]
    assert summary.moments().mean.tolist() == [3.5] * 3
    assert summary.kept.rows.sum() == 42


def test_a_block_after_an_array_in_memory():
    schema = LAYOUTS["table"]
    X = np.arange(60.0).reshape(20, 3)
    summary = Summary.of(X[:9].copy(), schema).update(X[9:])
    assert_same(summary, Summary(schema, digest=True).update(X), X)


def test_what_does_not_go_together_is_refused():
    schema = LAYOUTS["table"]
    X = np.zeros((4, 3))
    with pytest.raises(InvalidInputError, match="expected samples of shape"):
        Summary(schema).update(np.zeros((4, 2)))
    for other in (Summary(schema).update(X), Summary(LAYOUTS["grey"], start=4)):
        with pytest.raises(InvalidInputError, match="from row 4; got"):
            Summary(schema).update(X).merge(other)
    with pytest.raises(InvalidInputError, match="digest=True"):
        _ = Summary(schema).update(X).digest
    with pytest.raises(InvalidInputError, match="no rows"):
        _ = Summary(schema).update(X[:0]).low
    assert Summary(schema).update(X).merge(Summary(schema, start=4)).n_rows == 4


def test_blocks_of_several_dtypes_are_of_the_wider_one():
    schema = LAYOUTS["table"]
    summary = Summary(schema).update(np.ones((2, 3), dtype=np.uint8))
    assert summary.dtype == np.uint8
    summary.update(np.full((2, 3), 0.5))
    assert summary.dtype == np.float64
    assert infer_kinds(summary) == ["unit"]


def test_the_scaler_of_many_blocks_is_that_of_one_up_to_rounding():
    schema = LAYOUTS["colour"]
    X = np.random.default_rng(0).normal(1e4, 2, size=(200, 2, 2, 3))
    summary = Summary(schema)
    for block in np.array_split(X, 9):
        summary.update(block)
    for method in ("standard", "minmax", "center"):
        one, other = fit_scaler(summary, schema, [method]), fit_scaler(X, schema, [method])
        np.testing.assert_allclose(one.shift, other.shift, rtol=1e-13)
        np.testing.assert_allclose(one.scale, other.scale, rtol=1e-9)
    assert scaling.fit_scaler(summary, schema, ["standard"]).method == "standard"
