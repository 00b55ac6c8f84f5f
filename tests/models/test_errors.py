"""A user's mistake gives one line that names the cause, in an exception of Isthmus's own."""

from __future__ import annotations

import os
import re
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
import torch
from sklearn.exceptions import NotFittedError
from torch import nn

from isthmus import (
    Autoencoder,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    SparseAutoencoder,
    VariationalAutoencoder,
    load,
)
from isthmus.errors import DivergedError, InvalidInputError, IsthmusError
from isthmus.models import ESTIMATORS

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 5))
IMAGES = RNG.normal(size=(20, 9, 10))
LABELS = np.array(["a", "b"] * 20)
FRAME = pd.DataFrame(X, columns=list("abcde"))


def check(call, *words):
    """Assert that `call` fails with one line that holds all the words, and warns of nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(IsthmusError) as caught:
            call()
    error, message = caught.value, str(caught.value)
    assert isinstance(error, InvalidInputError), type(error)
    assert isinstance(error, ValueError)
    assert "\n" not in message
    assert 10 < len(message) < 1000
    for word in words:
        assert re.search(word, message, re.IGNORECASE), f"{word!r} is not in: {message}"


def encoder(n=5, out=2):
    return nn.Sequential(nn.Linear(n, 4), nn.ReLU(), nn.Linear(4, out))


def with_value(value, row=3, column=2):
    bad = X.copy()
    bad[row, column] = value
    return bad


# name: (class, parameters, data, y, words of the message)
BAD_FITS = {
    # the data
    "no rows": (Autoencoder, {}, np.empty((0, 3)), None, ["X|sample", "0"]),
    "empty list": (Autoencoder, {}, [], None, ["X|sample"]),
    "one row": (Autoencoder, {}, X[:1], None, ["1 sample", "2"]),
    "no columns": (Autoencoder, {}, np.empty((5, 0)), None, ["feature", "0"]),
    "images of no height": (Autoencoder, {}, np.empty((5, 0, 8)), None, ["X", "0"]),
    "one axis": (Autoencoder, {}, X[0], None, ["2D|axes|shape|n, features"]),
    "a number": (Autoencoder, {}, 3.0, None, ["scalar|axes|shape|n, features"]),
    "nothing": (Autoencoder, {}, None, None, ["X|scalar|None"]),
    "a string": (Autoencoder, {}, "data.csv", None, ["X|scalar|string"]),
    "five axes": (Autoencoder, {}, np.zeros((4, 2, 2, 2, 2)), None, ["X", "5 axes"]),
    "object text": (Autoencoder, {}, np.array([["a", 1.0]] * 4, dtype=object), None, ["'a'"]),
    "text": (Autoencoder, {}, np.array([["a", "b"]] * 4), None, ["numeric|number|string"]),
    "numbers as text": (Autoencoder, {}, X.astype(str), None, ["numeric|number|string"]),
    "pandas text": (Autoencoder, {}, FRAME.assign(c="x", e="y"), None, ["'c', 'e'", "number"]),
    "pandas dates": (
        Autoencoder,
        {},
        FRAME.assign(when=pd.Timestamp("2020-01-01")),
        None,
        ["'when'", "number"],
    ),
    "pandas category": (Autoencoder, {}, FRAME.astype({"b": "category"}), None, ["'b'"]),
    "polars text": (Autoencoder, {}, pl.DataFrame({"a": [1.0, 2], "b": ["x", "y"]}), None, ["'b'"]),
    "ragged": (Autoencoder, {}, [[1.0, 2.0], [1.0]], None, ["shape|length"]),
    "mixed image sizes": (
        Autoencoder,
        {},
        [np.zeros((8, 8)), np.zeros((9, 8))],
        None,
        [r"\(8, 8\) and \(9, 8\)", "resize|crop"],
    ),
    "inf": (Autoencoder, {}, with_value(np.inf), None, ["infinity", "row 3", "column 2"]),
    "inf, missing": (Autoencoder, {"missing": "ignore"}, with_value(np.inf), None, ["infinity"]),
    "NaN": (Autoencoder, {}, with_value(np.nan), None, ["NaN", "row 3", "column 2", "missing="]),
    "NaN named": (
        Autoencoder,
        {},
        pd.DataFrame(with_value(np.nan), columns=list("abcde")),
        None,
        ["row 3", "'c'"],
    ),
    "sparse": (Autoencoder, {}, scipy.sparse.csr_matrix(X), None, ["sparse", "dense|toarray"]),
    "complex": (Autoencoder, {}, X + 1j, None, ["complex"]),
    # parameters
    "latent_dim 0": (Autoencoder, {"latent_dim": 0}, X, None, ["latent_dim", "0"]),
    "latent_dim text": (Autoencoder, {"latent_dim": "8"}, X, None, ["latent_dim", "'8'"]),
    "latent_dim float": (Autoencoder, {"latent_dim": 2.5}, X, None, ["latent_dim", "2.5"]),
    "hidden 0": (Autoencoder, {"hidden_layer_sizes": (0,)}, X, None, ["hidden_layer_sizes", r"0"]),
    "hidden number": (Autoencoder, {"hidden_layer_sizes": 5}, X, None, ["hidden_layer_sizes"]),
    "hidden text": (Autoencoder, {"hidden_layer_sizes": ("8",)}, X, None, ["hidden_layer_sizes"]),
    "hidden nested": (
        Autoencoder,
        {"hidden_layer_sizes": np.array([[1, 2], [3, 4]])},
        X,
        None,
        ["hidden_layer_sizes"],
    ),
    "channels none": (Autoencoder, {"channels": ()}, IMAGES, None, ["channels"]),
    "channels 0": (Autoencoder, {"channels": (8, 0)}, IMAGES, None, ["channels"]),
    "activation": (Autoencoder, {"activation": "rellu"}, X, None, ["activation", "'relu'"]),
    "likelihood": (Autoencoder, {"likelihood": "normal"}, X, None, ["likelihood", "gaussian"]),
    "scaling": (Autoencoder, {"scaling": "none"}, X, None, ["scaling", "standard"]),
    "learning_rate < 0": (Autoencoder, {"learning_rate": -0.1}, X, None, ["learning_rate", "-0.1"]),
    "learning_rate text": (Autoencoder, {"learning_rate": "0.1"}, X, None, ["learning_rate"]),
    "learning_rate NaN": (Autoencoder, {"learning_rate": np.nan}, X, None, ["learning_rate"]),
    "learning_rate inf": (Autoencoder, {"learning_rate": np.inf}, X, None, ["learning_rate"]),
    "batch_size text": (Autoencoder, {"batch_size": "32"}, X, None, ["batch_size", "'32'"]),
    "batch_size 0": (Autoencoder, {"batch_size": 0}, X, None, ["batch_size", "0"]),
    "max_epochs": (Autoencoder, {"max_epochs": 0}, X, None, ["max_epochs", "0"]),
    "dropout": (Autoencoder, {"dropout": 1.0}, X, None, ["dropout", "1.0"]),
    "validation_fraction": (Autoencoder, {"validation_fraction": 1.0}, X, None, ["validation_f"]),
    "early_stopping": (Autoencoder, {"early_stopping": "yes"}, X, None, ["early_stopping"]),
    "patience": (Autoencoder, {"patience": 0}, X, None, ["patience"]),
    "missing": (Autoencoder, {"missing": "drop"}, X, None, ["missing", "ignore"]),
    "random_state text": (Autoencoder, {"random_state": "a"}, X, None, ["random_state", "'a'"]),
    "random_state < 0": (Autoencoder, {"random_state": -1}, X, None, ["random_state", "-1"]),
    "layout": (Autoencoder, {"layout": "image"}, X, None, ["layout", "table", "'image'"]),
    "layout table": (Autoencoder, {"layout": "table"}, IMAGES, None, ["layout", "'table'"]),
    # combinations
    "bernoulli on real": (
        Autoencoder,
        {"likelihood": "bernoulli", "scaling": None},
        X,
        None,
        ["likelihood", "0 to 1", "minmax"],
    ),
    "continuous bernoulli": (
        Autoencoder,
        {"likelihood": "continuous_bernoulli", "scaling": "standard"},
        X,
        None,
        ["likelihood", "0 to 1", "minmax"],
    ),
    "categorical on fractions": (
        Autoencoder,
        {"likelihood": "categorical"},
        X,
        None,
        ["categorical", "whole numbers"],
    ),
    "categorical on amounts": (
        Autoencoder,
        {"likelihood": "categorical"},
        np.arange(40).reshape(20, 2),
        None,
        ["categorical", "0 to 9"],
    ),
    "conv on a table": (Autoencoder, {"network": "convolutional"}, X, None, ["network", "table"]),
    "tied conv": (
        Autoencoder,
        {"network": "convolutional", "tied_weights": True},
        IMAGES,
        None,
        ["tied_weights", "dense"],
    ),
    "tied conditional": (
        VariationalAutoencoder,
        {"conditional": True, "tied_weights": True},
        X,
        LABELS,
        ["tied_weights", "conditional"],
    ),
    "topk k": (SparseAutoencoder, {"sparsity": "topk", "k": 0}, X, None, ["'k'", "0"]),
    "kl relu": (
        SparseAutoencoder,
        {"sparsity": "kl", "latent_activation": "relu"},
        X,
        None,
        ["latent_activation", "sigmoid"],
    ),
    "corruption": (DenoisingAutoencoder, {"corruption": "noise"}, X, None, ["corruption"]),
    "corruption level": (
        DenoisingAutoencoder,
        {"corruption_level": 1.5},
        X,
        None,
        ["corruption_level", "1.5"],
    ),
    "corruption shape": (
        DenoisingAutoencoder,
        {"corruption": lambda x, generator: x[:, :2]},
        X,
        None,
        ["corruption", "shape"],
    ),
    "closed, deep": (
        ContractiveAutoencoder,
        {"jacobian": "closed", "hidden_layer_sizes": (8,)},
        X,
        None,
        ["closed", "one linear layer"],
    ),
    "vae activation": (
        VariationalAutoencoder,
        {"latent_activation": "relu"},
        X,
        None,
        ["latent_a"],
    ),
    "beta": (VariationalAutoencoder, {"beta": -1}, X, None, ["beta", "-1"]),
    # the machine
    "cuda": pytest.param(
        *(Autoencoder, {"device": "cuda"}, X, None, ["device", "cuda", "cpu"]),
        marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here"),
    ),
    "device": (Autoencoder, {"device": "gpu"}, X, None, ["device", "'gpu'", "cpu"]),
    "device meta": (Autoencoder, {"device": "meta"}, X, None, ["device", "meta"]),
    "device number": (Autoencoder, {"device": 0}, X, None, ["device", "0"]),
    "checkpoint, no seed": (
        Autoencoder,
        {"checkpoint": "c.safetensors", "random_state": None},
        X,
        None,
        ["checkpoint", "random_state"],
    ),
    "checkpoint folder": (
        Autoencoder,
        {"checkpoint": "no/such/folder/c.safetensors"},
        X,
        None,
        ["no/such/folder", "write"],
    ),
    "checkpoint number": (Autoencoder, {"checkpoint": 5}, X, None, ["checkpoint", "5"]),
    # conditions
    "no y": (VariationalAutoencoder, {"conditional": True}, X, None, ["y", "conditional"]),
    "short y": (VariationalAutoencoder, {"conditional": True}, X, LABELS[:3], ["y", "40", "3"]),
    "scalar y": (VariationalAutoencoder, {"conditional": True}, X, "a", ["y", "40"]),
    "deep y": (VariationalAutoencoder, {"conditional": True}, X, np.full((40, 2, 2), 0.5), ["y"]),
    "NaN y": (
        VariationalAutoencoder,
        {"conditional": True},
        X,
        np.where(np.arange(40) == 3, np.nan, 0.5),
        ["y", "finite"],
    ),
    "missing label": (
        VariationalAutoencoder,
        {"conditional": True},
        X,
        np.array(["a", None] * 20, dtype=object),
        ["y", "None|missing"],
    ),
    # networks of the user's own
    "own encoder in": (Autoencoder, {"network": (encoder(4), encoder(2, 5))}, X, None, ["encoder"]),
    "own decoder out": (
        Autoencoder,
        {"network": (encoder(), encoder(2, 4))},
        X,
        None,
        ["decoder", r"\(2, 5\)", r"\(2, 4\)"],
    ),
    "own decoder in": (Autoencoder, {"network": (encoder(), encoder(3, 5))}, X, None, ["decoder"]),
    "own latent_dim": (
        Autoencoder,
        {"network": (encoder(), encoder(2, 5)), "latent_dim": 3},
        X,
        None,
        ["encoder", r"\(n, 3\)", r"\(2, 2\)"],
    ),
    "own, not a vector": (
        Autoencoder,
        {"network": (nn.Unflatten(1, (5, 1)), encoder(2, 5))},
        X,
        None,
        ["encoder"],
    ),
    "own, a tuple out": (
        Autoencoder,
        {"network": (nn.LSTM(5, 2), encoder(2, 5))},
        X,
        None,
        ["enc"],
    ),
    "own, nothing to train": (
        Autoencoder,
        {"network": (nn.Identity(), nn.Identity())},
        X,
        None,
        ["network", "parameter"],
    ),
    "own, odd for a vae": (
        VariationalAutoencoder,
        {"network": (encoder(5, 3), encoder(2, 5))},
        X,
        None,
        ["encoder"],
    ),
    "own, one module": (Autoencoder, {"network": encoder()}, X, None, ["network", "pair|tuple"]),
    "own, one in a tuple": (Autoencoder, {"network": (encoder(),)}, X, None, ["network", "pair"]),
    "own, words": (Autoencoder, {"network": ("a", "b")}, X, None, ["network", "pair"]),
    "own, conditional": (
        VariationalAutoencoder,
        {"network": (encoder(5, 4), encoder(2, 5)), "conditional": True},
        X,
        LABELS,
        ["network", "condition"],
    ),
}


@pytest.mark.parametrize(
    ("cls", "parameters", "data", "y", "words"),
    [p if hasattr(p, "marks") else pytest.param(*p) for p in BAD_FITS.values()],
    ids=list(BAD_FITS),
)
def test_a_fit_that_cannot_be(cls, parameters, data, y, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = cls(**{"max_epochs": 1, "random_state": 0, **parameters})
    check(lambda: model.fit(data, y), *words)
    assert not hasattr(model, "module_")
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - nothing half-written is left


@pytest.mark.parametrize(
    "name", ["no rows", "object text", "inf", "latent_dim 0", "conv on a table", "no y"]
)
def test_partial_fit_refuses_the_same(name):
    cls, parameters, data, y, words = BAD_FITS[name]
    check(lambda: cls(**parameters).partial_fit(data, y), *words)


# Using a fitted model --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def table():
    return Autoencoder(latent_dim=2, max_epochs=1, random_state=0).fit(X)


@pytest.fixture(scope="module")
def framed():
    return Autoencoder(latent_dim=2, max_epochs=1, random_state=0).fit(FRAME)


@pytest.fixture(scope="module")
def pictures():
    return Autoencoder(latent_dim=2, max_epochs=1, layout="image", random_state=0).fit(IMAGES)


@pytest.fixture(scope="module")
def conditional():
    model = VariationalAutoencoder(latent_dim=2, conditional=True, max_epochs=1, random_state=0)
    return model.fit(X, LABELS)


BAD_USES = {
    "fewer columns": ("table", X[:, :4], ["4", "5"]),
    "more columns": ("table", np.column_stack([X, X]), ["10", "5"]),
    "images for a table": ("table", IMAGES, ["9|shape"]),
    "one row as a vector": ("table", X[0], ["2D|axes|shape|n, features"]),
    "no rows": ("table", X[:0], ["0 sample|X"]),
    "text": ("table", X.astype(str), ["numeric|number|string"]),
    "sparse": ("table", scipy.sparse.csr_matrix(X), ["sparse"]),
    "height": ("pictures", IMAGES[:, :8], ["8", "9"]),
    "width": ("pictures", IMAGES[:, :, :8], [r"\(9, 10\)", r"\(9, 8\)"]),
    "a channel more": ("pictures", IMAGES[..., None], [r"\(9, 10\)", r"\(9, 10, 1\)"]),
    "a table for images": ("pictures", X, [r"\(9, 10\)|shape"]),
}


@pytest.mark.parametrize("method", ["transform", "reconstruct", "score_samples", "score"])
@pytest.mark.parametrize("case", BAD_USES)
def test_a_use_that_cannot_be(case, method, request):
    fixture, data, words = BAD_USES[case]
    check(lambda: getattr(request.getfixturevalue(fixture), method)(data), *words)


@pytest.mark.parametrize("method", ["transform", "reconstruct", "score_samples", "score"])
def test_columns_of_other_names_or_in_another_order(method, framed):
    """In several lines, because scikit-learn's checks demand its own words."""
    for data, words in (
        (FRAME.rename(columns={"e": "f"}), "unseen at fit time:\n- f\n.*now missing:\n- e"),
        (FRAME[list("edcba")], "same order"),
    ):
        with pytest.raises(InvalidInputError, match=f"(?s)feature names.*{words}"):
            getattr(framed, method)(data)


