"""Turns at torch's global generator, for networks that draw from it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["global_random"]

# There is one global generator in a process: two fits in two threads would draw from each other's.
_TURN = threading.RLock()


@contextmanager
def global_random(enabled: bool = True) -> Iterator[None]:
    """Have torch's global generator to oneself, and leave it as it was.

    Threads that come here take turns. What is drawn within has to be seeded within.

    Parameters
    ----------
    enabled : bool, default=True
        Whether to do so at all: without, nothing happens.

    Examples
    --------
    >>> before = torch.get_rng_state()
    >>> with global_random():
    ...     _ = torch.manual_seed(0)
    >>> torch.equal(torch.get_rng_state(), before)
    True
    """
    if not enabled:
        yield
        return
    with _TURN, torch.random.fork_rng():
        yield
