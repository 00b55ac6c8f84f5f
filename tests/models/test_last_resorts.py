"""What a user meets at the edges: weights that exploded, pieces of one row, what is no array."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from isthmus import Autoencoder
from isthmus.errors import DivergedError, DivergenceWarning, InvalidInputError

X = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)
KWARGS = {"latent_dim": 2, "max_epochs": 3, "random_state": 0}


@pytest.mark.filterwarnings("ignore::isthmus.errors.DivergenceWarning")
@pytest.mark.parametrize("epochs", [1, 2, 30])
def test_exploded_weights_are_never_a_fitted_model(epochs):
    """The loss of the epoch in which weights explode is finite: it was taken before the steps."""
    model = Autoencoder(**(KWARGS | {"max_epochs": epochs}), optimizer="sgd", learning_rate=1e3)
    try:
        model.fit(X)
    except DivergedError as error:
        assert "learning_rate" in str(error)
        assert not hasattr(model, "module_")
    else:
        assert np.isfinite(model.transform(X)).all()
        assert np.isfinite(model.score_samples(X)).all()


def test_the_warning_of_divergence_is_one_of_ours():
    assert issubclass(DivergenceWarning, UserWarning)


def test_a_piece_of_one_row_with_batch_normalisation():
    model = Autoencoder(**KWARGS, normalization="batch").partial_fit(X[:20])
    with pytest.raises(InvalidInputError, match="two rows"):
        model.partial_fit(X[:1])
    assert Autoencoder(**KWARGS).partial_fit(X[:20]).partial_fit(X[:1]).n_iter_ == 2


def test_no_codes_at_all():
    with pytest.raises(InvalidInputError, match="at least one code"):
        Autoencoder(**KWARGS).fit(X).inverse_transform(np.zeros((0, 2)))


@pytest.mark.parametrize("nothing", [None, pl.DataFrame(X).lazy()], ids=["none", "lazy"])
def test_what_is_no_array(nothing):
    with pytest.raises(InvalidInputError, match="^X: expected an array or a DataFrame"):
        Autoencoder(**KWARGS).fit(nothing)


def test_masked_is_missing():
    masked = np.ma.MaskedArray(X, mask=np.zeros(X.shape, dtype=bool))
    plain = Autoencoder(**KWARGS).fit(X).transform(X)
    np.testing.assert_array_equal(Autoencoder(**KWARGS).fit(masked).transform(masked), plain)
    masked[3, 1] = np.ma.masked
    with pytest.raises(InvalidInputError, match="NaN in row 3, column 1"):
        Autoencoder(**KWARGS).fit(masked)
    assert Autoencoder(**KWARGS, missing="ignore").fit(masked).n_iter_ == 3


def test_true_is_no_number():
    with pytest.raises(InvalidInputError, match="latent_dim"):
        Autoencoder(latent_dim=True).fit(X)
