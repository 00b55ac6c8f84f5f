"""How many bytes of tensors a computation holds at its peak, measured while it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

__all__ = ["peak_bytes"]


class _Watch(TorchDispatchMode):
    """Add up the storages that operations have made and that are still alive."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak: int = 0
        self._sizes: dict[StorageWeakRef, int] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = {_reference(tensor) for tensor in _tensors((args, kwargs))}
        result = func(*args, **(kwargs or {}))
        self._sizes = {ref: size for ref, size in self._sizes.items() if not ref.expired()}
        for tensor in _tensors(result):
            reference = _reference(tensor)
            if reference not in given:  # a view, or what is written in place, is not new
                self._sizes[reference] = tensor.untyped_storage().nbytes()
        self.peak = max(self.peak, sum(self._sizes.values()))
        return result


def _tensors(tree: Any) -> list[torch.Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


def _reference(tensor: torch.Tensor) -> StorageWeakRef:
    return StorageWeakRef(tensor.untyped_storage())


def peak_bytes(function: Callable[[], object]) -> int:
    """Run a function; return the largest number of bytes of the tensors it made that were alive.

    What a kernel allocates for itself while it runs does not count.

    Examples
    --------
    >>> peak_bytes(lambda: torch.zeros(1000).add(1).sum())
    8000
    """
    watch = _Watch()
    with watch:
        function()
    return watch.peak