@pytest.mark.parametrize(
    ("codes", "words"),
    [
        (X, [r"\(n, 2\)", r"\(40, 5\)"]),
        (X[0], [r"\(n, 2\)"]),
        (np.full((3, 2), np.nan), ["NaN"]),
        (np.full((3, 2), np.inf), ["infinity"]),
        ([["a", "b"]], ["number|numeric|float"]),
        (None, ["X|codes"]),
    ],
    ids=["columns", "vector", "NaN", "inf", "text", "None"],
)
def test_codes_that_cannot_be(codes, words, table):
    check(lambda: table.inverse_transform(codes), *words)


def test_nan_codes_are_not_told_to_be_ignored(table):
    with pytest.raises(InvalidInputError) as caught:
        table.inverse_transform(np.full((3, 2), np.nan))
    assert "missing=" not in str(caught.value)  # that parameter is not about codes


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (None, ["y", "condition"]),
        (["c"] * 40, ["'c'", "row 0", "'a', 'b'"]),
        (["a"] * 39 + ["z"], ["'z'", "row 39"]),
        (["a"] * 3, ["40", "3"]),
        ("a", ["y", "40"]),
        (np.zeros(40), ["y", "0.0"]),
    ],
    ids=["none", "unseen", "unseen last", "short", "scalar", "numbers"],
)
def test_conditions_that_cannot_be(y, words, conditional):
    for call in (conditional.transform, conditional.reconstruct, conditional.score_samples):
        check(lambda call=call: call(X, y), *words)


