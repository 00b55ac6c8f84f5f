"""Why a row is odd: the surprise of each value, and what was expected in its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.cluster import AgglomerativeClustering
from torch import Tensor

from isthmus.applications.anomaly.evidence import evidence
from isthmus.applications.anomaly.scores import Reconstruction
from isthmus.models import BaseAutoencoder
from isthmus.models.inference import map_rows

__all__ = ["Explanation", "Reason", "expect", "group"]

_ROUNDS = 30
_SUSPECT = 4.5  # nats above what is usual: three standard deviations


@dataclass(frozen=True)
class Reason:
    """One value of one row that is not as expected.

    Attributes
    ----------
    feature : str
        Name of the column, or the position in an image or a window.
    value, expected : float, or what the column of a table holds
        In the units of the data; texts and dates as they are in the table.
    spread : float
        Standard deviation of the training rows around what is expected; NaN where there is none, as
        for classes and dates.
    contribution : float
        Surprise above what is usual for this value, in nats.
    """

    feature: str
    value: Any
    expected: Any
    spread: float
    contribution: float

    def __str__(self) -> str:
        if not np.isnan(self.spread):
            around = f"{self.expected:.4g} ± {self.spread:.3g}"
            return f"{self.feature} was {self.value:.4g}, expected {around}"
        about = "around " if isinstance(self.expected, np.datetime64) else ""
        return f"{self.feature} was {shown(self.value)}, expected {about}{shown(self.expected)}"


@dataclass(frozen=True)
class Explanation:
    """The reasons of some rows.

    Attributes
    ----------
    values : ndarray of shape (n, *sample_shape)
        The rows; of a table with texts and dates, its own values.
    contributions : ndarray of shape (n, *sample_shape)
        Surprise of each value above what is usual for it, in nats; around 0 for normal values, NaN
        where missing. Over an image it is a heat map, over a series the stretch of time.
    expected : ndarray of shape (n, *sample_shape)
        What the rest of the row lets one expect, in the units of the data: the row repaired.
    spread : ndarray of shape sample_shape or (n, *sample_shape)
        Standard deviation of the training rows around that; NaN for classes and dates.
    names : sequence of str
        Of the features; positions where they have no names.
    """

    values: NDArray[Any]
    contributions: NDArray[Any]
    expected: NDArray[Any]
    spread: NDArray[Any]
    names: Sequence[str]

    def __len__(self) -> int:
        return len(self.values)

    def reasons(self, row: int, most: int = 3) -> list[Reason]:
        """Return the values of a row that contribute most, largest first.

        Parameters
        ----------
        row : int
            Which row.
        most : int, default=3
            How many at most; values that are as usual, or as expected, are left out.
        """
        flat = np.nan_to_num(self.contributions[row].ravel(), nan=-np.inf)
        values, expected = self.values[row].ravel(), self.expected[row].ravel()
        spread = np.broadcast_to(self.spread, self.values.shape)[row].ravel()
        found: list[Reason] = []
        for i in np.argsort(-flat, kind="stable"):
            if flat[i] <= 0 or len(found) == most:
                break
            # The likeliest class may be less likely than it usually is: nothing to tell.
            if np.isnan(spread[i]) and shown(values[i]) == shown(expected[i]):
                continue
            what = (values[i], expected[i], float(spread[i]), float(flat[i]))
            found.append(Reason(self.names[i], *what))
        return found


def shown(value: Any) -> str:
    """Return a value of a table as people write it.

    Examples
    --------
    >>> shown("tcp"), shown(2.0), shown(None), shown(np.datetime64("2026-03-01T07:30:12"))
    ("'tcp'", '2', 'missing', '2026-03-01 07:30')
    """
    if value is None or value != value or type(value).__name__ in ("NAType", "NaTType"):
        return "missing"
    if hasattr(value, "to_datetime64"):
        value = value.to_datetime64()
    if isinstance(value, np.datetime64):
        return str(value.astype("datetime64[m]")).replace("T", " ")
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, int | float | np.number):
        return f"{float(value):.6g}"
    return f"'{value}'" if isinstance(value, str) else str(value)


def expect(
    member: BaseAutoencoder, x: Tensor, reference: Reconstruction, usual: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Repair rows step by step, and return how surprising their values then are.

    A reconstruction follows an odd value some of the way, and blames its neighbours for the rest.
    So the values that are furthest off are replaced by what the network makes of the others, and
    the row is reconstructed again, until no other value is far off.

    Parameters
    ----------
    member : estimator of the family
        Fitted.
    x : Tensor of shape (n, *module_shape)
        Scaled rows.
    reference : Reconstruction
        Fitted on the training rows of the member.
    usual : ndarray of shape (n_values,)
        Mean surprise of each value on the training rows, in nats.

    Returns
    -------
    contributions : ndarray of shape (n, n_values)
        In nats above what is usual; NaN where missing.
    expected : ndarray of shape (n, *module_shape)
        Scaled.
    """
    module = member.module_
    missing = torch.isnan(x)
    given, suspect = x, torch.zeros_like(missing)
    contributions = np.zeros((len(x), x[:1].numel()))
    expected = np.empty(tuple(x.shape), dtype=np.float32)
    for _ in range(_ROUNDS):
        expected = map_rows(module, module, given, None)
        contributions = _surprise(member, given, x, reference) - usual
        suspect = _suspects(contributions, suspect.flatten(1)).reshape(x.shape) & ~missing
        repaired = torch.where(suspect, torch.from_numpy(expected), x)
        if torch.equal(torch.nan_to_num(repaired), torch.nan_to_num(given)):
            break
        given = repaired
    return contributions, expected


