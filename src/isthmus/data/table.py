"""Tables of numbers, flags, categories, dates and missing values as numbers for a network."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from isthmus.data._dates import Moment
from isthmus.data._fields import Field, field_from_json, field_to_json, fit_field
from isthmus.data._table_checks import (
    check_complete,
    check_finite,
    check_times,
    match_columns,
    report_unseen,
)
from isthmus.data.columns import Column, to_columns
from isthmus.data.containers import frame_library, text_columns
from isthmus.errors import InvalidInputError, require

__all__ = ["TableEncoder", "is_mixed"]


def is_mixed(X: Any) -> bool:
    """Whether a DataFrame has columns that are no numbers, which `TableEncoder` encodes.

    Examples
    --------
    >>> import pandas as pd
    >>> is_mixed(pd.DataFrame({"x": [1.5, 2.0]})), is_mixed(pd.DataFrame({"x": ["a", "b"]}))
    (False, True)
    """
    return bool(text_columns(X))


class TableEncoder(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Encode a table column by column, with the likelihood that goes with each encoded column.

    What a column becomes is decided in the fit, by these rules:

    ==============================  ================================================  =============
    column                          encoded                                           likelihood
    ==============================  ================================================  =============
    numbers                         as they are, or log(1 + x); see below             gaussian
    numbers of one or two values    0, 1; 2 for any other value                       categorical
    booleans                        0, 1                                              bernoulli
    text, categories                0 … K−1; K for any that the fit has not seen      categorical
    dates, ISO 8601 text included   seconds since the first; time of day and day of   gaussian
                                    week as sine and cosine
    ==============================  ================================================  =============

    The logarithm is for heavy tails: numbers without one below 0, whose skewness is above 3 and
    more than halved by it. A later number below 0 is mirrored.

    Time of day is encoded where the dates differ in it and span two days, day of week likewise
    over two weeks. Where the rows are in the order of their dates, the table is a log and the
    seconds are left out, since every later row lies beyond them.

    Categories beyond `max_categories` share one code, the rarest ones first. Missing values are NaN
    in the encoded table.

    Parameters
    ----------
    unknown : {"rare", "error"}, default="rare"
        What `transform` does with a category, or a value of a column of one or two, that the fit
        has not seen: "rare" warns and gives it the code K, which no row of the fit had and which
        costs a row about 50 nats ("categorical:K+1"); "error" refuses the table.
    max_categories : int, default=255
        Codes of one column at most, that of the never seen not counted.

    Attributes
    ----------
    likelihoods_ : list of str
        One name an encoded column: the `likelihood` of an estimator.
    origin_ : ndarray of int
        For each encoded column the index of the column that it came from.
    fields_ : list of Field
        What each column became.
    complete_ : list of bool
        Which columns had no missing value in the fit.
    names_ : list of str
        Names of the columns: "x0", "x1", … where they have none.
    n_features_in_, feature_names_in_
        Columns of the table, and their names where there are any.

    Examples
    --------
    >>> rows = [["tcp", 10.5, True], ["udp", 3.2, False], ["tcp", None, True], ["tcp", 7.1, True]]
    >>> encoder = TableEncoder()
    >>> encoder.fit_transform(rows)
    array([[ 0. , 10.5,  1. ],
           [ 1. ,  3.2,  0. ],
           [ 0. ,  nan,  1. ],
           [ 0. ,  7.1,  1. ]])
    >>> encoder.likelihoods_
    ['categorical:2+1', 'gaussian', 'bernoulli']
    """

    def __init__(self, *, unknown: str = "rare", max_categories: int = 255) -> None:
        self.unknown = unknown
        self.max_categories = max_categories

    def fit(self, X: Any, y: Any = None) -> Self:
        """Decide what each column becomes.

        Parameters
        ----------
        X : DataFrame of pandas or polars, or array-like of shape (n, columns)
            The table.
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        InvalidInputError
            If a parameter is not allowed, or a column cannot be used: no value at all, infinity,
            text of its own in most rows.
        """
        self._encode_new(X)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> NDArray[np.float64]:
        """Fit and return the encoded table of shape (n, encoded columns)."""
        columns = self._encode_new(X)
        return self._encode(columns)

    def _encode_new(self, X: Any) -> list[Column]:
        self._check_parameters()
        names, columns = to_columns(X)
        fields = []
        for i, column in enumerate(columns):
            check_finite(column)
            field, columns[i] = fit_field(column, int(self.max_categories))
            fields.append(field)
            if not field.likelihoods:
                warnings.warn(
                    f"column {column.name!r} is not used: the rows are in the order of its dates, "
                    "and these do not span two days, of which the time of day could be learned",
                    UserWarning,
                    stacklevel=3,
                )
        if not any(field.likelihoods for field in fields):
            raise InvalidInputError("X: expected a column of which something can be learned")
        complete = [not column.missing.any() for column in columns]
        self._adopt(fields, complete, names, frame_library(X))
        return columns

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Encode a table.

        Columns of a DataFrame are found by their names, in whatever order they are.

        Parameters
        ----------
        X : DataFrame of pandas or polars, or array-like of shape (n, columns)
            The table, with the columns of the fit.

        Returns
        -------
        ndarray of shape (n, encoded columns), float64
            NaN where a value is missing.

        Raises
        ------
        InvalidInputError
            If a column is absent, new, or of another kind than in the fit; if a value is infinite,
            or missing in a column of flags, dates or more than two numbers that had none missing in
            the fit; if every value of a row is missing; if a value was never seen and `unknown` is
            "error".

        Warns
        -----
        UserWarning
            If a value was never seen, or most dates lie outside those of the fit. In text, and in
            numbers of one or two values, a value that is missing where the fit had none missing is
            one never seen, and gets its code.
        """
        check_is_fitted(self, "fields_")
        self._check_parameters()
        known = getattr(self, "feature_names_in_", None)
        columns = match_columns(X, known, self.n_features_in_)
        columns = [
            column.to(field.kind) for column, field in zip(columns, self.fields_, strict=True)
        ]
        for column, field in zip(columns, self.fields_, strict=True):
            check_finite(column)
            if isinstance(field, Moment):
                check_times(column, field)
        nothing = np.logical_and.reduce([column.missing for column in columns])
        if nothing.any():
            raise InvalidInputError(
                f"X: expected rows with values in them; in row {int(nothing.argmax())} every value "
                f"is missing ({int(nothing.sum())} such rows); drop them"
            )
        return self._encode(columns, given=columns)

    def _encode(
        self, columns: Sequence[Column], given: Sequence[Column] | None = None
    ) -> NDArray[np.float64]:
        encoded = np.empty((len(columns[0].values), len(self.likelihoods_)))
        unseen = []
        for i, (column, field) in enumerate(zip(columns, self.fields_, strict=True)):
            codes = field.encode(column.values)
            if given is not None and (code := field.unseen) is not None:
                if self.complete_[i]:
                    codes[np.isnan(codes)] = code
                if (rows := np.flatnonzero(codes[:, 0] == code)).size:
                    unseen.append((column, rows))
            elif given is not None and self.complete_[i]:
                check_complete(column)
            encoded[:, self.origin_ == i] = codes
        if unseen:
            report_unseen(unseen, self.unknown)
        return encoded

    def inverse_transform(self, X: Any) -> Any:
        """Return a table of the values that encoded rows stand for.

        Parameters
        ----------
        X : array-like of shape (n, encoded columns)
            Encoded rows, for example what an estimator reconstructs.

        Returns
        -------
        DataFrame or ndarray of object
            The container of the fit. A category that shares its code is "(rare)", the code of the
            never seen "(never seen)"; dates of a log are text such as "Monday 14:05".
        """
        check_is_fitted(self, "fields_")
        codes = np.asarray(X, dtype=np.float64)
        if codes.ndim != 2 or codes.shape[1] != len(self.likelihoods_):
            raise InvalidInputError(
                f"X: expected encoded rows (n, {len(self.likelihoods_)}); got {codes.shape}"
            )
        values = [field.decode(codes[:, self.origin_ == i]) for i, field in enumerate(self.fields_)]
        by_name = dict(zip(self.names_, values, strict=True))
        if self._library == "pandas":
            return require("pandas", "table").DataFrame(by_name)
        if self._library == "polars":
            lists = {k: list(v) if v.dtype == object else v for k, v in by_name.items()}
            return require("polars", "table").DataFrame(lists, strict=False)
        table = np.empty((len(codes), len(values)), dtype=object)
        for i, value in enumerate(values):
            table[:, i] = value
        return table

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Return the names of the encoded columns, such as "when (time of day, sine)"."""
        check_is_fitted(self, "fields_")
        return np.asarray(
            [
                f"{name} ({part})" if part else name
                for name, field in zip(self.names_, self.fields_, strict=True)
                for part in field.parts
            ],
            dtype=object,
        )

    def to_json(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        check_is_fitted(self, "fields_")
        names = getattr(self, "feature_names_in_", None)
        return {
            "unknown": self.unknown,
            "max_categories": int(self.max_categories),
            "fields": [field_to_json(field) for field in self.fields_],
            "complete": list(self.complete_),
            "names": None if names is None else [str(name) for name in names],
            "library": self._library,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> TableEncoder:
        """Return the fitted encoder that `to_json` described.

        Raises
        ------
        InvalidInputError
            If no fit could have led to it.
        """
        encoder = cls(unknown=value["unknown"], max_categories=value["max_categories"])
        encoder._check_parameters()
        fields = [field_from_json(field) for field in value["fields"]]
        library = value["library"]
        if library not in (None, "pandas", "polars"):
            raise InvalidInputError(
                f"library: expected 'pandas', 'polars' or None; got {library!r}"
            )
        complete, names = value["complete"], value["names"]
        if not any(field.likelihoods for field in fields):
            raise InvalidInputError("fields: expected one of which something can be learned")
        if not _is_list(complete, bool) or len(complete) != len(fields):
            raise InvalidInputError(
                f"complete: expected True or False for each of {len(fields)} columns"
            )
        if names is not None and (
            not _is_list(names, str) or not len(set(names)) == len(names) == len(fields)
        ):
            raise InvalidInputError(f"names: expected {len(fields)} different ones")
        encoder._adopt(fields, complete, names, library)
        return encoder

    def _adopt(
        self,
        fields: list[Field],
        complete: list[bool],
        names: Sequence[str] | None,
        library: str | None,
    ) -> None:
        self.fields_ = fields
        self.complete_ = complete
        self.likelihoods_ = [name for field in fields for name in field.likelihoods]
        self.origin_ = np.repeat(np.arange(len(fields)), [len(f.likelihoods) for f in fields])
        self.n_features_in_ = len(fields)
        self._library = library
        if hasattr(self, "feature_names_in_"):
            delattr(self, "feature_names_in_")  # of a fit before, whose columns had names
        self.names_ = [f"x{i}" for i in range(len(fields))] if names is None else list(names)
        if names is not None:
            self.feature_names_in_ = np.asarray(names, dtype=object)

    def _check_parameters(self) -> None:
        if self.unknown not in ("rare", "error"):
            raise InvalidInputError(f"unknown: expected 'rare' or 'error'; got {self.unknown!r}")
        most = self.max_categories
        if isinstance(most, bool) or not isinstance(most, int | np.integer) or most < 2:
            raise InvalidInputError(
                f"max_categories: expected a whole number of at least 2; got {most!r}"
            )


def _is_list(value: Any, kind: type) -> bool:
    return isinstance(value, list) and all(isinstance(one, kind) for one in value)