@pytest.mark.parametrize(
    ("kwargs", "words"),
    [
        ({}, ["y", "condition"]),
        ({"y": "zz"}, ["'zz'"]),
        ({"y": ["a", "b"]}, ["3", "2"]),
        ({"y": "a", "n_samples": 0}, ["n_samples", "0"]),
        ({"y": "a", "n_samples": "3"}, ["n_samples", "'3'"]),
        ({"y": "a", "n_samples": 2.5}, ["n_samples", "2.5"]),
        ({"y": "a", "random_state": "x"}, ["random_state", "'x'"]),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
)
def test_samples_that_cannot_be(kwargs, words, conditional):
    check(lambda: conditional.sample(**{"n_samples": 3, **kwargs}), *words)


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.transform(X),
        lambda m: m.reconstruct(X),
        lambda m: m.inverse_transform(X),
        lambda m: m.score_samples(X),
        lambda m: m.score(X),
        lambda m: m.get_feature_names_out(),
        lambda m: m.save("x"),
        lambda m: m.sample() if hasattr(m, "sample") else m.transform(X),
    ],
    ids=["transform", "reconstruct", "inverse", "scores", "score", "names", "save", "sample"],
)
def test_not_fitted(call, name):
    with pytest.raises(NotFittedError, match="not fitted yet") as caught:
        call(ESTIMATORS[name]())
    assert "\n" not in str(caught.value)


