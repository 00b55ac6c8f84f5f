"""Type in, type out: the same codes whatever the container, and the container comes back."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
import torch

from isthmus import Autoencoder, VariationalAutoencoder
from isthmus.models import ESTIMATORS

COLUMNS = ["a", "b", "c", "d"]
X = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32).astype(np.float64)
INDEX = pd.Index([f"r{i}" for i in range(60)], name="row")


@cache
def model():
    return Autoencoder(latent_dim=2, max_epochs=2, random_state=0).fit(X)


def memmap(tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, X)
    return np.load(path, mmap_mode="r")


def read_only(_):
    array = X.copy()
    array.flags.writeable = False
    return array


MAKERS = {
    "float64": lambda _: X,
    "float32": lambda _: X.astype(np.float32),
    "big endian": lambda _: X.astype(">f8"),
    "big endian float32": lambda _: X.astype(">f4"),
    "longdouble": lambda _: X.astype(np.longdouble),
    "Fortran": lambda _: np.asfortranarray(X),
    "strided": lambda _: np.repeat(X, 2, axis=1)[:, ::2],
    "reversed": lambda _: X[::-1].copy()[::-1],
    "read-only": read_only,
    "memmap": memmap,
    "object": lambda _: X.astype(object),
    "list": lambda _: X.tolist(),
    "list of rows": lambda _: list(X),
    "tuple of rows": lambda _: tuple(X),
    "pandas": lambda _: pd.DataFrame(X, columns=[0, 1, 2, 3], index=INDEX),
    "pandas nullable": lambda _: pd.DataFrame(X).astype("Float64"),
    "pandas object": lambda _: pd.DataFrame(X).astype(object),
    "torch": lambda _: torch.from_numpy(X),
    "torch float32": lambda _: torch.from_numpy(X).float(),
    "torch gradient": lambda _: torch.from_numpy(X).requires_grad_(),
    "torch transposed": lambda _: torch.from_numpy(X.T.copy()).T,
}


@pytest.mark.parametrize("kind", MAKERS)
def test_the_container_changes_neither_fit_nor_codes(kind, tmp_path):
    given = MAKERS[kind](tmp_path)
    other = Autoencoder(latent_dim=2, max_epochs=2, random_state=0).fit(given)
    np.testing.assert_array_equal(plain(other.transform(X)), model().transform(X))
    np.testing.assert_array_equal(plain(model().transform(given)), model().transform(X))
    # The same but for the digits that it came in.
    for method in (model().reconstruct, model().score_samples):
        found = plain(method(given))
        np.testing.assert_array_equal(found, method(X).astype(found.dtype))


def plain(result):
    return result.numpy() if isinstance(result, torch.Tensor) else np.asarray(result)


@pytest.mark.parametrize("kind", MAKERS)
def test_the_data_are_not_changed(kind, tmp_path):
    given = MAKERS[kind](tmp_path)
    Autoencoder(latent_dim=2, max_epochs=2, random_state=0).fit(given).reconstruct(given)
    after = given.detach().numpy() if isinstance(given, torch.Tensor) else given
    np.testing.assert_array_equal(np.asarray(after, dtype=float), X)


@pytest.mark.parametrize("scaling", ["auto", None])
@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int64, np.uint16, np.float16, bool])
def test_every_real_dtype_gives_the_codes_of_float64(dtype, scaling):
    whole = np.random.default_rng(0).integers(0, 2 if dtype is bool else 100, (40, 3))
    fits = [
        Autoencoder(latent_dim=2, max_epochs=2, scaling=scaling, random_state=0).fit(
            whole.astype(d)
        )
        for d in (np.float64, dtype)
    ]
    codes = [fit.transform(whole.astype(dtype)) for fit in fits]
    np.testing.assert_array_equal(codes[0], codes[1])
    tensor = torch.from_numpy(whole.astype(dtype if dtype is not np.uint16 else np.int32))
    np.testing.assert_array_equal(fits[1].transform(tensor).numpy(), codes[0])


def test_bfloat16_tensors():
    tensor = torch.from_numpy(X).to(torch.bfloat16)
    codes = model().transform(tensor)
    assert codes.dtype == torch.float32
    np.testing.assert_array_equal(
        codes.numpy(), model().transform(tensor.float().numpy().astype(float))
    )


@pytest.mark.parametrize("name", ESTIMATORS)
def test_numpy_in_numpy_out(name):
    fitted = ESTIMATORS[name](latent_dim=2, max_epochs=2, random_state=0).fit(X)
    for result, shape in (
        (fitted.transform(X), (60, 2)),
        (fitted.fit_transform(X), (60, 2)),
        (fitted.reconstruct(X), (60, 4)),
        (fitted.inverse_transform(fitted.transform(X)), (60, 4)),
        (fitted.score_samples(X), (60,)),
    ):
        assert type(result) is np.ndarray
        assert result.dtype == (np.float32 if shape == (60, 2) else np.float64)
        assert result.shape == shape
    assert type(fitted.score(X)) is float
    np.testing.assert_array_equal(
        fitted.inverse_transform(fitted.transform(X)), fitted.reconstruct(X)
    )


@pytest.mark.parametrize("name", ESTIMATORS)
def test_torch_in_torch_out(name):
    fitted = ESTIMATORS[name](latent_dim=2, max_epochs=2, random_state=0).fit(X)
    tensor = torch.from_numpy(X).requires_grad_()
    codes = fitted.transform(tensor)
    for result in (
        codes,
        fitted.fit_transform(tensor),
        fitted.reconstruct(tensor),
        fitted.inverse_transform(codes),
        fitted.score_samples(tensor),
    ):
        assert isinstance(result, torch.Tensor)
        assert result.dtype == (torch.float32 if result.shape == codes.shape else torch.float64)
        assert not result.requires_grad
        assert not result.is_inference()  # an ordinary tensor, to be used in a graph
    assert type(fitted.score(tensor)) is float
    codes.requires_grad_().sum().backward()


@pytest.mark.parametrize("name", ESTIMATORS)
def test_pandas_in_pandas_out(name):
    frame = pd.DataFrame(X, columns=COLUMNS, index=INDEX)
    fitted = ESTIMATORS[name](latent_dim=2, max_epochs=2, random_state=0).fit(frame)
    assert list(fitted.feature_names_in_) == COLUMNS
    codes = fitted.transform(frame)
    rebuilt = fitted.reconstruct(frame)
    back = fitted.inverse_transform(codes)
    for result in (codes, rebuilt, back, fitted.fit_transform(frame)):
        assert isinstance(result, pd.DataFrame)
        assert result.index.equals(INDEX)
        assert (result.dtypes == (np.float32 if result.shape == codes.shape else float)).all()
    assert list(codes.columns) == list(fitted.get_feature_names_out())
    assert list(rebuilt.columns) == list(back.columns) == COLUMNS
    np.testing.assert_array_equal(fitted.reconstruct(frame[::-1])[::-1].index, INDEX)
    scores = fitted.score_samples(frame)
    assert type(scores) is np.ndarray  # as everywhere in scikit-learn
    assert scores.shape == (60,)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_polars_in_polars_out(name):
    frame = pl.DataFrame(X, schema=COLUMNS)
    fitted = ESTIMATORS[name](latent_dim=2, max_epochs=2, random_state=0).fit(frame)
    assert list(fitted.feature_names_in_) == COLUMNS
    codes = fitted.transform(frame)
    rebuilt = fitted.reconstruct(frame)
    for result in (codes, rebuilt, fitted.inverse_transform(codes), fitted.fit_transform(frame)):
        assert isinstance(result, pl.DataFrame)
        assert set(result.dtypes) == {pl.Float32 if result.shape == codes.shape else pl.Float64}
    assert codes.columns == list(fitted.get_feature_names_out())
    assert rebuilt.columns == COLUMNS
    np.testing.assert_array_equal(
        codes.to_numpy(), fitted.transform(pd.DataFrame(X, columns=COLUMNS)).to_numpy()
    )


def test_a_frame_keeps_its_columns_whatever_they_are_called():
    numbered = pd.DataFrame(X)
    assert list(model().reconstruct(numbered).columns) == [0, 1, 2, 3]


def test_a_frame_without_string_names_gives_no_feature_names():
    fitted = Autoencoder(latent_dim=2, max_epochs=1, random_state=0).fit(pd.DataFrame(X))
    assert not hasattr(fitted, "feature_names_in_")


@pytest.mark.parametrize("given", ["numpy", "pandas", "polars", "torch"])
@pytest.mark.parametrize("asked", ["pandas", "polars", "default"])
def test_set_output_decides_the_container_of_transform(asked, given):
    kinds = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "default": np.ndarray}
    data = {
        "numpy": X,
        "pandas": pd.DataFrame(X, columns=COLUMNS, index=INDEX),
        "polars": pl.DataFrame(X, schema=COLUMNS),
        "torch": torch.from_numpy(X),
    }[given]
    fitted = Autoencoder(latent_dim=2, max_epochs=1, random_state=0).fit(data)
    fitted.set_output(transform=asked)
    for codes in (fitted.transform(data), fitted.fit_transform(data)):
        if asked == "default" and given == "torch":
            assert isinstance(codes, torch.Tensor)
            continue
        assert isinstance(codes, kinds[asked])
        if asked != "default":
            assert list(codes.columns) == ["autoencoder0", "autoencoder1"]
    if asked == given == "pandas":
        assert fitted.transform(data).index.equals(INDEX)


@pytest.mark.parametrize("given", ["numpy", "pandas", "polars"])
@pytest.mark.parametrize("asked", ["pandas", "polars"])
def test_the_global_output_setting_is_followed(asked, given):
    data = {
        "numpy": X,
        "pandas": pd.DataFrame(X, columns=COLUMNS, index=INDEX),
        "polars": pl.DataFrame(X, schema=COLUMNS),
    }[given]
    with sklearn.config_context(transform_output=asked):
        codes = Autoencoder(latent_dim=2, max_epochs=1, random_state=0).fit_transform(data)
    assert isinstance(codes, {"pandas": pd.DataFrame, "polars": pl.DataFrame}[asked])
    assert list(codes.columns) == ["autoencoder0", "autoencoder1"]


@pytest.mark.parametrize("name", ESTIMATORS)
def test_feature_names_out(name):
    fitted = ESTIMATORS[name](latent_dim=3, max_epochs=1, random_state=0).fit(X)
    prefix = type(fitted).__name__.lower()
    assert list(fitted.get_feature_names_out()) == [f"{prefix}{i}" for i in range(3)]
    assert fitted.get_feature_names_out().dtype == object


def test_a_list_of_images_is_a_batch():
    images = np.random.default_rng(0).integers(0, 256, (20, 9, 8, 3)).astype(np.uint8)
    fits = [
        Autoencoder(latent_dim=2, max_epochs=1, random_state=0).fit(data)
        for data in (images, list(images), torch.from_numpy(images))
    ]
    codes = [fit.transform(list(images)) for fit in fits]
    np.testing.assert_array_equal(codes[0], codes[1])
    np.testing.assert_array_equal(codes[0], codes[2])
    assert fits[1].sample_shape_ == (9, 8, 3)
    assert fits[1].likelihood_ == "bernoulli"
    assert fits[0].reconstruct(torch.from_numpy(images)).shape == (20, 9, 8, 3)


def test_a_list_of_pillow_images_is_a_batch():
    from PIL import Image

    images = np.random.default_rng(0).integers(0, 256, (12, 9, 8)).astype(np.uint8)
    pictures = [Image.fromarray(image) for image in images]
    fitted = Autoencoder(latent_dim=2, max_epochs=1, random_state=0).fit(pictures)
    assert fitted.sample_shape_ == (9, 8)
    np.testing.assert_array_equal(fitted.transform(pictures), fitted.transform(images))


def test_the_condition_may_come_in_any_container():
    labels = np.array(["cat", "dog", "eel"] * 20)
    makers = (np.asarray, list, pd.Series, pl.Series, lambda y: pd.Series(y, dtype="category"))
    codes = []
    for make in makers:
        fitted = VariationalAutoencoder(
            latent_dim=2, conditional=True, max_epochs=1, random_state=0
        ).fit(X, make(labels))
        assert fitted.condition_.classes == ["cat", "dog", "eel"]
        codes.append(fitted.transform(X, make(labels)))
    for other in codes[1:]:
        np.testing.assert_array_equal(other, codes[0])
    numbers = torch.from_numpy(np.arange(60) % 3)
    fitted = VariationalAutoencoder(latent_dim=2, conditional=True, max_epochs=1, random_state=0)
    np.testing.assert_array_equal(fitted.fit_transform(X, numbers), codes[0])
    assert fitted.condition_.classes == [0, 1, 2]
