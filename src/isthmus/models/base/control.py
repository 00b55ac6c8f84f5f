"""The control of every learned score: a copy of an estimator whose network is untrained."""

from __future__ import annotations

from typing import Any, TypeVar

from sklearn.base import clone

from isthmus.models.base import BaseAutoencoder
from isthmus.models.base.fitting import held_out_rows
from isthmus.models.base.parameters import check_parameters
from isthmus.models.base.trained import TrainedEstimator
from isthmus.nn.modes import ordinary_mode
from isthmus.training import History, draw_seed

__all__ = ["untrained"]

EstimatorT = TypeVar("EstimatorT", bound=TrainedEstimator)


@ordinary_mode()
def untrained(estimator: EstimatorT, X: Any, y: Any = None) -> EstimatorT:
    """Return a clone that knows the data's scaling, but has its initial weights.

    Parameters
    ----------
    estimator : estimator of the family, or `DeepSVDD`
        Fitted or not; not changed.
    X, y
        The data of the fit.

    Examples
    --------
    >>> import numpy as np
    >>> from isthmus import Autoencoder
    >>> X = np.random.default_rng(0).normal(size=(50, 4))
    >>> untrained(Autoencoder(latent_dim=2, random_state=0), X).n_iter_
    0
    """
    control: EstimatorT = clone(estimator)
    if not isinstance(control, BaseAutoencoder):
        return control.untrained_on(X)
    check_parameters(control.constraints, control.get_params(deep=False), type(control).__name__)
    array, seed = control.check_data(X, reset=True), draw_seed(control.random_state)
    _, _, choices = control.describe_data(array, y, held_out_rows(control, len(array), seed))
    module = control.initial_module(choices, seed)
    control.module_ = module.eval()
    control.history_ = History()
    control.n_iter_ = 0
    control.fit_seconds_ = 0.0
    control.outcome_ = "untrained"
    return control
