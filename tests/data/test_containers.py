"""Containers: what comes in as an array, and what goes out as it came."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

from isthmus.data.containers import check_values, is_frame, is_tensor, like, to_arrays
from isthmus.errors import InvalidInputError

X = np.arange(12.0, dtype=np.float32).reshape(4, 3)


def test_what_is_what():
    assert is_tensor(torch.ones(2))
    assert not is_tensor(X)
    assert is_frame(pd.DataFrame(X))
    assert is_frame(pl.DataFrame(X))
    for other in (X, torch.ones(2), pd.Series([1]), pl.Series([1]), [1], None, "text"):
        assert not is_frame(other)


def test_libraries_are_not_imported_to_find_out():
    code = (
        "import sys, numpy\nfrom isthmus.data.containers import is_frame, is_tensor, like\n"
        "x = numpy.zeros((2, 2)); is_frame(x); is_tensor(x); like(x, x)\n"
        "print([m for m in ('torch', 'pandas', 'polars') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "tensor",
    [
        torch.from_numpy(X),
        torch.from_numpy(X).double().requires_grad_(),
        torch.from_numpy(X).half(),
        torch.from_numpy(X).bfloat16(),
        torch.from_numpy(X).to(torch.uint8),
        torch.from_numpy(X).long(),
        torch.from_numpy(X.T.copy()).T,
    ],
    ids=["float", "double with gradient", "half", "bfloat16", "bytes", "long", "transposed"],
)
def test_tensors_become_arrays(tensor):
    array = to_arrays(tensor)
    assert type(array) is np.ndarray
    np.testing.assert_array_equal(array.astype(np.float32), X)
    assert (array.dtype == np.uint8) == (tensor.dtype == torch.uint8)  # bytes mean something


def test_sixteen_bit_integers_keep_all_their_digits():
    values = torch.arange(-(2**15), 2**15, dtype=torch.int16)[:, None]
    np.testing.assert_array_equal(to_arrays(values), np.arange(-(2**15), 2**15)[:, None])


def test_a_list_of_images_becomes_a_batch():
    images = [np.full((3, 4), i, dtype=np.uint8) for i in range(5)]
    batch = to_arrays(images)
    assert batch.shape == (5, 3, 4)
    assert batch.dtype == np.uint8
    assert to_arrays(tuple(images)).shape == (5, 3, 4)
    with pytest.raises(InvalidInputError, match=r"got \(3, 4\) and \(5, 4\); resize"):
        to_arrays([*images, np.zeros((5, 4))])


def test_other_things_pass_untouched():
    for thing in (X, [[1, 2], [3, 4]], "text", []):
        assert to_arrays(thing) is thing


FRAMES = {
    "pandas text": (pd.DataFrame({"a": [1.0], "b": ["x"]}), "'b'"),
    "pandas object": (pd.DataFrame({"a": pd.Series([1, "x"], dtype=object)}), "'a'"),
    "pandas category": (pd.DataFrame({"a": pd.Categorical([1, 2])}), "'a'"),
    "pandas dates": (pd.DataFrame({"a": pd.to_datetime(["2020-01-01"])}), "'a'"),
    "pandas durations": (pd.DataFrame({"a": pd.to_timedelta(["1 day"])}), "'a'"),
    "pandas complex": (pd.DataFrame({"a": [1j]}), "'a'"),
    "many": (pd.DataFrame({f"c{i}": ["x"] for i in range(9)}), "'c0', 'c1', .* …"),
    "numbered column": (pd.DataFrame({3: ["x"]}), "'?3"),
    "polars text": (pl.DataFrame({"a": [1.0], "b": ["x"]}), "'b'"),
    "polars dates": (pl.DataFrame({"a": [pd.Timestamp("2020-01-01")]}), "'a'"),
    "polars lists": (pl.DataFrame({"a": [[1, 2]]}), "'a'"),
    "polars category": (pl.DataFrame({"a": pl.Series(["x"], dtype=pl.Categorical)}), "'a'"),
}


@pytest.mark.parametrize("name", FRAMES)
def test_columns_that_are_no_numbers_are_named(name):
    frame, words = FRAMES[name]
    with pytest.raises(InvalidInputError, match=f"not numbers: {words}") as caught:
        to_arrays(frame)
    assert "\n" not in str(caught.value)


def test_columns_that_are_numbers_pass():
    frames = [
        pd.DataFrame({"a": [1, 2], "b": [True, False], "c": [0.5, None]}),
        pd.DataFrame({"a": [1, 2]}, dtype="Int64"),
        pd.DataFrame({"a": [True, False]}, dtype="boolean"),
        pd.DataFrame({"a": [1, 2.5]}, dtype=object),
        pd.DataFrame({"a": [1.5, 2]}, dtype="float32[pyarrow]"),
        pl.DataFrame({"a": [1, 2], "b": [True, False], "c": [0.5, None]}),
        pl.DataFrame({"a": [None, None]}),
    ]
    for frame in frames:
        assert to_arrays(frame) is frame


# Values ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_finite_values_pass(dtype):
    check_values(np.ones((3, 2), dtype=dtype), allow_nan=False)
    check_values(np.full((3, 2), np.finfo(dtype).max, dtype=dtype), allow_nan=False)
    with_nan = np.ones((3, 2), dtype=dtype)
    with_nan[0, 0] = np.nan
    check_values(with_nan, allow_nan=True)


def test_integers_are_always_finite():
    check_values(np.full((3, 2), np.iinfo(np.int64).max), allow_nan=False)
    check_values(np.ones((3, 2), dtype=bool), allow_nan=False)


@pytest.mark.parametrize(
    ("value", "allow", "words"),
    [
        (np.nan, False, r"NaN in row 4, column 1 \(1 such value\); .*missing='ignore'"),
        (np.inf, False, r"infinity in row 4, column 1 \(1 such value\)"),
        (-np.inf, True, "infinity in row 4, column 1"),
    ],
)
def test_the_first_bad_value_is_named(value, allow, words):
    array = np.ones((9, 3))
    array[4, 1] = value
    if allow:
        array[0, 0] = np.nan
    with pytest.raises(InvalidInputError, match=words) as caught:
        check_values(array, allow_nan=allow)
    assert "\n" not in str(caught.value)
    with pytest.raises(InvalidInputError, match="column 'width'"):
        check_values(array, allow_nan=allow, names=["height", "width", "depth"])


def test_several_bad_values_are_counted():
    array = np.ones((5, 4, 3))
    array[2, 1, 0] = array[3, 0, 2] = np.nan
    with pytest.raises(InvalidInputError, match=r"row 2, position \(1, 0\) \(2 such values\)"):
        check_values(array, allow_nan=False)


# The way out -------------------------------------------------------------------------------------


def test_a_tensor_comes_back_as_a_tensor():
    result = like(X, torch.zeros(1, dtype=torch.float64))
    assert isinstance(result, torch.Tensor)
    assert result.dtype == torch.float32
    np.testing.assert_array_equal(result.numpy(), X)
    like(X[:, ::-1], torch.zeros(1))  # torch knows no negative strides
    assert like(np.zeros((2, 3, 4)), torch.zeros(1)).shape == (2, 3, 4)


def test_frames_come_back_with_names_and_index():
    index = pd.Index(["p", "q", "r", "s"], name="row")
    frame = pd.DataFrame(X, index=index)
    result = like(X, frame, ["a", "b", "c"])
    assert list(result.columns) == ["a", "b", "c"]
    assert result.index.equals(index)
    result = like(X, pl.DataFrame(X), ["a", "b", "c"])
    assert result.columns == ["a", "b", "c"]
    frame = pl.DataFrame(X, schema=["u", "v", "w"])
    assert like(X, frame).columns == ["u", "v", "w"]  # as many columns: those of the frame
    assert list(like(X[:, :2], frame).columns) == ["x0", "x1"]
    assert type(like(X[:, 0], pd.DataFrame(X))) is np.ndarray


def test_arrays_and_lists_come_back_as_arrays():
    assert like(X, X) is X
    assert like(X, X.tolist()) is X
