"""Constraints for the parameters of detectors, with errors in the form of this package's.

They stand beside the class (its attribute ``constraints``) and are checked by the function that
checks those of the estimators.
"""

from __future__ import annotations

import re
from numbers import Integral, Real
from typing import Any

from sklearn.utils._param_validation import Interval, Options, StrOptions

from isthmus.errors import InvalidInputError
from isthmus.models.base.parameters import check_parameters

__all__ = ["Choice", "Instance", "Number", "check_detector_parameters", "shown_value"]

_SAID = re.compile(r"The '(\w+)' parameter of \w+ must be (.*)\. Got (.*) instead\.", re.DOTALL)


class Number(Interval):
    """A number in an interval; True and False are none.

    Parameters
    ----------
    low : float
        Lower bound.
    high : float or None, default=None
        Upper bound; None for no bound.
    whole : bool, default=False
        Whether it must be a whole number.
    closed : {"both", "left", "right", "neither"}, default="both"
        Which bounds belong to the interval; "left" for one without an upper bound.

    Examples
    --------
    >>> str(Number(0, 1, closed="left")), str(Number(2, whole=True, closed="left"))
    ('a number from 0 to 1, below 1', 'a whole number of at least 2')
    """

    def __init__(
        self, low: float, high: float | None = None, *, whole: bool = False, closed: str = "both"
    ) -> None:
        super().__init__(Integral if whole else Real, low, high, closed=closed)

    def is_satisfied_by(self, val: Any) -> bool:
        """Whether a value is allowed."""
        return not isinstance(val, bool) and bool(super().is_satisfied_by(val))

    def __str__(self) -> str:
        word = "a whole number" if self.type is Integral else "a number"
        if self.right is None:
            return f"{word} of at least {self.left:g}"
        if self.closed == "neither":
            return f"{word} between {self.left:g} and {self.right:g}"
        ends = {"left": f", below {self.right:g}", "right": f", above {self.left:g}"}
        return f"{word} from {self.left:g} to {self.right:g}{ends.get(self.closed, '')}"


class Choice(StrOptions):
    """One of a few words.

    Parameters
    ----------
    *words : str
        The words, in the order in which an error names them.

    Examples
    --------
    >>> str(Choice("conformal", "pot")), str(Choice("a", "b", "c"))
    ("'conformal' or 'pot'", 'one of a, b, c')
    """

    def __init__(self, *words: str) -> None:
        super().__init__(set(words))
        self.words = words

    def __str__(self) -> str:
        if len(self.words) > 2:
            return f"one of {', '.join(self.words)}"
        return " or ".join(map(repr, self.words))


class Instance(Options):
    """An object of one of some classes.

    Parameters
    ----------
    said : str
        What an error says is expected.
    *kinds : type
        The classes.

    Examples
    --------
    >>> Instance("a list or a tuple", list, tuple).is_satisfied_by([1])
    True
    """

    def __init__(self, said: str, *kinds: type) -> None:
        super().__init__(type, set(kinds))
        self.said = said

    def is_satisfied_by(self, val: Any) -> bool:
        """Whether a value is allowed."""
        return isinstance(val, tuple(self.options))

    def __str__(self) -> str:
        return self.said


def check_detector_parameters(detector: Any) -> None:
    """Check the constructor arguments of a detector, each by itself.

    Parameters
    ----------
    detector : AnomalyDetector or SeriesDetector
        Its class has `constraints`.

    Raises
    ------
    InvalidInputError
        Names the argument, what was expected and what came.
    """
    try:
        check_parameters(
            detector.constraints, detector.get_params(deep=False), type(detector).__name__
        )
    except InvalidInputError as error:
        # scikit-learn's sentence, said as every other error of this package.
        if (parts := _SAID.fullmatch(str(error))) is None:
            raise
        name, expected, got = parts.groups()
        raise InvalidInputError(f"{name}: expected {expected}; got {got[:80]}") from None


def shown_value(value: Any) -> str:
    """Return a value as an error shows it: in one line, and not all of a long one."""
    return " ".join(repr(value).split())[:80]
