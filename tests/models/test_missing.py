"""NaN: an error that says where, or a value that was not observed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

from isthmus import Autoencoder, VariationalAutoencoder
from isthmus.errors import InvalidInputError
from isthmus.models import ESTIMATORS


def correlated(rows=800):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, 2)) @ rng.normal(size=(2, 8)) + 0.1 * rng.normal(size=(rows, 8))
    X = X * 3 + 10
    holes = rng.random(X.shape) < 0.15
    return X, np.where(holes, np.nan, X), holes


@pytest.mark.parametrize("name", ["autoencoder", "denoising", "contractive", "variational"])
def test_imputed_values_beat_the_column_mean(name):
    X, seen, holes = correlated()
    extra = {"latent_activation": "identity"} if name == "contractive" else {}
    model = ESTIMATORS[name](
        latent_dim=2, missing="ignore", max_epochs=60, learning_rate=0.01, random_state=0, **extra
    ).fit(seen)
    back = model.reconstruct(seen)
    assert np.isfinite(back).all()
    ours = np.sqrt(np.mean((back[holes] - X[holes]) ** 2))
    mean = np.broadcast_to(np.nanmean(seen, axis=0), X.shape)
    trivial = np.sqrt(np.mean((mean[holes] - X[holes]) ** 2))
    assert ours < 0.6 * trivial


def test_sparse_models_take_missing_values():
    _, seen, _ = correlated(100)
    model = ESTIMATORS["sparse"](missing="ignore", max_epochs=2, random_state=0).fit(seen)
    assert np.isfinite(model.reconstruct(seen)).all()


def test_what_is_missing_does_not_count_in_the_score():
    X, seen, _ = correlated()
    model = Autoencoder(latent_dim=2, missing="ignore", max_epochs=5, random_state=0).fit(seen)
    row = X[:1].copy()
    nothing = np.full((1, 8), np.nan)
    assert model.score_samples(nothing)[0] == 0
    # One value observed: its Gaussian log density in the units of the data, and nothing else.
    nothing[0, 3] = row[0, 3]
    scale = model.scaler_.scale[3]
    residual = (row[0, 3] - model.reconstruct(nothing)[0, 3]) / scale
    expected = -0.5 * (residual**2 + np.log(2 * np.pi)) - np.log(scale)
    assert model.score_samples(nothing)[0] == pytest.approx(expected, abs=1e-3)


def test_scaling_is_that_of_the_values_that_are_there():
    _, seen, _ = correlated()
    for scaling in ("standard", "minmax"):
        model = Autoencoder(
            missing="ignore", scaling=scaling, max_epochs=1, early_stopping=False
        ).fit(seen)
        low, high = np.nanmin(seen, axis=0), np.nanmax(seen, axis=0)
        shift, scale = (
            (np.nanmean(seen, axis=0), np.nanstd(seen, axis=0))
            if scaling == "standard"
            else (low, high - low)
        )
        np.testing.assert_allclose(model.scaler_.shift, shift)
        np.testing.assert_allclose(model.scaler_.scale, scale)


def test_without_holes_ignore_is_error():
    X, _, _ = correlated(100)
    codes = [
        Autoencoder(latent_dim=2, missing=m, max_epochs=3, random_state=0).fit(X).transform(X)
        for m in ("error", "ignore")
    ]
    np.testing.assert_allclose(codes[0], codes[1], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kind", ["binary", "classes", "mixed", "unit", "images"])
@pytest.mark.parametrize("model", [Autoencoder, VariationalAutoencoder])
def test_every_kind_of_data_may_have_holes(model, kind):
    rng = np.random.default_rng(0)
    X = {
        "binary": rng.integers(0, 2, (80, 4)).astype(float),
        "classes": rng.integers(0, 3, (80, 4)).astype(float),
        "unit": rng.random((80, 4)),
        "mixed": np.column_stack(
            [rng.normal(size=80), rng.integers(0, 2, 80), rng.integers(0, 4, 80)]
        ),
        "images": rng.normal(size=(30, 9, 9, 2)),
    }[kind]
    complete = model(latent_dim=2, max_epochs=1, random_state=0).fit(X)
    X[rng.random(X.shape) < 0.2] = np.nan
    fitted = model(latent_dim=2, missing="ignore", max_epochs=3, random_state=0).fit(X)
    assert fitted.likelihood_ == complete.likelihood_  # holes do not change the kind
    assert np.isfinite(fitted.reconstruct(X)).all()
    assert np.isfinite(fitted.score_samples(X)).all()
    assert np.isfinite(fitted.transform(X)).all()


def test_a_missing_class_is_not_taken_for_class_zero():
    """Masked out of the input: no class at all, not the first one."""
    X = np.random.default_rng(0).integers(0, 3, (80, 3)).astype(float)
    X[0, 0] = np.nan
    model = Autoencoder(latent_dim=2, missing="ignore", max_epochs=1, random_state=0).fit(X)
    assert model.likelihood_ == "categorical:3"
    hole, zero = np.array([[np.nan, 1.0, 1.0]]), np.array([[0.0, 1.0, 1.0]])
    assert (model.transform(hole) != model.transform(zero)).any()


def test_a_column_with_nothing_in_it():
    X, seen, _ = correlated(100)
    seen[:, 2] = np.nan
    model = Autoencoder(latent_dim=2, missing="ignore", max_epochs=3, random_state=0).fit(seen)
    assert model.likelihood_ == "gaussian"
    assert np.isfinite(model.reconstruct(seen)).all()
    assert np.isfinite(model.score_samples(seen)).all()
    X[:, 2] = np.nan
    with pytest.raises(InvalidInputError, match="column 2"):
        Autoencoder(max_epochs=1).fit(X)


@pytest.mark.parametrize("shape", [(20, 3), (20, 9, 9)])
def test_data_with_nothing_in_them_are_refused(shape):
    with pytest.raises(InvalidInputError, match="X"):
        Autoencoder(missing="ignore", max_epochs=1).fit(np.full(shape, np.nan))


def test_missing_values_of_frames():
    _, seen, _ = correlated(100)
    columns = list("abcdefgh")
    kwargs = {"latent_dim": 2, "missing": "ignore", "max_epochs": 2, "random_state": 0}
    expected = Autoencoder(**kwargs).fit(seen).transform(seen)
    frames = [
        pd.DataFrame(seen, columns=columns),
        pd.DataFrame(seen, columns=columns).convert_dtypes(),
        pl.DataFrame(seen, schema=columns),
        pl.DataFrame(seen, schema=columns).fill_nan(None),
    ]
    for frame in frames:
        codes = Autoencoder(**kwargs).fit(frame).transform(frame)
        np.testing.assert_array_equal(codes.to_numpy(), expected)


# Where NaN and infinity are not wanted -----------------------------------------------------------


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_the_error_names_row_and_column(make):
    X, _, _ = correlated(50)
    X[17, 4] = np.nan
    X[20, 5] = np.nan
    frame = make({name: X[:, i] for i, name in enumerate("abcdefgh")})
    with pytest.raises(
        InvalidInputError, match=r"NaN in row 17, column 'e' \(2 such values\).*"
    ) as e:
        Autoencoder(max_epochs=1).fit(frame)
    assert "missing='ignore'" in str(e.value)


def test_the_error_of_an_array_names_the_place():
    X, _, _ = correlated(50)
    model = Autoencoder(max_epochs=1).fit(X)
    X[3, 1] = np.nan
    for call in (model.transform, model.reconstruct, model.score_samples, model.fit):
        with pytest.raises(InvalidInputError, match="NaN in row 3, column 1"):
            call(X)
    images = np.zeros((4, 5, 6))
    images[2, 3, 4] = np.nan
    with pytest.raises(InvalidInputError, match=r"row 2, position \(3, 4\)"):
        Autoencoder(max_epochs=1).fit(images)


@pytest.mark.parametrize("missing", ["error", "ignore"])
@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinity_is_always_refused(value, missing):
    X, seen, _ = correlated(50)
    clean = seen if missing == "ignore" else X
    model = Autoencoder(missing=missing, max_epochs=1).fit(clean)
    bad = clean.copy()
    bad[6, 7] = value
    for call in (model.fit, model.transform, model.reconstruct, model.score_samples):
        with pytest.raises(InvalidInputError, match="infinity in row 6, column 7"):
            call(bad)


def test_infinities_that_cancel_are_found():
    X, _, _ = correlated(50)
    X[0, 0], X[1, 0] = np.inf, -np.inf
    with pytest.raises(InvalidInputError, match="infinity in row 0, column 0"):
        Autoencoder(max_epochs=1).fit(X)