# Unknown parameters ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("latent_dimm", "latent_dim"),
        ("hidden_layers_sizes", "hidden_layer_sizes"),
        ("learning_rat", "learning_rate"),
        ("epochs", "max_epochs"),
    ],
)
def test_an_unknown_parameter_is_answered_with_the_nearest(wrong, right, name):
    cls = ESTIMATORS[name]
    for call in (lambda: cls(**{wrong: 3}), lambda: cls().set_params(**{wrong: 3})):
        check(call, wrong, f"did you mean '{right}'")
        with pytest.raises(TypeError):  # what a constructor raises everywhere else
            call()


def test_an_unknown_parameter_like_no_other_lists_all():
    check(lambda: Autoencoder(zzz=1), "zzz", "latent_dim, hidden_layer_sizes")
    check(lambda: Autoencoder().set_params(zzz=1), "zzz", "latent_dim")


def test_a_nested_parameter_is_refused_in_one_line():
    with pytest.raises(ValueError, match="Invalid parameter 'a'") as caught:
        Autoencoder().set_params(a__b=1)
    assert "\n" not in str(caught.value)


def test_parameters_of_one_estimator_are_not_those_of_another():
    check(lambda: Autoencoder(beta=2.0), "beta")
    check(lambda: VariationalAutoencoder(walk_back_steps=2), "walk_back_steps")


