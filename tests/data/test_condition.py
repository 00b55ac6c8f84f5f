"""The condition y: classes one-hot, amounts standardised."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

from isthmus.data.condition import ConditionEncoder, fit_condition
from isthmus.errors import InvalidInputError

CLASSES = {
    "text": (["b", "a", "b"], ["a", "b"]),
    "numpy text": (np.array(["b", "a", "b"]), ["a", "b"]),
    "objects": (np.array(["b", "a", "b"], dtype=object), ["a", "b"]),
    "booleans": ([True, False, True], [False, True]),
    "integers": ([3, 1, 3], [1, 3]),
    "whole floats": ([3.0, 1.0, 3.0], [1.0, 3.0]),
    "a column": (np.array([[3], [1], [3]]), [1, 3]),
    "pandas": (pd.Series(["b", "a", "b"]), ["a", "b"]),
    "pandas category": (pd.Series(["b", "a", "b"], dtype="category"), ["a", "b"]),
    "pandas frame": (pd.DataFrame({"y": [3, 1, 3]}), [1, 3]),
    "polars": (pl.Series(["b", "a", "b"]), ["a", "b"]),
    "torch": (torch.tensor([3, 1, 3]), [1, 3]),
    "one class": (["a", "a", "a"], ["a"]),
}


@pytest.mark.parametrize("name", CLASSES)
def test_classes_are_one_hot(name):
    y, classes = CLASSES[name]
    encoder = fit_condition(y, 3)
    assert encoder.classes == classes
    assert encoder.dim == len(classes)
    codes = encoder.encode(y, 3)
    assert codes.dtype == np.float32
    assert codes.shape == (3, len(classes))
    np.testing.assert_array_equal(codes.sum(1), 1)
    np.testing.assert_array_equal(codes.argmax(1), [len(classes) - 1, 0, len(classes) - 1])


@pytest.mark.parametrize("name", CLASSES)
def test_json_keeps_the_encoder(name):
    y, _ = CLASSES[name]
    encoder = fit_condition(y, 3)
    again = ConditionEncoder.from_json(json.loads(json.dumps(encoder.to_json())))
    assert again == encoder
    np.testing.assert_array_equal(again.encode(y, 3), encoder.encode(y, 3))


def test_a_number_is_the_same_class_whatever_its_type():
    encoder = fit_condition(np.array([0, 1, 2]), 3)
    for y in ([2, 0], [2.0, 0.0], np.array([2, 0], dtype=np.uint8), torch.tensor([2, 0])):
        np.testing.assert_array_equal(encoder.encode(y, 2), [[0, 0, 1], [1, 0, 0]])


@pytest.mark.parametrize("shape", [(50,), (50, 1), (50, 3)])
def test_amounts_are_standardised(shape):
    y = np.random.default_rng(0).normal(5, 3, size=shape)
    encoder = fit_condition(y, 50)
    assert encoder.classes is None
    assert encoder.dim == (shape[1] if len(shape) == 2 else 1)
    codes = encoder.encode(y, 50)
    np.testing.assert_allclose(codes.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(codes.std(0), 1, rtol=1e-5)
    again = ConditionEncoder.from_json(json.loads(json.dumps(encoder.to_json())))
    np.testing.assert_array_equal(again.encode(y, 50), codes)


def test_a_constant_amount_is_zero():
    y = np.column_stack([np.full(5, 2.5), np.arange(5) + 0.5])
    codes = fit_condition(y, 5).encode(y, 5)
    np.testing.assert_array_equal(codes[:, 0], 0)


def test_several_columns_of_whole_numbers_are_amounts():
    y = np.arange(10).reshape(5, 2)
    assert fit_condition(y, 5).dim == 2


BAD = {
    "none": (None, "y: .*needs y"),
    "short": (["a"], "expected 3 values.*got 1"),
    "scalar": ("a", "y: "),
    "number": (3, "y: "),
    "NaN": ([0.5, np.nan, 1.5], "finite"),
    "NaN among whole numbers": ([1.0, np.nan, 2.0], "finite"),
    "infinity": ([0.5, np.inf, 1.5], "finite"),
    "text in columns": ([["a", "b"]] * 3, "numbers"),
    "three axes": (np.full((3, 2, 2), 0.5), "y: "),
    "none among labels": (np.array(["a", None, "b"], dtype=object), "y: "),
    "NaN among labels": (pd.Series(["a", np.nan, "b"]), "y: "),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_conditions_at_the_fit(name):
    y, words = BAD[name]
    with pytest.raises(InvalidInputError, match=words) as caught:
        fit_condition(y, 3)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("fitted", "y", "words"),
    [
        (["a", "b"], None, "needs y"),
        (["a", "b"], ["a", "c"], "'c' in row 1 was not among .*'a', 'b'"),
        (["a", "b"], ["a"], "expected 2 values.*got 1"),
        (["a", "b"], "a", "y: "),
        (["a", "b"], [1, 2], "1 in row 0"),
        ([1, 2], [1, 1.5], "1.5 in row 1"),
        ([0.5, 1.5], [[1.0, 2.0]] * 2, "expected 1 columns; got 2"),
        ([0.5, 1.5], ["a", "b"], "numbers"),
        ([0.5, 1.5], [0.5, np.nan], "finite"),
    ],
)
def test_bad_conditions_after_the_fit(fitted, y, words):
    encoder = fit_condition(fitted, 2)
    with pytest.raises(InvalidInputError, match=words) as caught:
        encoder.encode(y, 2)
    assert "\n" not in str(caught.value)


def test_an_error_does_not_list_a_thousand_classes():
    encoder = fit_condition(np.arange(1000), 1000)
    with pytest.raises(InvalidInputError) as caught:
        encoder.encode([-1], 1)
    assert len(str(caught.value)) < 300
