"""Save and load what is fitted: every class that Isthmus stores is known here.

The file itself is `isthmus.storage.model_file`, which knows no class: those of this package are
registered by the rooms that `load` imports, and nothing that a file names is ever imported.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from isthmus import storage
from isthmus.storage import FORMAT_VERSION, KIND, describe, save

if TYPE_CHECKING:
    from torch import nn

    from isthmus.models.base import BaseAutoencoder

__all__ = ["FORMAT_VERSION", "KIND", "describe", "load", "save"]


def load(
    path: str | os.PathLike[str],
    *,
    network: tuple[nn.Module, nn.Module] | None = None,
    parts: Mapping[str, Any] | None = None,
    estimator: type[BaseAutoencoder] | None = None,
    device: str = "auto",
) -> Any:
    """Read a fitted estimator from a file that `save` wrote.

    Parameters
    ----------
    path : path-like
        The file.
    network : tuple of torch.nn.Module, optional
        The encoder and decoder, if they were modules of your own; they take the file's weights.
    parts : mapping of str to object, optional
        Parts of your own that are not registered, by the name of the parameter that they were:
        ``latent``, ``likelihood``, ``corruption`` and ``penalties`` (a mapping).
    estimator : type, optional
        The class, if it was a subclass of your own.
    device : str, default="auto"
        Where the network goes; "auto" is a GPU where there is one.

    Returns
    -------
    estimator
        Fitted, of the class that was saved.

    Raises
    ------
    InvalidInputError
        If there is no such file, or an argument is needed that was not given.
    ModelFileError
        If the file is damaged, foreign, or of a later format than this version reads.

    Examples
    --------
    >>> import numpy as np, tempfile, pathlib
    >>> import isthmus
    >>> X = np.random.default_rng(0).normal(size=(50, 4))
    >>> model = isthmus.Autoencoder(latent_dim=2, max_epochs=2, random_state=0).fit(X)
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "model.safetensors"
    >>> model.save(path)
    >>> bool((isthmus.load(path).transform(X) == model.transform(X)).all())
    True
    """
    # Not before: `describe` needs neither them nor torch. They register what they store.
    import isthmus.applications.anomaly
    import isthmus.models  # noqa: F401
    from isthmus.nn.modes import ordinary_mode
    from isthmus.training import choose_device

    own = {**(parts or {}), "network": network}
    with ordinary_mode():
        return storage.load(path, device=choose_device(device), parts=own, estimator=estimator)