def test_positional_arguments_are_refused():
    with pytest.raises(TypeError):
        Autoencoder(3)


# Files -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["no/such/folder/m.safetensors", "."])
def test_a_path_that_cannot_be_written(where, table, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check(lambda: table.save(where), "write|folder")
    assert os.listdir(tmp_path) == []  # noqa: PTH208


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(table, tmp_path):
    tmp_path.chmod(0o500)
    check(lambda: table.save(tmp_path / "m.safetensors"), "write")


def test_files_that_cannot_be_read(tmp_path):
    check(lambda: load(tmp_path / "none.safetensors"), "path", "No such file")
    check(lambda: load(tmp_path), "path")
    check(lambda: load("a\0b"), "path")


def test_load_on_a_wrong_device(table, tmp_path):
    table.save(tmp_path / "m.safetensors")
    check(lambda: load(tmp_path / "m.safetensors", device="gpu"), "device", "gpu")


# Values too large for the arithmetic ------------------------------------------------------------


@pytest.mark.parametrize("parameters", [{}, {"scaling": None}], ids=["standard", "none"])
def test_values_too_large_are_not_trained_on(parameters):
    model = Autoencoder(max_epochs=1, random_state=0, **parameters)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # numpy's, of the overflow
        with pytest.raises((InvalidInputError, DivergedError), match="huge|large|finite") as caught:
            model.fit(X * 1e300)
    assert "\n" not in str(caught.value)


def test_a_refit_that_fails_does_not_mix_the_old_network_with_the_new_scaling():
    model = Autoencoder(latent_dim=2, max_epochs=1, random_state=0).fit(X)
    codes = model.transform(X)
    model.set_params(likelihood="bernoulli", scaling=None)
    check(lambda: model.fit(X * 100), "likelihood")
    try:
        after = model.transform(X)
    except NotFittedError:
        return  # as good: there is no model any more
    np.testing.assert_array_equal(after, codes)
