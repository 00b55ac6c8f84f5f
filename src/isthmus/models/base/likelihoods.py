"""Likelihoods by name: which one data get, and the module that is made from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from isthmus.errors import InvalidInputError
from isthmus.nn import LIKELIHOODS, Likelihood, Mixed, Spec

__all__ = [
    "COUNTED",
    "NAMES",
    "LikelihoodSpec",
    "choose_likelihood",
    "counts",
    "make_likelihood",
    "spec_of_name",
]

# A name, a list of [name, columns] for a table with several, or a part with its options.
LikelihoodSpec = str | list[tuple[str, list[int]]] | Spec

# Short names of likelihoods with an option.
_SHORT = {
    "gaussian_learned_scale": Spec("gaussian", {"scale": "learned"}),
    "gaussian_predicted_scale": Spec("gaussian", {"scale": "predicted"}),
}
NAMES = (
    "gaussian",
    *_SHORT,
    "laplace",
    "bernoulli",
    "continuous_bernoulli",
    "categorical",
    "discretized_logistic",
)

COUNTED = ("categorical", "discretized_logistic")


def counts(name: str, kind: str) -> bool:
    """Tell whether a name is `kind`:K, K a whole number of at least 2.

    Parameters
    ----------
    name : str
        The name of a likelihood.
    kind : str
        The likelihood that has a number of classes or levels.
    """
    start, _, count = name.partition(":")
    return start == kind and count.isascii() and count.isdigit() and int(count) >= 2


def make_likelihood(spec: LikelihoodSpec) -> Likelihood:
    """Return the likelihood that a specification names.

    Parameters
    ----------
    spec : str, list of (str, list of int) or Spec
        "gaussian", "gaussian_learned_scale", "gaussian_predicted_scale", "laplace", "bernoulli",
        "continuous_bernoulli", "discretized_logistic:K", "categorical:K", "categorical:K+1" for K
        classes and one that no training row has, a name of one's own that is registered, or such
        names with the columns they are for.

    Raises
    ------
    InvalidInputError
        If there is no such likelihood.

    Examples
    --------
    >>> make_likelihood("categorical:3")
    Categorical(n_classes=3)
    """
    if isinstance(spec, list):
        return Mixed([(make_likelihood(name), columns) for name, columns in spec])
    likelihood: Likelihood = LIKELIHOODS.make(
        spec if isinstance(spec, Spec) else spec_of_name(spec)
    )
    return likelihood


def spec_of_name(name: str) -> Spec:
    """Return the spec of a likelihood's name, which may hold a number of classes or levels.

    Raises
    ------
    InvalidInputError
        If there is no such likelihood.

    Examples
    --------
    >>> spec_of_name("categorical:3"), spec_of_name("gaussian_learned_scale")
    (Spec(name='categorical', options={'n_classes': 3, 'never_seen': False}),
     Spec(name='gaussian', options={'scale': 'learned'}))
    """
    start, _, count = name.partition(":")
    if start == "categorical":
        classes = count.removesuffix("+1")
        if classes.isdigit():
            extra = len(count) - len(classes) > 0
            return Spec(start, {"n_classes": int(classes) + extra, "never_seen": extra})
    if start == "discretized_logistic" and count.isdigit():
        return Spec(start, {"n_levels": int(count)})
    known = start in LIKELIHOODS and start not in (*COUNTED, "mixed")
    if count or not (name in _SHORT or known):
        plain = [each for each in NAMES if each not in COUNTED]
        raise InvalidInputError(
            f"likelihood: expected one of {', '.join(plain)}, categorical:K, "
            f"discretized_logistic:K; got {name!r}"
        )
    return _SHORT.get(name, Spec(name))


def choose_likelihood(
    likelihood: Any,
    scaling: str | None,
    kinds: Sequence[str],
    n_columns: int,
    gaussian: str,
) -> tuple[Any, list[str]]:
    """Decide the likelihood and the scaling of each column.

    Parameters
    ----------
    likelihood, scaling
        As the user gave them.
    kinds : sequence of str
        See `isthmus.data.schema.infer_kinds`; for a list of likelihoods, those of
        `isthmus.data.schema.column_ranges`.
    n_columns : int
        Columns of the table (1 where all values are of one kind).
    gaussian : str
        Which Gaussian is the automatic one of this estimator.

    Returns
    -------
    likelihood : str or list
        See `make_likelihood`.
    scaling : list of str
        One method, or one a column.

    Raises
    ------
    InvalidInputError
        If the values cannot have that likelihood.

    Examples
    --------
    >>> choose_likelihood("auto", "auto", ["real"], 1, "gaussian")
    ('gaussian', ['robust'])
    >>> choose_likelihood("auto", "auto", ["real", "binary", "real"], 3, "gaussian")
    ([('gaussian', [0, 2]), ('bernoulli', [1])], ['robust', 'none', 'robust'])
    >>> choose_likelihood(["laplace", "categorical:70"], "auto", ["real"] * 2, 2, "gaussian")
    ([('laplace', [0]), ('categorical:70', [1])], ['robust', 'none'])
    """
    if isinstance(likelihood, tuple) and len(likelihood) == 2 and isinstance(likelihood[1], dict):
        likelihood = Spec(str(likelihood[0]), likelihood[1])
    if isinstance(likelihood, Likelihood | Spec):
        return _of_a_part(likelihood, scaling, kinds)
    if not isinstance(likelihood, str):
        return _one_a_column([str(name) for name in likelihood], scaling, kinds)
    if likelihood == "categorical":
        if not all(kind == "binary" or kind.startswith("classes") for kind in kinds):
            raise InvalidInputError(
                "likelihood: 'categorical' needs whole numbers from 0 to 9; got other values; "
                "encode the classes as 0 … K−1, name their number if there are more (such as "
                "'categorical:13'), or choose another likelihood"
            )
        most = max(2 if kind == "binary" else int(kind.partition(":")[2]) for kind in kinds)
        return f"categorical:{most}", ["none"]
    if counts(likelihood, "categorical"):
        return likelihood, ["none"]
    if likelihood.startswith("discretized_logistic"):
        return _levels(likelihood, scaling, kinds)
    if likelihood == "auto" and len(set(kinds)) > 1:
        names = [_by_kind(kind, gaussian) for kind in kinds]
        return _grouped(names), [_scale_of(scaling, kind, "auto") for kind in kinds]
    if likelihood == "auto":
        chosen = _by_kind(kinds[0], gaussian)
        return chosen, [_scale_of(scaling, kinds[0], chosen)]
    kind = kinds[0] if len(set(kinds)) == 1 else "real"
    if kind.startswith("classes"):
        kind = "real"
    return likelihood, [_scale_of(scaling, kind, likelihood)]


def _of_a_part(
    part: Likelihood | Spec, scaling: str | None, kinds: Sequence[str]
) -> tuple[Spec, list[str]]:
    """Return the spec of a likelihood that was handed in, and a scaling into its support."""
    made = part if isinstance(part, Likelihood) else make_likelihood(part)
    spec = part.spec if isinstance(part, Likelihood) else part
    if isinstance(part, Likelihood) and LIKELIHOODS.name_of(part) is None:
        spec = Spec("custom")
    kind = kinds[0] if len(set(kinds)) == 1 and not kinds[0].startswith("classes") else "real"
    bounded = "bernoulli" if made.support == (0.0, 1.0) else "gaussian"
    return spec, [_scale_of(scaling, kind, bounded)]


def _levels(likelihood: str, scaling: str | None, kinds: Sequence[str]) -> tuple[str, list[str]]:
    """Fractions from 0 to 1 are levels as they are; whole numbers are divided by the last one."""
    if likelihood == "discretized_logistic":
        if set(kinds) != {"bytes"}:
            raise InvalidInputError(
                "likelihood: 'discretized_logistic' alone is for bytes; for other data name the "
                "number of levels, such as 'discretized_logistic:17' for the whole numbers 0 to 16"
            )
        likelihood += ":256"
    if scaling in ("robust", "standard", "center", "minmax"):
        raise InvalidInputError(
            f"scaling: levels are brought to 0 … 1 by their number; set it to 'auto'; got "
            f"{scaling!r}"
        )
    kept = scaling is None or {*kinds} <= {"binary", "unit"}
    return likelihood, ["none" if kept else likelihood.replace("discretized_logistic", "levels")]


def _one_a_column(
    names: Sequence[str], scaling: str | None, kinds: Sequence[str]
) -> tuple[Any, list[str]]:
    """Classes and what lies in a bounded likelihood's interval stay; the rest is scaled."""
    if len(names) != len(kinds):
        raise InvalidInputError(
            f"likelihood: expected one name a column, {len(kinds)} of them; got {len(names)}"
        )
    scales = []
    for name, kind in zip(names, kinds, strict=True):
        if name.startswith("discretized_logistic"):
            scales += _levels(name, None if scaling is None else "auto", [kind])[1]
            continue
        kept = name.startswith("categorical") or ("bernoulli" in name and kind == "unit")
        scales.append("none" if kept else _scale_of(scaling, "real", name))
    groups = _grouped(names)
    return (groups[0][0] if len(groups) == 1 else groups), scales


def _grouped(names: Sequence[str]) -> list[tuple[str, list[int]]]:
    """Return each name with the columns that have it."""
    return [
        (name, [i for i, other in enumerate(names) if other == name])
        for name in dict.fromkeys(names)
    ]


def _by_kind(kind: str, gaussian: str) -> str:
    if kind.startswith("classes"):
        return kind.replace("classes", "categorical")
    return gaussian if kind == "real" else "bernoulli"


def _scale_of(scaling: str | None, kind: str, likelihood: str) -> str:
    bounded = likelihood in ("bernoulli", "continuous_bernoulli")
    if kind.startswith("classes") or (kind == "binary" and likelihood == "auto"):
        return "none"
    if scaling is None:
        return "none"
    if scaling != "auto":
        return scaling
    if kind == "bytes":
        return "bytes"
    if kind in ("binary", "unit"):
        return "none"
    return "minmax" if bounded else "robust"
