"""The reasons that the members of a detector give: what each value adds, and what was expected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isthmus.applications.anomaly.explanation import Explanation
from isthmus.applications.anomaly.rows.ensemble import Member
from isthmus.applications.anomaly.scores import Reconstruction, evidence
from isthmus.data.table import TableEncoder
from isthmus.models import BaseAutoencoder
from isthmus.models.base.inference import map_rows

__all__ = ["explain", "in_columns"]

_ROUNDS = 30
_SUSPECT = 4.5  # nats above what is usual: three standard deviations


def explain(members: Sequence[Member], array: NDArray[Any], names: Sequence[str]) -> Explanation:
    """Return the reasons that the members give together: the mean of each of theirs.

    Parameters
    ----------
    members : sequence of Member
        Each with a decoder.
    array : ndarray of shape (n, *sample_shape)
        The rows, in the units of the data.
    names : sequence of str
        Names of the values of a sample.
    """
    contributions, expected = [], []
    for member in members:
        assert member.reference is not None
        estimator = member.autoencoder
        nats, repaired = _repaired(estimator, member.scaled(array), member.reference, member.usual)
        schema = estimator.schema_
        contributions.append(np.ascontiguousarray(schema.channels_last(nats)))
        expected.append(estimator.scaler_.backward(repaired, schema, np.float64))
    spread: NDArray[Any] = np.mean([member.spread for member in members], axis=0)
    # Classes have no mean: what the first member expects stands for all.
    mean = np.mean(expected, axis=0, dtype=np.float64)
    together = np.where(np.isnan(spread), expected[0], mean)
    return Explanation(array, np.mean(contributions, axis=0), together, spread, names)


def _repaired(
    member: BaseAutoencoder, x: Tensor, reference: Reconstruction, usual: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Repair rows step by step, and return how surprising their values then are.

    A reconstruction follows an unusual value some of the way, and blames its neighbours for the
    rest. So the values that are furthest off are replaced by what the network makes of the others,
    and the row is reconstructed again, until no other value is far off.

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
    contributions : ndarray of shape (n, *module_shape)
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
    return contributions.reshape(tuple(x.shape)), expected


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


def in_columns(explanation: Explanation, encoder: TableEncoder, frame: Any) -> Explanation:
    """Return the explanation of encoded rows as one of the columns that they came from.

    A column may be encoded by several numbers, as a date is: what these contribute adds up.

    Parameters
    ----------
    explanation : Explanation
        The explanation of the encoded rows.
    encoder : TableEncoder
        Fitted.
    frame : DataFrame of pandas or polars
        The rows as they came.

    Returns
    -------
    Explanation
        Values and expectations are objects: numbers, texts, dates.
    """
    n, n_columns = len(explanation), len(encoder.fields_)
    nats = np.zeros((n, n_columns))
    np.add.at(nats.T, encoder.origin_, np.nan_to_num(explanation.contributions).T)
    values, expected = (np.empty((n, n_columns), dtype=object) for _ in range(2))
    spread = np.full((n, n_columns), np.nan)
    for i, (name, field) in enumerate(zip(encoder.names_, encoder.fields_, strict=True)):
        own = encoder.origin_ == i
        values[:, i] = list(frame[name])
        expected[:, i] = list(field.decode(explanation.expected[:, own]))
        if len(field.likelihoods) == 1 and field.likelihoods[0] == "gaussian":
            missing = [value is None or value != value for value in values[:, i]]
            spread[:, i] = np.where(missing, np.nan, _spread(field, expected, explanation, own, i))
    return Explanation(values, nats, expected, spread, list(encoder.names_))


def _spread(
    field: Any, expected: NDArray[Any], explanation: Explanation, own: NDArray[Any], i: int
) -> NDArray[np.float64]:
    """Return the spread of a number in its own units; of a logarithm it depends on the number."""
    around = float(explanation.spread[own][0])
    if not getattr(field, "log", False):
        return np.full(len(expected), around)
    code = np.log1p(np.abs(expected[:, i].astype(np.float64)))
    return np.asarray((np.expm1(code + around) - np.expm1(np.maximum(code - around, 0.0))) / 2)
