"""What a step minimises, as a module whose forward is the loss: for torch's own wrappers."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from isthmus.nn import AutoencoderModule, Losses
from isthmus.nn.record import Batch

__all__ = ["LossFunction", "Objective"]

# A loss that is not a method of the module, such as that of a walk along its chain.
LossFunction = Callable[[AutoencoderModule, Batch], Losses]


class Objective(nn.Module):
    """The losses of a module as a forward pass.

    The forward of an `AutoencoderModule` is its reconstruction. torch's DistributedDataParallel
    watches the forward of what it wraps, and so it wraps this: ``state.objective =
    DistributedDataParallel(state.objective)``.

    Parameters
    ----------
    module : AutoencoderModule
        Whose losses; shared, not copied.

    Examples
    --------
    >>> import torch
    >>> from isthmus.nn import Dense
    >>> objective = Objective(AutoencoderModule(Dense((4,), (2,)), Dense((2,), (4,))))
    >>> list(objective(Batch(torch.rand(8, 4))))
    ['reconstruction']
    """

    def __init__(self, module: AutoencoderModule) -> None:
        super().__init__()
        self.module = module

    def forward(self, batch: Batch, which: str | LossFunction = "losses") -> Losses:
        """Return named losses of a batch, in nats a sample.

        Parameters
        ----------
        batch : Batch
            Rows of the data, scaled, on the module's device.
        which : str or callable ``(module, batch) -> Losses``, default="losses"
            Which: a method of the module, such as "critic_losses", or a function of it.
        """
        if not isinstance(which, str):
            return which(self.module, batch)
        losses: Losses = getattr(self.module, which)(batch)
        return losses
