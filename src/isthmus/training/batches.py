"""The data as a loop takes them: batches, whose order and noise are functions of numbers.

What a step is given depends on (seed, epoch, number of the batch) and on nothing that came before.
So a fit that was interrupted needs no state of a generator to go on, and several processes agree on
every batch without talking to each other.
"""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
import torch
from torch import Tensor

from isthmus.errors import InvalidInputError
from isthmus.nn.noise import Noise, seed_of
from isthmus.nn.record import Batch

__all__ = ["Batches", "TensorBatches", "count_batches"]


class Batches(Protocol):
    """The data of a fit: what `isthmus.training.train` asks of them.

    `TensorBatches` is the one for data in memory. Another, such as a stream, is any class with
    these methods.
    """

    def __len__(self) -> int:
        """Return the number of rows that are trained on in an epoch."""

    @property
    def form(self) -> Batch:
        """What a sample is like: a batch of no rows, with its shapes, dtypes and parts."""

    @property
    def held_out(self) -> Batches | None:
        """The rows that are held out; None where there are none."""

    def epoch(
        self, seed: int, epoch: int | None, batch_size: int, device: torch.device
    ) -> Iterator[Batch]:
        """Yield the batches of an epoch, as many as `count_batches` says.

        Parameters
        ----------
        seed : int
            The seed of the fit.
        epoch : int or None
            From 0; the order of the rows is a function of the seed and of this number. None is
            for evaluation: the rows in their own order, and the same noise each time.
        batch_size : int
            Rows a batch, over all processes.
        device : torch.device
            Where the batches are wanted.

        Yields
        ------
        Batch
            With `rows` and `noise`: the generator is one object, seeded anew for each batch.
        """

    def state(self) -> dict[str, float]:
        """Return the few numbers, if any, that a checkpoint keeps of the data."""

    def restore(self, state: Mapping[str, float]) -> None:
        """Go on from what `state` returned."""


def count_batches(n_rows: int, batch_size: int) -> int:
    """Return how many batches an epoch has.

    A single row left over joins the batch before it: batch normalisation has no variance of one.

    Parameters
    ----------
    n_rows : int
        Rows in an epoch.
    batch_size : int
        Rows a batch.

    Examples
    --------
    >>> count_batches(65, 32), count_batches(66, 32)
    (2, 3)
    """
    joins = n_rows > batch_size > 1 and n_rows % batch_size == 1
    return math.ceil(n_rows / batch_size) - joins


