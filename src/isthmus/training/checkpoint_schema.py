"""What a checkpoint has to hold, and the check of a file against it before anything is changed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from isthmus.training.step import TrainingState

__all__ = ["SCALARS", "UnusableError", "check_contents"]

_LARGEST = 2**53  # of whole numbers: beyond it they are no numbers of epochs, and no float is exact
_NEEDED = ("epoch", "loss", "learning_rate", "seconds")  # in the record of an epoch
_ENDS = ("epochs", "early stopping", "callback")
# The moments of each optimiser that `new_state` makes; a weight without a gradient has none.
_MOMENTS: dict[type[torch.optim.Optimizer], tuple[str, ...]] = {
    torch.optim.Adam: ("step", "exp_avg", "exp_avg_sq"),
    torch.optim.AdamW: ("step", "exp_avg", "exp_avg_sq"),
    torch.optim.SGD: ("momentum_buffer",),
}


class UnusableError(Exception):
    """What a checkpoint holds is no state of a fit; the message says in a few words why."""


def _is_whole(value: Any, low: int) -> bool:
    return type(value) is int and low <= value <= _LARGEST


def _is_number(value: Any) -> bool:
    return type(value) is float or (type(value) is int and abs(value) <= _LARGEST)


def _is_finite(value: Any, low: float = -math.inf) -> bool:
    return _is_number(value) and math.isfinite(value) and value >= low


# The numbers and words of a state, and what each may be.
SCALARS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "max_epochs": ("a whole number of at least 1", lambda v: _is_whole(v, 1)),
    "epoch": ("a whole number of at least 1", lambda v: _is_whole(v, 1)),
    "steps": ("a whole number of at least 1", lambda v: _is_whole(v, 1)),
    "rate_scale": ("a number above 0, at most 1", lambda v: _is_finite(v) and 0 < v <= 1),
    "best_value": ("a finite number", _is_finite),
    "best_epoch": ("a whole number of at least 1", lambda v: _is_whole(v, 1)),
    "waited": ("a whole number of at least 0", lambda v: _is_whole(v, 0)),
    "seconds": ("a finite number of at least 0", lambda v: _is_finite(v, 0)),
    "outcome": ("empty or a way to end", lambda v: isinstance(v, str) and v in ("", *_ENDS)),
    "data": (
        "names with finite numbers",
        lambda v: isinstance(v, dict) and all(_is_finite(entry) for entry in v.values()),
    ),
}


def check_contents(
    header: Mapping[str, Any], tensors: Mapping[str, Tensor], state: TrainingState
) -> None:
    """Check all that a checkpoint holds, so that it can be put into a state.

    Parameters
    ----------
    header : mapping
        The file's header, as JSON gave it.
    tensors : mapping of str to Tensor
        The file's tensors: ``module.NAME``, ``best.NAME`` and ``optimizer.INDEX.MOMENT``.
    state : TrainingState
        As it is at the beginning of the fit; not changed.

    Raises
    ------
    UnusableError
        If something is missing, has another type or shape, or cannot be.
    """
    for name, (expected, holds) in SCALARS.items():
        if name not in header:
            raise UnusableError(f"it has no {name!r}")
        if not holds(header[name]):
            raise UnusableError(f"{name!r} is not {expected}")
    _check_history(header)
    _check_together(header, state.epoch)
    _check_tensors(tensors, state)


def _check_history(header: Mapping[str, Any]) -> None:
    records = header.get("history")
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise UnusableError("'history' is not a list of records")
    if len(records) != header["epoch"]:
        raise UnusableError(f"'epoch' is {header['epoch']}, with {len(records)} records of epochs")
    for number, record in enumerate(records, 1):
        if not all(map(_is_number, record.values())):
            raise UnusableError(f"the record of epoch {number} holds what is no number")
        if not all(_is_finite(record.get(name)) for name in _NEEDED) or record["epoch"] != number:
            raise UnusableError(f"the record of epoch {number} is not one")


def _check_together(header: Mapping[str, Any], begun: int) -> None:
    epoch, outcome = header["epoch"], header["outcome"]
    if header["best_epoch"] > epoch or header["waited"] > epoch or header["steps"] < epoch:
        raise UnusableError("its numbers of epochs and steps cannot be true together")
    if (outcome == "" and epoch - begun >= header["max_epochs"]) or (
        outcome == "epochs" and epoch - begun < header["max_epochs"]
    ):
        raise UnusableError(
            f"'outcome' is {outcome!r} after {epoch} of {header['max_epochs']} epochs"
        )


def _check_tensors(tensors: Mapping[str, Tensor], state: TrainingState) -> None:
    own = state.module.state_dict()
    weights = {f"{part}.{name}": t for part in ("module", "best") for name, t in own.items()}
    moments = _moments(state.optimizer)
    for name in weights:
        if name not in tensors:
            raise UnusableError(f"it has no {name!r}")
    for name, tensor in tensors.items():
        if name in weights:
            _check_like(name, tensor, weights[name])
            # A mask of the user's own may be infinite; what the module has finite stays finite.
            if bool((~tensor.isfinite() & weights[name].isfinite().cpu()).any()):
                raise UnusableError(f"{name!r} is not finite")
        elif name in moments:
            _check_moment(name, tensor, moments[name])
        else:
            raise UnusableError(f"this fit has no {name!r}")
    _check_whole_moments(tensors, moments)


def _moments(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the names of all moments there may be, and what each looks like."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    return {
        f"optimizer.{index}.{moment}": torch.zeros(()) if moment == "step" else parameter.detach()
        for index, parameter in enumerate(parameters)
        for moment in _MOMENTS[type(optimizer)]
    }


def _check_like(name: str, tensor: Tensor, expected: Tensor) -> None:
    found, wanted = ((tuple(t.shape), str(t.dtype)) for t in (tensor, expected))
    if found != wanted:
        raise UnusableError(f"{name!r} is of {found[1]}{found[0]}, not {wanted[1]}{wanted[0]}")


def _check_moment(name: str, tensor: Tensor, expected: Tensor) -> None:
    _check_like(name, tensor, expected)
    moment = name.rpartition(".")[2]
    # Squares may have overflowed, which stops that weight and harms nothing.
    possible = not bool(tensor.isnan().any())
    if moment == "step":
        possible = 1 <= float(tensor) <= _LARGEST and float(tensor).is_integer()
    elif moment == "exp_avg_sq":
        possible = possible and bool((tensor >= 0).all())
    if not possible:
        raise UnusableError(f"{name!r} cannot be")


def _check_whole_moments(tensors: Mapping[str, Tensor], moments: Mapping[str, Tensor]) -> None:
    """Refuse a weight with some of its moments and not the others."""
    for index in {name.rpartition(".")[0] for name in tensors if name in moments}:
        for name in moments:
            if name.rpartition(".")[0] == index and name not in tensors:
                raise UnusableError(f"it has no {name!r}")
