"""What is promised of every member holds for ours, and `check_member` finds one that breaks it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from isthmus import Autoencoder, VariationalAutoencoder
from isthmus.models import ESTIMATORS
from isthmus.testing import check_member

# Its layers choose their best epoch by the rows held out, and go into the stack: one epoch each.
OWN = {"stacked": {"layer": Autoencoder(max_epochs=1, batch_size=4)}}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_member_passes(name):
    check_member(ESTIMATORS[name], sklearn=False, **OWN.get(name, {}))


def test_conditional_members_pass():
    check_member(VariationalAutoencoder, sklearn=False, conditional=True)


@dataclass(kw_only=True, eq=False, repr=False)
class Meddling(Autoencoder):
    def fit(self, X, y=None):
        super().fit(X, y)
        self.latent_dim = self.latent_dim_
        return self


@dataclass(kw_only=True, eq=False, repr=False)
class Drawing(Autoencoder):
    def choose(self, facts):
        return super().choose(facts).but(dropout=float(torch.rand(())) / 10)


@dataclass(kw_only=True, eq=False, repr=False)
class Narrow(Autoencoder):
    def reconstruct(self, X, y=None):
        return super().reconstruct(X, y)[:, :-1]


@dataclass(kw_only=True, eq=False, repr=False)
class Centring(Autoencoder):
    def transform(self, X, y=None, *, flatten=True):
        codes = super().transform(X, y, flatten=flatten)
        return codes - codes.mean(0)


@dataclass(kw_only=True, eq=False, repr=False)
class Doubling(Autoencoder):
    """Gives each row to the fit twice, so that what is held out is learned from after all."""

    def fit(self, X, y=None):
        super().fit(np.repeat(X, 2, axis=0), y)
        return self


@dataclass(kw_only=True, eq=False, repr=False)
class Forgetful(Autoencoder):
    def fit(self, X, y=None):
        super().fit(X, y)
        self.factor_ = 2.0
        return self

    def transform(self, X, y=None, *, flatten=True):
        return getattr(self, "factor_", 1.0) * super().transform(X, y, flatten=flatten)


@dataclass(kw_only=True, eq=False, repr=False)
class Trusting(Autoencoder):
    """Takes NaN for 0 without being asked to."""

    def fit(self, X, y=None):
        super().fit(np.nan_to_num(X), y)
        return self


@pytest.mark.parametrize(
    ("broken", "found"),
    [
        (Meddling, "parameters: fit changed the parameter latent_dim"),
        (Narrow, "shapes: reconstruct gave"),
        (Centring, "rows apart: transform of a row changes"),
        (Drawing, "seeds: fit draws from a global generator"),
        (Doubling, "held-out rows: of 12 rows held out"),
        (Trusting, "missing values: NaN was accepted"),
        (Forgetful, "saving: transform of the loaded model differs"),
    ],
)
def test_a_member_that_breaks_a_promise_is_found(broken, found):
    with pytest.raises(AssertionError, match=f"^{broken.__name__}, {found}"):
        check_member(broken, sklearn=False)


class Unscikit(Autoencoder):
    """Has `fit` give something else than itself, which scikit-learn's checks notice."""

    def fit(self, X, y=None):
        super().fit(X, y)
        return self

    def transform(self, X, y=None, *, flatten=True):
        return super().transform(np.asarray(X, dtype=float)[::-1], y, flatten=flatten)[::-1]

    def fit_transform(self, X, y=None, **params):
        return super().fit(X, y).transform(X) + 1


def test_scikit_learns_checks_are_run_too():
    with pytest.raises(AssertionError):
        check_member(Unscikit)
