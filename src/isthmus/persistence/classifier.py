"""What a classifier adds to the file of its autoencoder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from isthmus.errors import ModelFileError
from isthmus.persistence.values import CUSTOM, form, from_json, parameters, to_json

if TYPE_CHECKING:
    from torch import Tensor

    from isthmus.models import AutoencoderClassifier
    from isthmus.models.base import BaseAutoencoder

__all__ = ["classifier_contents", "rebuild_classifier"]


def classifier_contents(
    estimator: AutoencoderClassifier,
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return what a classifier adds to the file of its autoencoder."""
    header = {
        "parameters": {
            name: to_json(value)
            for name, value in estimator.get_params(deep=False).items()
            if name != "autoencoder"
        },
        "autoencoder": to_json(
            estimator.autoencoder.estimator if estimator._frozen else estimator.autoencoder
        ),
        "frozen": estimator._frozen,
        "classes": estimator.classes_.tolist(),
        "n_labelled": estimator.n_labelled_,
        "history": estimator.history_.records,
        "n_iter": estimator.n_iter_,
        "fit_seconds": estimator.fit_seconds_,
        "outcome": estimator.outcome_,
    }
    head = estimator.module_.state_dict()
    return header, {f"head.{name}": head[f"head.{name}"] for name in ("weight", "bias")}


def rebuild_classifier(
    autoencoder: BaseAutoencoder,
    stored: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    path: str | os.PathLike[str],
) -> AutoencoderClassifier:
    """Put a classifier together from its rebuilt autoencoder and what it added to the file.

    Raises
    ------
    ModelFileError
        If the parts do not fit together.
    """
    import numpy as np
    from sklearn.frozen import FrozenEstimator

    from isthmus.models import AutoencoderClassifier
    from isthmus.training import History

    model = AutoencoderClassifier(**parameters(AutoencoderClassifier, stored["parameters"], None))
    # The weights of before the fine-tuning are not in the file: a frozen one comes back unfitted.
    given = stored["autoencoder"]
    given = None if given is None or CUSTOM in given else from_json(given)
    model.autoencoder = FrozenEstimator(given) if stored["frozen"] else given
    classes = np.asarray(stored["classes"])
    flat = classes.ndim == 1 and len(classes) > 1 and classes.dtype.kind in "biufU"
    if not flat or len(np.unique(classes)) != len(classes):
        raise ModelFileError(f"{path} is damaged: its classes are not what they should be")
    model.classes_ = classes
    model.autoencoder_ = autoencoder
    head = {name: tensors[f"head.{name}"] for name in ("weight", "bias")}
    shapes = {"weight": (len(classes), autoencoder.latent_dim_), "bias": (len(classes),)}
    for name, shape in shapes.items():
        if form(head[name]) != f"{shape} of float32":
            raise ModelFileError(
                f"{path} does not fit its network: head.{name} should be {shape} of float32; in "
                f"the file it is {form(head[name])}"
            )
    module = model._assemble()
    module.head.load_state_dict(head)
    model.module_ = module
    model.history_ = History(stored["history"])
    model.n_iter_, model.n_labelled_ = int(stored["n_iter"]), int(stored["n_labelled"])
    model.fit_seconds_, model.outcome_ = float(stored["fit_seconds"]), str(stored["outcome"])
    return model
