"""What Deep SVDD adds to the file of its autoencoder."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from isthmus.errors import ModelFileError
from isthmus.persistence.autoencoder import contents, rebuild
from isthmus.persistence.values import form, parameters, to_json

if TYPE_CHECKING:
    from torch import Tensor

    from isthmus.models import DeepSVDD

__all__ = ["rebuild_svdd", "svdd_contents"]

_CENTRE = "svdd.centre"


def svdd_contents(estimator: DeepSVDD) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the header and the tensors of a fitted Deep SVDD."""
    header, tensors = contents(estimator.autoencoder_)
    header["class"] = type(estimator).__name__
    header["svdd"] = {
        "parameters": {
            name: to_json(value) for name, value in estimator.get_params(deep=False).items()
        },
        "offset": estimator.offset_,
        "spread": estimator.spread_,
        "history": estimator.history_.records,
        "n_iter": estimator.n_iter_,
        "fit_seconds": estimator.fit_seconds_,
        "outcome": estimator.outcome_,
    }
    return header, {**tensors, _CENTRE: estimator.module_.state_dict()["centre"]}


def rebuild_svdd(
    header: Mapping[str, Any], tensors: Mapping[str, Tensor], path: str | os.PathLike[str]
) -> DeepSVDD:
    """Put a Deep SVDD together from what `svdd_contents` returned.

    Raises
    ------
    ModelFileError
        If the parts do not fit together.
    """
    from isthmus.models import DeepSVDD
    from isthmus.models.svdd import DeepSVDDAutoencoder
    from isthmus.training import History

    stored = header["svdd"]
    model = DeepSVDD(**parameters(DeepSVDD, stored["parameters"], None))
    # The table of classes has the family alone, to which this one does not belong.
    autoencoder = rebuild(
        {**header, "class": DeepSVDDAutoencoder.__name__}, tensors, path, None, DeepSVDDAutoencoder
    )
    assert isinstance(autoencoder, DeepSVDDAutoencoder)
    model.autoencoder_ = autoencoder
    expected = f"{(autoencoder.latent_dim_,)} of float32"
    if form(tensors[_CENTRE]) != expected:
        raise ModelFileError(
            f"{path} does not fit its network: {_CENTRE} should be {expected}; in the file it is "
            f"{form(tensors[_CENTRE])}"
        )
    model.module_ = model._assemble(tensors[_CENTRE])
    model.offset_, model.spread_ = float(stored["offset"]), float(stored["spread"])
    model.history_, model.n_iter_ = History(stored["history"]), int(stored["n_iter"])
    model.fit_seconds_, model.outcome_ = float(stored["fit_seconds"]), str(stored["outcome"])
    fits = {
        "threshold": math.isfinite(model.offset_) and math.isfinite(model.spread_),
        # A score of NaN is beyond no threshold.
        "network": all(bool(part.isfinite().all()) for part in model.module_.state_dict().values()),
        "n_iter": model.n_iter_ >= 0,
        "fit_seconds": 0 <= model.fit_seconds_ < math.inf,
    }
    for what, fitting in fits.items():
        if not fitting:
            raise ModelFileError(f"{path} is damaged: its {what} is not what it should be")
    return model