def _suspects(contributions: NDArray[Any], before: Tensor) -> Tensor:
    """Return which values (n, n_values) are to be left out: the furthest off, and of those before.

    What is half as surprising as the worst may be its fault: the next round tells.
    """
    surprise = torch.from_numpy(np.nan_to_num(contributions, nan=-np.inf))
    rest = surprise.masked_fill(before, -torch.inf)
    worst = rest.max(dim=1, keepdim=True).values
    return (surprise > _SUSPECT) & (before | (rest > 0.5 * worst))


def _surprise(
    member: BaseAutoencoder, given: Tensor, x: Tensor, reference: Reconstruction
) -> NDArray[Any]:
    """Return −log p of the values of `x` where the network is given other ones."""
    if given is x:
        return reference.by_value(evidence(member, x).surprise)
    module = member.module_
    width = x[:1].numel()

    def look(part: Tensor, condition: Tensor | None) -> Tensor:
        shown, true = part[:, :width], part[:, width:]
        shown, true = (rows.reshape(-1, *x.shape[1:]) for rows in (shown, true))
        parameters = module.decode_parameters(module.encode(shown))
        known = torch.nan_to_num(true, nan=0.0)
        surprise = -module.likelihood.log_prob(parameters, known)
        return surprise.masked_fill(torch.isnan(true), torch.nan).flatten(1)

    both = torch.cat([given.flatten(1), x.flatten(1)], dim=1)
    return reference.by_value(map_rows(module, look, both, None))


def group(explanation: Explanation, similarity: float = 0.5) -> NDArray[np.int64]:
    """Put rows together that are odd for similar reasons.

    Rows are compared by the cosine between their contributions, negative ones set to 0, and
    clustered by average linkage.

    Parameters
    ----------
    explanation : Explanation
        Of the anomalies; a few thousand at most, since every pair is compared.
    similarity : float, default=0.5
        The mean cosine that rows of one group have at least.

    Returns
    -------
    ndarray of shape (n,), int64
        The number of each row's group; 0 is the largest.
    """
    n = len(explanation)
    if n < 2:
        return np.zeros(n, dtype=np.int64)
    profile = np.nan_to_num(explanation.contributions.reshape(n, -1), nan=0.0).clip(min=0)
    profile = np.log1p(profile)  # ten times as far off is the same reason
    profile += 1e-9
    profile /= np.linalg.norm(profile, axis=1, keepdims=True)
    model = AgglomerativeClustering(
        n_clusters=None, metric="cosine", linkage="average", distance_threshold=1 - similarity
    )
    labels = model.fit_predict(profile)
    names, counts = np.unique(labels, return_counts=True)
    rank = np.empty(len(names), dtype=np.int64)
    rank[np.argsort(-counts, kind="stable")] = np.arange(len(names))
    return np.asarray(rank[np.searchsorted(names, labels)])