@dataclass
class TensorBatches:
    """Data in memory, sliced a batch at a time.

    Parameters
    ----------
    x : Tensor of shape (n, channels, ...), mapping of str to Tensor, or CSR matrix of scipy
        What is encoded, scaled. A CSR matrix becomes dense one batch at a time.
    condition : Tensor of shape (n, condition_dim), optional
        For conditional models.
    target : the same as `x`, optional
        What is to be decoded, where it is not `x`.
    weight : Tensor of shape (n,), optional
        How much each row counts.
    rows : Tensor of shape (n,), optional
        The numbers of the rows in the whole data, where these are some of them.
    held_out : TensorBatches, optional
        The rows that are held out; see also `split`.
    sparse : bool, default=False
        Whether batches of a CSR matrix stay sparse, as CSR tensors.
    part : tuple of (int, int), default=(0, 1)
        Which part of how many each batch is cut to; see `share`.

    Examples
    --------
    >>> data = TensorBatches(torch.arange(10.0)[:, None])
    >>> batches = data.epoch(0, 0, 4, torch.device("cpu"))
    >>> [len(batch) for batch in batches]
    [4, 4, 2]
    """

    x: Any
    condition: Tensor | None = None
    target: Any = None
    weight: Tensor | None = None
    rows: Tensor | None = None
    held_out: TensorBatches | None = None
    sparse: bool = False
    part: tuple[int, int] = (0, 1)

    def __len__(self) -> int:
        return len(Batch(self.x))

    @property
    def form(self) -> Batch:
        """A batch of no rows, with the shapes, dtypes and parts of all others."""
        return self._take(slice(0, 0), torch.zeros(0, dtype=torch.long), None)

    def epoch(
        self, seed: int, epoch: int | None, batch_size: int, device: torch.device
    ) -> Iterator[Batch]:
        """Yield the batches of an epoch, or, with None, all rows in their order; see `Batches`.

        Parameters
        ----------
        seed, epoch, batch_size, device
            As in `Batches.epoch`.
        """
        noise = Noise(device)
        n, key = len(self), -1 if epoch is None else epoch
        pieces: Sequence[Any]
        if epoch is None:
            ends = [*range(batch_size, n, batch_size)][: count_batches(n, batch_size) - 1]
            pieces = [slice(a, b) for a, b in zip([0, *ends], [*ends, n], strict=True)]
            numbers = torch.arange(n) if self.rows is None else self.rows
            names: Sequence[Tensor] = [numbers[piece] for piece in pieces]
        else:
            source = torch.Generator().manual_seed(seed_of(seed, epoch))
            order = torch.randperm(n, generator=source)
            pieces = _pieces(order, batch_size)
            names = pieces if self.rows is None else _pieces(self.rows[order], batch_size)
        elsewhere, shared = self._device != device, self.part != (0, 1)
        for number, (piece, name) in enumerate(zip(pieces, names, strict=True)):
            noise.manual_seed(seed_of(seed, key, number))
            if shared:
                piece, name = self._share(piece, name, noise)
            batch = self._take(piece, name, noise)
            yield batch.to(device) if elsewhere else batch

    def share(self, part: int, of: int) -> Self:
        """Return the data of one process of several: that part of each batch.

        The parts have the same number of rows, but for one more or less, and their noise is that of
        the same rows in the whole batch. So the mean of their gradients, weighted by rows, is the
        gradient of the whole batch. The held-out rows are whole for each.

        Parameters
        ----------
        part : int
            Which part, from 0.
        of : int
            How many parts; a batch needs a row for each.

        Raises
        ------
        InvalidInputError
            If there is no such part.
        """
        if not 0 <= part < of:
            raise InvalidInputError(f"part: expected a number from 0 to below {of}; got {part!r}")
        return dataclasses.replace(self, part=(part, of))

    def split(self, held_out: Any) -> Self:
        """Return these data with some rows held out.

        Parameters
        ----------
        held_out : array-like of bool of shape (n,)
            Which; see `isthmus.training.held_out`.
        """
        mask = torch.as_tensor(np.asarray(held_out, dtype=bool))
        numbers = torch.arange(len(self)) if self.rows is None else self.rows
        kept, out = ((~mask).nonzero()[:, 0], mask.nonzero()[:, 0])
        parts = {}
        for name, rows in (("kept", kept), ("out", out)):
            parts[name] = dataclasses.replace(
                self,
                x=_rows_of(self.x, rows),
                condition=_rows_of(self.condition, rows),
                target=_rows_of(self.target, rows),
                weight=_rows_of(self.weight, rows),
                rows=numbers[rows],
                held_out=None,
            )
        parts["kept"].held_out = dataclasses.replace(parts["out"], part=(0, 1))
        return parts["kept"]

    def to(self, device: torch.device) -> Self:
        """Return the data on a device, where they are sliced faster than they can be sent.

        A CSR matrix stays where it is: its batches are sent.
        """
        out = None if self.held_out is None else self.held_out.to(device)
        return dataclasses.replace(
            self,
            x=_on(self.x, device),
            condition=_on(self.condition, device),
            target=_on(self.target, device),
            weight=_on(self.weight, device),
            held_out=out,
        )

    def state(self) -> dict[str, float]:
        """Return nothing: seed and epoch say all."""
        return {}

    def restore(self, state: Mapping[str, float]) -> None:
        """Go on; there is nothing to restore."""

    @property
    def _device(self) -> torch.device:
        first = next(iter(self.x.values())) if isinstance(self.x, Mapping) else self.x
        return first.device if isinstance(first, Tensor) else torch.device("cpu")

    def _share(self, piece: Any, name: Tensor, noise: Noise) -> tuple[Any, Tensor]:
        part, of = self.part
        total = len(name)
        start, stop = total * part // of, total * (part + 1) // of
        if start == stop:
            raise InvalidInputError(
                f"batch_size: a batch of {total} rows cannot be shared by {of} processes; use "
                "larger batches or fewer processes"
            )
        noise.rows(start, stop - start, total)
        if isinstance(piece, slice):
            return slice(piece.start + start, piece.start + stop), name[start:stop]
        return piece[start:stop], name[start:stop]

    def _take(self, rows: Any, names: Tensor, noise: Noise | None) -> Batch:
        batch = Batch(_rows_of(self.x, rows, self.sparse, loaded=True), rows=names, noise=noise)
        if self.condition is not None:
            batch.condition = _rows_of(self.condition, rows)
        if self.target is not None:
            batch.target = _rows_of(self.target, rows, self.sparse, loaded=True)
        if self.weight is not None:
            batch.weight = _rows_of(self.weight, rows)
        return batch


def _pieces(order: Tensor, batch_size: int) -> Sequence[Tensor]:
    """Cut an order into batches; a single row left over joins the batch before."""
    n_rows = len(order)
    if n_rows > batch_size > 1 and n_rows % batch_size == 1:
        cut = (n_rows // batch_size - 1) * batch_size
        return [*(order[:cut].split(batch_size) if cut else ()), order[cut:]]
    pieces: Sequence[Tensor] = order.split(batch_size)
    return pieces


def _rows_of(part: Any, rows: Any, sparse: bool = False, *, loaded: bool = False) -> Any:
    """Return some rows of a part; those of a CSR matrix as a tensor where they are `loaded`."""
    if isinstance(part, Tensor):
        if isinstance(rows, Tensor) and part.device == rows.device:
            return part.index_select(0, rows)  # half the time of part[rows]
        return part[rows]
    if part is None:
        return None
    if isinstance(part, Mapping):
        return {k: _rows_of(entry, rows, sparse, loaded=loaded) for k, entry in part.items()}
    some = part[rows.numpy() if isinstance(rows, Tensor) else rows]
    if not loaded:
        return some
    if not sparse:
        return torch.from_numpy(some.toarray())
    offsets, columns, values = map(torch.from_numpy, (some.indptr, some.indices, some.data))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(
            offsets, columns, values, size=some.shape, check_invariants=True
        )


def _on(part: Any, device: torch.device) -> Any:
    if isinstance(part, Mapping):
        return {name: _on(entry, device) for name, entry in part.items()}
    return part.to(device) if isinstance(part, Tensor) else part
