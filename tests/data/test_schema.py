"""What a sample is, read off an array."""

from __future__ import annotations

import numpy as np
import pytest

from isthmus.data.schema import Schema, infer_kinds, infer_schema
from isthmus.errors import InvalidInputError

SHAPES = [
    # sample shape, layout, inside the network
    ((7,), "table", (7,)),
    ((140, 2), "signal", (2, 140)),
    ((28, 20), "image", (1, 28, 20)),
    ((28, 20, 3), "image", (3, 28, 20)),
    ((28, 20, 1), "image", (1, 28, 20)),
]


@pytest.mark.parametrize(("shape", "layout", "inside"), SHAPES)
def test_channels_go_first_and_come_back(shape, layout, inside):
    schema = Schema(shape, layout)
    assert schema.module_shape == inside
    assert schema.n_values == np.prod(shape)
    X = np.arange(3 * np.prod(shape)).reshape(3, *shape)
    first = schema.channels_first(X)
    assert first.shape == (3, *inside)
    assert np.shares_memory(first, X)  # views, both ways
    last = schema.channels_last(first)
    assert np.shares_memory(last, X)
    np.testing.assert_array_equal(last, X)
    if len(shape) > 1 and inside[0] == shape[-1]:
        np.testing.assert_array_equal(first[:, 0], X[..., 0])
        np.testing.assert_array_equal(first[:, -1], X[..., -1])


@pytest.mark.parametrize(
    ("shape", "dtype", "layout"),
    [
        ((5, 9), float, "table"),
        ((5, 140, 1), float, "signal"),
        ((5, 140, 7), float, "signal"),
        ((5, 28, 28), float, "image"),
        ((5, 64, 8), float, "image"),  # just: eight times as high as wide
        ((5, 65, 8), float, "signal"),
        ((5, 3, 8), float, "image"),
        ((5, 200, 3), np.uint8, "image"),  # bytes are pixels
        ((5, 8, 8, 3), float, "image"),
        ((5, 1, 1, 1), float, "image"),
    ],
)
def test_the_layout_of_an_array(shape, dtype, layout):
    schema = infer_schema(np.zeros(shape, dtype=dtype))
    assert schema == Schema(shape[1:], layout)


def test_the_layout_can_be_told():
    X = np.zeros((5, 28, 28))
    assert infer_schema(X, "signal").module_shape == (28, 28)
    assert infer_schema(X, "image").module_shape == (1, 28, 28)
    assert infer_schema(np.zeros((5, 3)), "table").layout == "table"


@pytest.mark.parametrize(
    ("shape", "layout", "words"),
    [
        ((5,), "auto", "got 1 axes"),
        ((5, 2, 2, 2, 2), "auto", "got 5 axes"),
        ((5, 3), "image", "can be table; got 'image'"),
        ((5, 3), "signal", "got 'signal'"),
        ((5, 8, 8), "table", "signal or image; got 'table'"),
        ((5, 8, 8, 3), "signal", "can be image; got 'signal'"),
    ],
)
def test_shapes_that_do_not_fit(shape, layout, words):
    with pytest.raises(InvalidInputError, match=words) as caught:
        infer_schema(np.zeros(shape), layout)
    assert "\n" not in str(caught.value)


rng = np.random.default_rng(0)
BINARY = rng.integers(0, 2, (50, 3))
FRACTIONS = rng.normal(size=(50, 2))
KINDS = {
    "booleans": (BINARY.astype(bool), ["binary"]),
    "integers 0 and 1": (BINARY, ["binary"]),
    "floats 0 and 1": (BINARY.astype(np.float32), ["binary"]),
    "bytes 0 and 1": (BINARY.astype(np.uint8), ["binary"]),
    "all zero": (np.zeros((5, 2)), ["binary"]),
    "all one": (np.ones((5, 2)), ["binary"]),
    "zero to one": (rng.random((50, 3)), ["unit"]),
    "all a half": (np.full((5, 2), 0.5), ["unit"]),
    "pixels": (rng.integers(0, 256, (50, 3)).astype(np.uint8), ["bytes"]),
    "dark pixels": (rng.integers(0, 11, (500, 3)).astype(np.uint8), ["bytes"]),
    "small bytes": (rng.integers(0, 4, (500, 3)).astype(np.uint8), ["classes:4"]),
    "ten classes": (rng.integers(0, 10, (500, 3)), ["classes:10"]),
    "eleven levels": (rng.integers(0, 11, (500, 3)), ["real"]),
    "classes as floats": (rng.integers(0, 3, (500, 3)).astype(float), ["classes:3"]),
    "minus one": (rng.integers(-1, 2, (500, 3)), ["real"]),
    "counts": (rng.integers(0, 1000, (50, 3)), ["real"]),
    "a wide and a narrow count": (np.column_stack([BINARY[:, 0], np.arange(50)]), ["real"]),
    "real": (FRACTIONS, ["real"]),
    "mixed": (
        np.column_stack([FRACTIONS, BINARY[:, 0], rng.permutation(50) % 4]),
        ["real", "real", "binary", "classes:4"],
    ),
    "mixed with counts": (
        np.column_stack([FRACTIONS[:, 0], np.arange(50)]),
        ["real"],
    ),
    "mixed with a constant": (np.column_stack([FRACTIONS[:, 0], np.ones(50)]), ["real"]),
    "images are of one kind": (np.stack([FRACTIONS, BINARY[:, :2]], axis=1), ["real"]),
    "one fraction at the end": (
        np.vstack([rng.integers(0, 3, (5000, 2)), [[0.5, 2.0]]]),
        ["real", "classes:3"],
    ),
}


@pytest.mark.parametrize("name", KINDS)
def test_the_kinds_of_values(name):
    X, kinds = KINDS[name]
    assert infer_kinds(X) == kinds


@pytest.mark.parametrize("name", [n for n, (X, _) in KINDS.items() if X.dtype.kind == "f"])
def test_missing_values_do_not_count(name):
    X, kinds = KINDS[name]
    X = X.copy()
    X[3] = np.nan  # a whole row, so that no column loses an extreme of its own
    if name == "one fraction at the end":
        assert infer_kinds(X) == kinds
    X[4, ..., 0] = np.nan
    assert infer_kinds(X) == kinds


def test_a_column_with_nothing_in_it_is_real():
    X = np.column_stack([FRACTIONS, np.full(50, np.nan)])
    assert infer_kinds(X) == ["real"]
