"""The choice of the device that a fit runs on."""

from __future__ import annotations

import torch

from isthmus.errors import InvalidInputError

__all__ = ["choose_device"]


def choose_device(name: str | torch.device) -> torch.device:
    """Return the device of a name, or the device itself; "auto" is a GPU where there is one.

    Raises
    ------
    InvalidInputError
        If this machine has no such device.

    Examples
    --------
    >>> choose_device("cpu")
    device(type='cpu')
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
        torch.Generator(device)  # not every device that holds numbers can draw them
    except (RuntimeError, AssertionError) as error:
        raise InvalidInputError(
            f"device: {str(name)!r} cannot be used here ({str(error).splitlines()[0]}); "
            "use device='auto' or 'cpu'"
        ) from error
    return device
