"""What a column of a mixed table becomes: numbers for a network, and a likelihood for each."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from isthmus.data._dates import Moment, fit_moment
from isthmus.data.columns import Column, is_iso_dates
from isthmus.errors import InvalidInputError

__all__ = [
    "Amount",
    "Category",
    "Field",
    "Flag",
    "Levels",
    "field_from_json",
    "fit_field",
]

RARE = "(rare)"
NEVER_SEEN = "(never seen)"
_SKEWED = 3.0  # an exponential distribution has a skewness of 2


class Field(Protocol):
    """How one column is encoded; a dataclass of what JSON can hold."""

    kind: ClassVar[str]

    @property
    def likelihoods(self) -> list[str]:
        """One name an encoded column."""

    @property
    def parts(self) -> list[str]:
        """What each encoded column is of it; "" for the value itself."""

    @property
    def unseen(self) -> int | None:
        """The code that stands for what the fit has never seen, where there is one."""

    def encode(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Return (n, encoded columns); NaN where missing."""

    def decode(self, codes: NDArray[np.float64]) -> NDArray[Any]:
        """Return values (n,) from (n, encoded columns)."""


@dataclass(frozen=True)
class Amount:
    """A number; with `log` the log of 1 plus it, mirrored for numbers below 0."""

    log: bool

    kind: ClassVar[str] = "number"
    unseen: ClassVar[None] = None
    likelihoods: ClassVar[list[str]] = ["gaussian"]

    @property
    def parts(self) -> list[str]:
        return ["log"] if self.log else [""]

    def encode(self, values: NDArray[Any]) -> NDArray[np.float64]:
        if self.log:
            values = np.sign(values) * np.log1p(np.abs(values))
        return np.asarray(values, dtype=np.float64)[:, None]

    def decode(self, codes: NDArray[np.float64]) -> NDArray[Any]:
        code = codes[:, 0]
        return np.sign(code) * np.expm1(np.abs(code)) if self.log else code.copy()


@dataclass(frozen=True)
class Levels:
    """A number that has one or two values in the fit; any other is one never seen."""

    levels: list[float]

    kind: ClassVar[str] = "number"
    parts: ClassVar[list[str]] = [""]

    @property
    def unseen(self) -> int:
        return len(self.levels)

    @property
    def likelihoods(self) -> list[str]:
        return [f"categorical:{len(self.levels)}+1"]

    def encode(self, values: NDArray[Any]) -> NDArray[np.float64]:
        codes = np.full(len(values), float(self.unseen))
        for code, level in enumerate(self.levels):
            codes[values == level] = code
        codes[np.isnan(values)] = np.nan
        return codes[:, None]

    def decode(self, codes: NDArray[np.float64]) -> NDArray[Any]:
        return _look_up([*self.levels, NEVER_SEEN], codes[:, 0])


@dataclass(frozen=True)
class Flag:
    """True or False."""

    kind: ClassVar[str] = "flag"
    unseen: ClassVar[None] = None
    likelihoods: ClassVar[list[str]] = ["bernoulli"]
    parts: ClassVar[list[str]] = [""]

    def encode(self, values: NDArray[Any]) -> NDArray[np.float64]:
        return np.asarray(values, dtype=np.float64)[:, None]

    def decode(self, codes: NDArray[np.float64]) -> NDArray[Any]:
        return _look_up([False, True], codes[:, 0].clip(0, 1))


@dataclass(frozen=True)
class Category:
    """One of several texts; several rare ones may share a code."""

    codes: dict[str, int]

    kind: ClassVar[str] = "text"
    parts: ClassVar[list[str]] = [""]

    @property
    def unseen(self) -> int:
        return max(self.codes.values()) + 1

    @property
    def likelihoods(self) -> list[str]:
        return [f"categorical:{self.unseen}+1"]

    def encode(self, values: NDArray[Any]) -> NDArray[np.float64]:
        codes: dict[Any, float] = {None: np.nan, **self.codes}
        unseen = float(self.unseen)
        return np.array([[codes.get(value, unseen)] for value in values.tolist()])

    def decode(self, codes: NDArray[np.float64]) -> NDArray[Any]:
        names = [""] * self.unseen
        for name, code in self.codes.items():
            names[code] = name if not names[code] else RARE
        return _look_up([*names, NEVER_SEEN], codes[:, 0])


_KINDS: dict[str, type[Field]] = {
    cls.__name__.lower(): cls for cls in (Amount, Levels, Flag, Category, Moment)
}


