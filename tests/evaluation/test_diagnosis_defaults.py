"""No member of the family, well trained, is said to have a problem."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.datasets import load_wine

from isthmus import diagnose
from isthmus.models import ESTIMATORS

# The encoder of a GAN never sees data, nor its decoder: it does not reconstruct, and that is said.
NO_AUTOENCODER = ("gan",)


@pytest.mark.parametrize("name", [name for name in ESTIMATORS if name not in NO_AUTOENCODER])
def test_defaults_on_wine_have_no_problem(name):
    X = load_wine().data
    X = X[np.random.default_rng(0).permutation(len(X))]
    model = ESTIMATORS[name](random_state=0).fit(X[:130])
    for given in ({"X": X[130:], "X_train": X[:130]}, {"X": X[:130]}):
        diagnosis = diagnose(model, **given)
        assert diagnosis.problems == (), str(diagnosis)
        json.dumps(diagnosis.to_dict(), allow_nan=False)
