"""A fit on disk: from it a killed fit goes on to the same weights as one that never stopped.

Of random numbers it holds nothing: they are functions of the seed, the epoch and the batch.
"""

from __future__ import annotations

import hashlib
import os
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from isthmus._version import __version__
from isthmus.errors import InvalidInputError, ModelFileError
from isthmus.storage.container import read_tensor_file, write_tensor_file
from isthmus.training.checkpoint_schema import SCALARS, UnusableError, check_contents
from isthmus.training.history import History
from isthmus.training.step import TrainingState

__all__ = ["Checkpoint", "fingerprint"]

# 1 had no number, and held the states of generators; 2 knew a fit by the text of its parameters.
_FORMAT = 3


def fingerprint(description: str, *tensors: Tensor | None) -> str:
    """Return a digest of what a fit is made of: its settings and its data.

    Parameters
    ----------
    description : str
        The settings.
    *tensors : Tensor or None
        The data.

    Examples
    --------
    >>> import torch
    >>> fingerprint("a", torch.zeros(2)) == fingerprint("a", torch.ones(2))
    False
    """
    digest = hashlib.sha256(description.encode())
    for tensor in tensors:
        if tensor is not None:
            digest.update(repr(tuple(tensor.shape)).encode())
            digest.update(tensor.detach().cpu().contiguous().view(-1).numpy().data)
    return digest.hexdigest()


@dataclass
class Checkpoint:
    """Where, how often and for which fit the state is written.

    Parameters
    ----------
    path : path-like
        The file; written under another name first and then renamed.
    fingerprint : str
        What identifies the fit, see `fingerprint`; a file of another fit is refused.
    interval : float, default=10.0
        Seconds between two writes, at the end of an epoch. The end of the fit is always written.
    """

    path: str | os.PathLike[str]
    fingerprint: str
    interval: float = 10.0
    _written: float = field(default_factory=time.monotonic, repr=False)

    def save_if_due(self, state: TrainingState) -> None:
        """Write the state if the interval has passed or the fit has ended.

        Weights that are no numbers any more are not written: the fit will fail in its next epoch,
        and the file keeps the last state from which that can be seen again.
        """
        if state.outcome or time.monotonic() - self._written >= self.interval:
            if any(parameter.isnan().any() for parameter in state.module.parameters()):
                return
            self.save(state)
            self._written = time.monotonic()

    def save(self, state: TrainingState) -> None:
        """Write the state now."""
        optimizer = state.optimizer.state_dict()
        tensors = {f"module.{k}": v for k, v in state.module.state_dict().items()}
        tensors |= {f"best.{k}": v for k, v in state.best.items()}
        tensors |= {
            f"optimizer.{index}.{name}": torch.as_tensor(value)
            for index, moments in optimizer["state"].items()
            for name, value in moments.items()
            if value is not None
        }
        header: dict[str, Any] = {"format": _FORMAT, "version": __version__}
        header |= {name: getattr(state, name) for name in SCALARS}
        header["history"] = state.history.records
        header["fingerprint"] = self.fingerprint
        write_tensor_file(self.path, "checkpoint", header, tensors)

    def restore(self, state: TrainingState) -> bool:
        """Put the file's state into `state`, if there is a file; return whether there was.

        Parameters
        ----------
        state : TrainingState
            As it is at the beginning of the same fit. Another `max_epochs` may be asked for.

        Raises
        ------
        InvalidInputError
            If the file belongs to a fit with other settings or other data.
        ModelFileError
            If the file is damaged, or of another format.

        Warns
        -----
        UserWarning
            If the file is of a fit with another `max_epochs`.
        """
        if not Path(self.path).exists():
            return False
        header, tensors = read_tensor_file(self.path, "checkpoint")
        found = header.get("format", 1)
        if type(found) is not int or found != _FORMAT:
            shown = found if type(found) is int and 0 < found < 1000 else "unknown"
            raise ModelFileError(
                f"{self.path} is a checkpoint of format {shown}, written by Isthmus "
                f"{_version_of(header)}; this is Isthmus {__version__}, which reads format "
                f"{_FORMAT}: delete the file to begin anew"
            )
        if header.get("fingerprint") != self.fingerprint:
            raise InvalidInputError(
                f"checkpoint: {str(self.path)!r} belongs to a fit with other settings or other "
                "data; delete it to begin anew, or name another file"
            )
        try:
            check_contents(header, tensors, state)
        except UnusableError as error:
            raise ModelFileError(
                f"{self.path} cannot be resumed from ({error}); delete it to begin anew"
            ) from error
        wanted = state.max_epochs
        self._apply(header, tensors, state)
        if state.max_epochs != wanted:
            warnings.warn(
                f"checkpoint: {str(self.path)!r} is of a fit with max_epochs={state.max_epochs}; "
                f"it goes on by the schedule of {wanted}, which is not that fit continued",
                UserWarning,
                stacklevel=3,
            )
            state.max_epochs = wanted
        return True

    def _apply(
        self, header: dict[str, Any], tensors: dict[str, Tensor], state: TrainingState
    ) -> None:
        def part(prefix: str) -> dict[str, Tensor]:
            return {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}

        state.module.load_state_dict(part("module."))
        device = next(state.module.parameters()).device
        state.best = {k: v.to(device) for k, v in part("best.").items()}
        moments: dict[int, dict[str, Tensor]] = {}
        for key, value in part("optimizer.").items():
            index, name = key.split(".", 1)
            moments.setdefault(int(index), {})[name] = value
        groups = state.optimizer.state_dict()["param_groups"]
        state.optimizer.load_state_dict({"state": moments, "param_groups": groups})
        state.history = History(header["history"])
        for name in SCALARS:
            setattr(state, name, header[name])


def _version_of(header: dict[str, Any]) -> str:
    """Return the version that wrote a file, if what stands there looks like one."""
    version = header.get("version", "before formats had numbers")
    plain = isinstance(version, str) and len(version) <= 40 and version.isascii()
    return version if plain and version.isprintable() else "of unknown version"
