"""Containers of data: numpy, pandas, polars and torch in, numpy inside, and back as they came."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.errors import InvalidInputError

__all__ = [
    "check_values",
    "frame_library",
    "in_one_line",
    "is_frame",
    "is_tensor",
    "like",
    "text_columns",
    "to_arrays",
]


def is_tensor(X: Any) -> bool:
    """Whether `X` is a torch tensor."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(X, torch.Tensor)


def is_frame(X: Any) -> bool:
    """Whether `X` is a pandas or polars DataFrame; neither is imported to find out."""
    return frame_library(X) is not None


def frame_library(X: Any) -> str | None:
    """Return "pandas" or "polars" for a DataFrame of theirs, None for anything else."""
    for name in ("pandas", "polars"):
        module = sys.modules.get(name)
        if module is not None and isinstance(X, getattr(module, "DataFrame", ())):
            return name
    return None


def to_arrays(X: Any) -> Any:
    """Return a torch tensor or a list of images as an array, and refuse text columns by name.

    Anything else is returned as it is, for scikit-learn's own validation.

    Raises
    ------
    InvalidInputError
        If a DataFrame has columns that are no numbers, or images differ in size.
    """
    if X is None or hasattr(X, "collect"):
        what = "None" if X is None else f"a lazy {type(X).__name__}; call .collect() first"
        raise InvalidInputError(f"X: expected an array or a DataFrame; got {what}")
    if type(X).__module__.startswith("torch.utils.data"):
        name = type(X).__name__
        remedy = (
            "pass its tensors, as in fit(*dataset.tensors)"
            if name == "TensorDataset"
            else "put its batches together, as in fit(torch.cat([batch for batch in loader]))"
        )
        raise InvalidInputError(f"X: expected an array; got a {name} of PyTorch; {remedy}")
    if isinstance(X, np.ma.MaskedArray):
        # Masked is missing, and not the value that lies under the mask.
        return np.ma.filled(X.astype(np.float64), np.nan) if np.ma.is_masked(X) else X.data
    if is_tensor(X):
        tensor = X.detach().cpu()
        return (tensor if tensor.dtype.itemsize != 2 else tensor.float()).numpy()
    if frame_library(X):
        if text := text_columns(X):
            shown = ", ".join(repr(name) for name in text[:5]) + (" …" if len(text) > 5 else "")
            raise InvalidInputError(
                f"X: expected numbers in every column; not numbers: {shown}; "
                "drop these columns or encode them (isthmus.data.table.TableEncoder)"
            )
        return X
    if isinstance(X, list | tuple) and len(X) and isinstance(X[0], np.ndarray):
        shapes = {np.shape(sample) for sample in X}
        if len(shapes) > 1:
            first, second = sorted(shapes)[:2]
            raise InvalidInputError(
                f"X: expected samples of one shape; got {first} and {second}; "
                "resize or crop them to one size first"
            )
        return np.stack(X)
    return X


def text_columns(X: Any) -> list[str]:
    """Return the names of the columns of a DataFrame that are no numbers; of others, none."""
    library = frame_library(X)
    if library is None:
        return []
    if library == "polars":
        return [
            name
            for name, dtype in zip(X.columns, X.dtypes, strict=True)
            if not (dtype.is_numeric() or str(dtype) in ("Boolean", "Null"))
        ]
    suspects = [
        name
        for name, dtype in zip(X.columns, X.dtypes, strict=True)
        if not (getattr(dtype, "kind", "O") in "biuf" or getattr(dtype, "_is_numeric", False))
    ]
    # An object column may hold nothing but numbers; scikit-learn converts it then.
    return [str(name) for name in suspects if not _converts(X[name])]


def _converts(column: Any) -> bool:
    if str(column.dtype) != "object":
        return False
    try:
        np.asarray(column, dtype=np.float64)
    except (TypeError, ValueError):
        return False
    return True


def check_values(
    array: NDArray[Any], *, allow_nan: bool, names: Sequence[str] | None = None
) -> None:
    """Refuse infinite values, and missing ones unless they are allowed, naming the first.

    Parameters
    ----------
    array : ndarray of shape (n, ...)
        The data.
    allow_nan : bool
        Whether NaN is allowed.
    names : sequence of str, optional
        Names of the columns.

    Raises
    ------
    InvalidInputError
        Names the row, the column and what to do.
    """
    if array.dtype.kind != "f":
        return
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(array.sum(dtype=np.float64)):
            return  # one pass, nothing allocated
    bad = np.isinf(array) if allow_nan else ~np.isfinite(array)
    if not bad.any():
        return
    row, *place = (int(i) for i in np.argwhere(bad)[0])
    value = array[(row, *place)]
    where = f"column {place[0]}" if len(place) == 1 else f"position {tuple(place)}"
    if names is not None and len(place) == 1:
        where = f"column {names[place[0]]!r}"
    count = int(bad.sum())
    what, remedy = "infinity", "replace or drop such values"
    if np.isnan(value):
        what, remedy = "NaN", "impute the missing values, or set missing='ignore'"
    raise InvalidInputError(
        f"X: expected finite numbers; got {what} in row {row}, {where}"
        f" ({count} such value{'s' if count > 1 else ''}); {remedy}"
    )


def in_one_line(error: ValueError | TypeError) -> str:
    """Return the message of scikit-learn's validation in a line, without the array it may print.

    Only what it says of the names of columns stays as it is: its own checks compare that text.
    """
    text = str(error)
    if text.startswith("Expected 2D"):
        first, *_, remedy = text.splitlines()
        return f"X: {first.rstrip(':')}. {remedy}"
    if text.startswith("Complex"):
        text = text.splitlines()[0]
    if not text.startswith("The feature names"):
        text = " ".join(text.split())
    return f"X: {text}" if not text.startswith("X") else text


def like(result: NDArray[Any], X: Any, columns: Sequence[str] | None = None) -> Any:
    """Return `result` in the container that `X` came in.

    Parameters
    ----------
    result : ndarray
        One row for each row of `X`.
    X : array, tensor or DataFrame
        What came in.
    columns : sequence of str, optional
        Names for the columns of a DataFrame; those of `X` where there are as many.

    Examples
    --------
    >>> import torch
    >>> like(np.zeros(2, dtype=np.float32), torch.ones(2))
    tensor([0., 0.])
    """
    if is_tensor(X):
        torch = sys.modules["torch"]
        return torch.from_numpy(np.ascontiguousarray(result)).to(X.device)
    library = frame_library(X)
    if library is None or result.ndim != 2:
        return result
    if columns is None and result.shape[1] == X.shape[1]:
        columns = X.columns
    names = list(columns) if columns is not None else [f"x{i}" for i in range(result.shape[1])]
    if library == "pandas":
        return sys.modules["pandas"].DataFrame(result, columns=names, index=X.index)
    return sys.modules["polars"].DataFrame(result, schema=names)