def field_to_json(field: Field) -> dict[str, Any]:
    """Return what JSON can hold."""
    return {"field": type(field).__name__.lower(), **dataclasses.asdict(field)}  # type: ignore[call-overload]


def field_from_json(value: Mapping[str, Any]) -> Field:
    """Return the field that `field_to_json` described.

    Raises
    ------
    InvalidInputError
        If no fit could have led to it.
    """
    name = value["field"]
    if name not in _KINDS:
        raise InvalidInputError(f"fields: expected one of {', '.join(_KINDS)}; got {name!r}")
    try:
        field = _KINDS[name](**{k: v for k, v in value.items() if k != "field"})
        sound = _is_sound(field)
    except (TypeError, ValueError):
        sound = False
    if not sound:
        raise InvalidInputError(f"fields: {name} is not what a fit writes")
    return field


def _is_sound(field: Field) -> bool:
    if isinstance(field, Amount):
        return isinstance(field.log, bool)
    if isinstance(field, Levels):
        levels = field.levels
        numbers = isinstance(levels, list) and {type(level) for level in levels} == {float}
        return numbers and len(set(levels)) == len(levels) <= 2 and bool(np.isfinite(levels).all())
    if isinstance(field, Category):
        codes = list(field.codes.values()) if isinstance(field.codes, dict) else []
        # As many as there are, however large they say they are.
        return {type(code) for code in codes} == {int} and set(codes) == set(range(len(set(codes))))
    if isinstance(field, Moment):
        texts = (field.first, field.last, "" if field.zone is None else field.zone)
        chosen = (field.elapsed, field.day, field.week)
        typed = all(isinstance(t, str) for t in texts) and all(isinstance(c, bool) for c in chosen)
        # NaT is not before anything.
        return typed and bool(np.datetime64(field.first, "us") <= np.datetime64(field.last, "us"))
    return isinstance(field, Flag)


def fit_field(column: Column, max_categories: int) -> tuple[Field, Column]:
    """Decide what a column is; the rules are those of `isthmus.data.table.TableEncoder`.

    Returns
    -------
    field : Field
        How it is encoded.
    column : Column
        As it is to be encoded: text of dates has become times.

    Raises
    ------
    InvalidInputError
        If it has no value, or is text of its own in most rows.
    """
    missing = column.missing
    if missing.all():
        raise InvalidInputError(
            f"X: expected values in column {column.name!r}; every one is missing; drop the column"
        )
    if column.kind == "text" and is_iso_dates(column.values):
        column = column.to("time")
    known = column.values[~missing]
    if column.kind == "time":
        return fit_moment(known, column.zone), column
    if column.kind == "text":
        return _fit_category(known, column.name, max_categories), column
    if column.kind == "flag":
        return Flag(), column
    levels = np.unique(known[:1000])
    if len(levels) <= 2 and len(levels := np.unique(known)) <= 2:
        return Levels(levels.tolist()), column
    return Amount(_is_heavy_tailed(known)), column


def _is_heavy_tailed(known: NDArray[np.float64]) -> bool:
    if known.min() < 0:
        return False
    skewness = _skewness(known)
    return skewness > _SKEWED and abs(_skewness(np.log1p(known))) < skewness / 2


def _skewness(values: NDArray[np.float64]) -> float:
    centred = values / np.abs(values).max()  # no overflow in the third power
    centred = centred - centred.mean()
    deviation = np.sqrt(np.mean(centred**2))
    return float(np.mean((centred / deviation) ** 3)) if deviation > 0 else 0.0


def _fit_category(known: NDArray[Any], name: str | int, max_categories: int) -> Category:
    from sklearn.preprocessing import OrdinalEncoder

    encoder = OrdinalEncoder(max_categories=max_categories).fit(known[:, None])
    labels = encoder.categories_[0]
    if len(known) >= 20 and len(labels) > len(known) / 2:
        raise InvalidInputError(
            f"X: expected categories in column {name!r}; got {len(labels)} different texts in "
            f"{len(known)} rows, such as {str(labels[0])[:40]!r}: names of rows say nothing of "
            "what is normal; drop the column"
        )
    codes = encoder.transform(labels[:, None])[:, 0]
    return Category({str(label): int(code) for label, code in zip(labels, codes, strict=True)})


def _look_up(values: Sequence[Any], codes: NDArray[np.float64]) -> NDArray[Any]:
    """Return the value of each code, None where it is missing."""
    found = np.empty(len(codes), dtype=object)
    for row in np.flatnonzero(np.isfinite(codes)):
        found[row] = values[min(max(round(float(codes[row])), 0), len(values) - 1)]
    return found
