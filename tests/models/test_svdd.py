"""Deep SVDD: the objective by hand, what must not collapse, the contract, and its control."""

from __future__ import annotations

import pickle
import warnings
from functools import cache, partial

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone, is_outlier_detector
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks
from torch import nn

import isthmus
from isthmus import Autoencoder, DeepSVDD
from isthmus.errors import CollapseWarning, InvalidInputError, ModelFileError
from isthmus.models import ESTIMATORS, untrained
from isthmus.models.base.architecture import Architecture, build
from isthmus.models.base.choices import Recipe
from isthmus.nn import (
    AutoencoderModule,
    ConvolutionalDecoder,
    ConvolutionalEncoder,
    Dense,
    OneClassModule,
    Spec,
    UnbiasedModule,
)
from isthmus.storage.container import read_tensor_file, write_tensor_file
from isthmus.training import backpropagation


@parametrize_with_checks([DeepSVDD(max_epochs=3), DeepSVDD(max_epochs=3, missing="ignore")])
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


def test_no_check_is_skipped_or_expected_to_fail():
    names = [
        check.func.__name__
        for _, check in estimator_checks_generator(DeepSVDD(), legacy=True, mark=None)
    ]
    assert "check_outliers_train" in names
    assert "check_outliers_fit_predict" in names
    assert is_outlier_detector(DeepSVDD())
    assert not hasattr(DeepSVDD, "_xfail_checks")
    assert DeepSVDD not in ESTIMATORS.values()  # it is no autoencoder


# The modules ---------------------------------------------------------------------------------


def biases(module):
    return [name for name, _ in module.named_parameters() if name.endswith("bias")]


@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
@pytest.mark.parametrize("shape", [(6,), (2, 12), (1, 9, 7)])
def test_an_encoder_without_constants_gives_zero_for_zero(shape, normalization):
    style = {"normalization": normalization, "activation": "leaky_relu"}
    if len(shape) == 1:
        networks = Dense(shape, (3,), (8,), **style), Dense((3,), shape, (8,), **style)
    else:
        networks = (
            ConvolutionalEncoder(shape, 3, (4, 4), **style),
            ConvolutionalDecoder(3, shape, (4, 4), **style),
        )
    module = UnbiasedModule(*networks).eval()
    assert biases(module.encoder) == []
    assert biases(module.decoder)
    assert not module.encode(torch.zeros(2, *shape)).any()
    x = torch.randn(5, *shape, generator=torch.Generator().manual_seed(0))
    module.train().losses(x).total.backward()
    assert all(p.grad is not None for p in module.parameters())
    if normalization is None:  # without constants a network of leaky ReLUs scales with its input
        torch.testing.assert_close(module.encode(3 * x), 3 * module.encode(x))


def test_with_constants_it_would_not():
    module = AutoencoderModule(Dense((6,), (3,), (8,)), Dense((3,), (6,), (8,)))
    assert module.encode(torch.zeros(1, 6)).any()


def test_the_loss_and_its_gradient_are_those_of_the_formula():
    generator = torch.Generator().manual_seed(0)
    encoder = Dense((4,), (2,), generator=generator)
    module = OneClassModule(UnbiasedModule(encoder, Dense((2,), (4,))), torch.tensor([1.0, -2.0]))
    module.double()
    x = torch.randn(7, 4, generator=generator, dtype=torch.float64)
    weight = encoder.linears[0].weight
    losses = module.losses(x)
    assert list(losses) == ["distance"]
    by_hand = sum(
        sum(((weight[j] @ row).item() - c) ** 2 for j, c in enumerate((1.0, -2.0))) for row in x
    ) / len(x)
    assert losses.total.item() == pytest.approx(by_hand, rel=1e-6)
    losses.total.backward()
    # ∂/∂W of the mean of ‖Wx − c‖² is 2 · mean of (Wx − c) xᵀ.
    residual = x @ weight.T - module.centre
    torch.testing.assert_close(weight.grad, 2 * residual.T @ x / len(x), rtol=1e-5, atol=1e-6)
    assert [name for name, _ in module.named_parameters()] == ["encoder.layers.0.weight"]


def test_a_linear_encoder_finds_the_least_squares_solution():
    # Wx ≈ c for all x: for data around a mean away from 0 that is a linear regression of c on x.
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 3)) @ rng.normal(size=(3, 3)) * 0.5 + [2.0, -1.0, 1.0]
    model = DeepSVDD(
        latent_dim=2,
        hidden_layer_sizes=(),
        scaling=None,
        weight_decay=0.0,
        early_stopping=False,
        pretraining_epochs=0,
        batch_size=400,
        max_epochs=1500,
        learning_rate=0.02,
        random_state=0,
    ).fit(X)
    best = np.linalg.lstsq(X, np.tile(model.centre_.astype(float), (400, 1)), rcond=None)[0]
    weight = model.module_.encoder.linears[0].weight.detach().numpy()
    np.testing.assert_allclose(weight.T, best, atol=0.02 * np.abs(best).max())
    expected = -np.square(X @ best - model.centre_).sum(1)
    assert np.mean(model.score_samples(X)) == pytest.approx(expected.mean(), rel=1e-2)


# The estimator -------------------------------------------------------------------------------


@cache
def digits():
    X, y = load_digits(return_X_y=True)
    return (X / 16).astype(np.float32), y


@cache
def fitted():
    X, y = digits()
    return DeepSVDD(
        latent_dim=16, learning_rate=3e-3, pretraining_epochs=0, max_epochs=100, random_state=0
    ).fit(X[np.flatnonzero(y == 0)[:140]])


def test_it_is_trained_and_beats_its_untrained_network():
    X, y = digits()
    areas = {"trained": [], "untrained": []}
    for digit in range(5):
        train = np.flatnonzero(y == digit)[:120]
        test = np.setdiff1d(np.arange(len(y)), train)
        model = clone(fitted()).fit(X[train])
        control = untrained(model, X[train])
        assert control.n_iter_ == 0
        assert control.outcome_ == "untrained"
        for name, one in (("trained", model), ("untrained", control)):
            areas[name].append(roc_auc_score(y[test] == digit, one.score_samples(X[test])))
        moved = [
            ((a - b).norm() / b.norm()).item()
            for a, b in zip(
                model.module_.encoder.parameters(),
                control.module_.encoder.parameters(),
                strict=True,
            )
        ]
        assert min(moved) > 0.01
        assert model.history_["loss"][-1] < 0.5 * model.history_["loss"][0]
    assert np.mean(areas["trained"]) > 0.9
    assert np.mean(areas["trained"]) > np.mean(areas["untrained"]) + 0.05


def test_scores_are_minus_the_squared_distance_to_the_centre():
    X, _ = digits()
    model = fitted()
    with torch.no_grad():
        codes = model.module_.encode(torch.from_numpy(X[:50]))
    distance = np.square(codes.numpy() - model.centre_).sum(1)
    np.testing.assert_allclose(model.score_samples(X[:50]), -distance, rtol=1e-4)
    np.testing.assert_array_equal(
        model.decision_function(X), model.score_samples(X) - model.offset_
    )
    expected = np.where(model.decision_function(X) < 0, -1, 1)
    np.testing.assert_array_equal(model.predict(X), expected)


def test_the_centre_is_the_mean_of_the_first_codes_away_from_zero():
    X, y = digits()
    train = X[np.flatnonzero(y == 0)[:140]]
    model = clone(fitted()).set_params(early_stopping=False, max_epochs=1)
    control = untrained(model, train)
    with torch.no_grad():
        codes = control.module_.encode(torch.from_numpy(train)).double().numpy()
    mean, least = codes.mean(0), 0.1 * np.sqrt(np.square(codes).mean())
    far = np.abs(mean) >= least
    np.testing.assert_allclose(control.centre_[far], mean[far], rtol=1e-4)
    np.testing.assert_allclose(np.abs(control.centre_[~far]), least, rtol=1e-4)
    assert (np.sign(control.centre_[~far]) == np.where(mean[~far] < 0, -1, 1)).all()
    np.testing.assert_array_equal(
        control.centre_, model.fit(train).centre_
    )  # and training leaves it


def test_pretraining_is_that_of_an_autoencoder_of_the_same_architecture():
    X, y = digits()
    train = X[np.flatnonzero(y == 0)[:140]]
    settings = {"latent_dim": 4, "hidden_layer_sizes": (16,), "random_state": 0}
    model = DeepSVDD(**settings, pretraining_epochs=12, max_epochs=1).fit(train)
    assert model.autoencoder_.n_iter_ == 12
    assert model.n_iter_ == 1
    assert model.autoencoder_.architecture_.module.name == "unbiased"
    assert model.autoencoder_.history_["loss"][-1] < model.autoencoder_.history_["loss"][0]
    assert model.module_.encoder is model.autoencoder_.module_.encoder
    assert biases(model.module_) == []
    plain = Autoencoder(**settings, activation="leaky_relu", max_epochs=12).fit(train)
    shapes = {n: p.shape for n, p in plain.module_.named_parameters() if "encoder" in n}
    ours = {n: p.shape for n, p in model.module_.named_parameters()}
    assert ours == {n: s for n, s in shapes.items() if not n.endswith("bias")}


def test_an_unbiased_architecture_is_rebuilt_from_what_json_can_hold():
    model = fitted()
    architecture = Architecture.from_json(model.autoencoder_.architecture_.to_json())
    with torch.device("meta"):
        module = build(architecture)
    assert isinstance(module, UnbiasedModule)
    expected = model.autoencoder_.module_.state_dict()
    assert {n: t.shape for n, t in module.state_dict().items()} == {
        n: t.shape for n, t in expected.items()
    }


@pytest.mark.parametrize(
    ("shape", "network"), [((60, 10, 9), ConvolutionalEncoder), ((60, 24, 2), ConvolutionalEncoder)]
)
def test_images_and_signals_are_convolved(shape, network):
    X = np.random.default_rng(0).normal(size=shape)
    model = DeepSVDD(max_epochs=2, random_state=0, normalization="batch").fit(X)
    assert isinstance(model.module_.encoder, network)
    assert model.score_samples(X).shape == (60,)
    dense = DeepSVDD(max_epochs=2, random_state=0, network="dense").fit(X)
    assert isinstance(dense.module_.encoder, Dense)


def test_contamination_is_the_share_of_the_training_rows_beyond():
    X = np.random.default_rng(0).normal(size=(200, 4))
    for contamination, expected in ((0.1, 20), (0.25, 50), ("auto", 2)):
        model = DeepSVDD(max_epochs=3, contamination=contamination, random_state=0)
        assert (model.fit_predict(X) == -1).sum() == expected


# Collapse ------------------------------------------------------------------------------------


def test_a_collapsed_network_is_reported():
    X = np.random.default_rng(0).normal(size=(200, 6))
    # A decay so strong that the weights vanish: every code is 0, at ‖c‖² from the centre.
    with pytest.warns(CollapseWarning, match="the network has collapsed"):
        model = DeepSVDD(
            weight_decay=100.0,
            learning_rate=0.01,
            max_epochs=60,
            early_stopping=False,
            random_state=0,
        ).fit(X)
    assert model.spread_ < 1e-3


def test_a_constant_column_is_a_bias_and_lets_it_collapse():
    # The column is 1 for every row, unscaled: W can send it to c and the others to nothing.
    rng = np.random.default_rng(0)
    X = np.column_stack([np.ones(300), 0.05 * rng.normal(size=(300, 3))])
    settings = {
        "latent_dim": 2,
        "hidden_layer_sizes": (),
        "scaling": None,
        "likelihood": "gaussian",
        "early_stopping": False,
        "pretraining_epochs": 0,
        "batch_size": 300,
        "max_epochs": 1500,
        "learning_rate": 0.02,
        "random_state": 0,
    }
    with pytest.warns(CollapseWarning, match="leave constant values out"):
        DeepSVDD(**settings).fit(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert DeepSVDD(**settings).fit(X[:, 1:]).spread_ > 0.1
        assert fitted().spread_ > 1e-3


def test_noise_has_other_codes_than_the_class():
    X, _ = digits()
    noise = np.random.default_rng(0).random((200, 64))
    assert np.median(fitted().score_samples(noise)) < np.quantile(
        fitted().score_samples(X[digits()[1] == 0]), 0.01
    )


# Mistakes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"activation": "sigmoid"}, "activation"),
        ({"activation": "tanh"}, "activation"),
        ({"contamination": 0.6}, "contamination"),
        ({"contamination": "none"}, "contamination"),
        ({"pretraining_epochs": -1}, "pretraining_epochs"),
        ({"network": (nn.Linear(3, 2), nn.Linear(2, 3))}, "network"),
        ({"latent_dim": 0}, "latent_dim"),
        ({"checkpoint": "there.ckpt"}, "checkpoint"),
    ],
)
def test_parameters_are_checked_in_one_line(parameters, message):
    with pytest.raises(InvalidInputError, match=message) as caught:
        DeepSVDD(**{"max_epochs": 1, **parameters}).fit(np.random.default_rng(0).random((30, 3)))
    assert "\n" not in str(caught.value)


def test_an_unknown_parameter_names_the_nearest():
    with pytest.raises(InvalidInputError, match="did you mean 'contamination'"):
        DeepSVDD(contaminaton=0.1)
    with pytest.raises(NotFittedError):
        DeepSVDD().score_samples(np.zeros((2, 3)))


def test_missing_values_are_refused_or_seen_as_zero():
    X = np.random.default_rng(0).normal(size=(80, 4))
    X[3, 1] = np.nan
    with pytest.raises(InvalidInputError, match="got NaN in row 3, column 1"):
        DeepSVDD(max_epochs=1).fit(X)
    model = DeepSVDD(max_epochs=2, missing="ignore", random_state=0).fit(X)
    assert np.isfinite(model.score_samples(X)).all()
    empty = np.full((1, 4), np.nan)
    assert model.score_samples(empty)[0] == pytest.approx(-np.square(model.centre_).sum(), rel=1e-4)


# What all estimators do ----------------------------------------------------------------------


@pytest.mark.parametrize("scaling", ["standard", None])
def test_values_beyond_float32_are_outliers_with_finite_scores(scaling):
    X = np.random.default_rng(0).normal(size=(60, 4))
    model = DeepSVDD(max_epochs=3, scaling=scaling, random_state=0).fit(X)
    for kind in (np.float64, np.float32):
        Z, most = X[:8].astype(kind), min(float(np.finfo(kind).max), 1e200)
        Z[np.arange(6), [0, 1, 2, 3, 0, 1]] = np.array([1, -1, 0.9, -0.9, 0.1, 1e-9]) * most
        Z[6] = most
        scores = model.score_samples(Z)
        assert np.isfinite(scores).all()
        np.testing.assert_array_equal(model.predict(Z)[:7], -1)
        assert scores[:7].max() < scores[7]


def test_a_score_that_is_not_a_number_is_not_normal(monkeypatch):
    X = np.random.default_rng(0).normal(size=(60, 4))
    model = DeepSVDD(max_epochs=1, random_state=0).fit(X)
    with torch.no_grad():
        next(model.module_.parameters()).fill_(torch.nan)
    assert np.isfinite(model.score_samples(X)).all()
    assert (model.predict(X) == -1).all()
    monkeypatch.setattr(DeepSVDD, "_scores", lambda self, x: np.full(len(x), np.nan))
    assert (model.predict(X) == -1).all()


def weights(model):
    return b"".join(value.numpy().tobytes() for value in model.module_.state_dict().values())


def test_the_same_seed_gives_the_same_bytes_and_globals_are_left_alone():
    X = np.random.default_rng(0).normal(size=(60, 5))
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    first, second, other = (DeepSVDD(max_epochs=3, random_state=s).fit(X) for s in (0, 0, 1))
    assert weights(first) == weights(second) != weights(other)
    assert first.offset_ == second.offset_
    assert torch.equal(before[0], torch.get_rng_state())
    np.testing.assert_array_equal(before[1], np.random.get_state()[1])  # noqa: NPY002


def test_its_codes_are_those_of_its_encoder_and_come_in_the_container_of_the_data(tmp_path):
    X = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    model = DeepSVDD(latent_dim=3, scaling=None, max_epochs=2, random_state=0).fit(X)
    codes = model.transform(X)
    assert (type(codes), codes.dtype, codes.shape) == (np.ndarray, np.float32, (60, 3))
    with torch.no_grad():
        expected = model.module_.encoder(torch.from_numpy(X)).numpy()
    np.testing.assert_allclose(codes, expected, rtol=1e-5, atol=1e-6)
    # The trained encoder, and not the one that was pretrained.
    distances = np.square(codes - model.centre_).sum(1)
    np.testing.assert_allclose(distances, -model.score_samples(X), rtol=1e-4)
    names = list(model.get_feature_names_out())
    assert names == ["deepsvdd0", "deepsvdd1", "deepsvdd2"]
    tensor = model.transform(torch.from_numpy(X))
    assert torch.equal(tensor, torch.from_numpy(codes))
    model.save(tmp_path / "model.safetensors")
    loaded = isthmus.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded.transform(X), codes)
    np.testing.assert_array_equal(loaded.fit_transform(X), codes)
    frame = pd.DataFrame(X, columns=list("abcd"), index=np.arange(60) + 5)
    of_frames = clone(model).fit(frame)
    given = of_frames.transform(frame)
    assert list(given.columns) == names
    assert given.index.equals(frame.index)
    np.testing.assert_array_equal(given, codes)
    assert isinstance(of_frames.set_output(transform="default").transform(frame), np.ndarray)
    assert list(model.set_output(transform="pandas").transform(X).columns) == names
    with pytest.raises(InvalidInputError, match="expected"):
        model.transform(X * np.nan)
    with pytest.raises(NotFittedError):
        DeepSVDD().transform(X)


def test_pickle_clone_frames_and_tensors():
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 3)), columns=list("abc"))
    model = DeepSVDD(max_epochs=2, random_state=0).fit(X)
    assert model.feature_names_in_.tolist() == ["a", "b", "c"]
    assert model.n_features_in_ == 3
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.score_samples(X), model.score_samples(X))
    tensor = torch.from_numpy(X.to_numpy().copy())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no names
        scores = model.score_samples(tensor)
        np.testing.assert_array_equal(model.predict(tensor), model.predict(X))
    np.testing.assert_array_equal(scores.numpy(), model.score_samples(X))
    assert clone(model).get_params() == model.get_params()


def test_a_fit_that_was_stopped_goes_on_to_the_same_weights(tmp_path, monkeypatch):
    X = np.random.default_rng(0).normal(size=(100, 4))
    settings = {"max_epochs": 6, "random_state": 0, "checkpoint_interval": 0.0}
    whole = DeepSVDD(**settings).fit(X)

    class Stop(Exception):
        pass

    def stop(state, *arguments):
        if state.epoch == 3 and isinstance(state.module, OneClassModule):
            raise Stop
        return backpropagation(state, *arguments)

    path = tmp_path / "fit.ckpt"
    with monkeypatch.context() as patch:
        patch.setattr("isthmus.models.base.fitting.Recipe", partial(Recipe, rule=stop))
        with pytest.raises(Stop):
            DeepSVDD(**settings, checkpoint=path).fit(X)
    assert path.with_name("fit.ckpt.autoencoder").exists()
    again = DeepSVDD(**settings, checkpoint=path).fit(X)
    assert weights(again) == weights(whole)


@pytest.mark.parametrize("shape", [(60, 5), (60, 10, 9)])
def test_save_and_load_keep_every_score(tmp_path, shape):
    X = np.random.default_rng(0).normal(size=shape)
    path = tmp_path / "one_class.safetensors"
    model = DeepSVDD(
        max_epochs=2, contamination=0.1, normalization="batch", channels=(4, 4), random_state=0
    ).fit(X)
    model.save(path)
    again = isthmus.load(path, device="cpu")
    assert type(again) is DeepSVDD
    np.testing.assert_array_equal(again.score_samples(X), model.score_samples(X))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert again.get_params() == model.get_params()
    assert again.history_.records == model.history_.records
    assert (again.spread_, again.n_iter_) == (model.spread_, model.n_iter_)
    assert isthmus.persistence.describe(path)["svdd"]["offset"] == model.offset_
    again.fit(X)
    np.testing.assert_array_equal(again.score_samples(X), model.score_samples(X))


def test_a_file_whose_parts_do_not_fit_is_refused(tmp_path):
    X = np.random.default_rng(0).normal(size=(60, 5))
    path = tmp_path / "one_class.safetensors"
    DeepSVDD(max_epochs=1, random_state=0).fit(X).save(path)
    header, tensors = read_tensor_file(path, "model")
    header.pop("_tensors_sha256", None)
    for change in ({"svdd.centre": torch.zeros(9)}, {"svdd.centre": torch.zeros(3).double()}):
        write_tensor_file(path, "model", header, {**tensors, **change})
        with pytest.raises(ModelFileError, match=r"svdd\.centre should be"):
            isthmus.load(path)
    encoder = next(name for name in tensors if "encoder" in name)
    for name in (encoder, "svdd.centre"):
        write_tensor_file(path, "model", header, {**tensors, name: tensors[name] * float("nan")})
        with pytest.raises(ModelFileError, match="its network is not"):
            isthmus.load(path)
    for change in (
        {"offset": float("nan")},
        {"offset": float("inf")},
        {"offset": "x"},
        {"spread": float("nan")},
        {"history": 3},
        {"n_iter": None},
        {"n_iter": -4},
        {"fit_seconds": "nan"},
    ):
        write_tensor_file(path, "model", {**header, "svdd": header["svdd"] | change}, tensors)
        with pytest.raises(ModelFileError, match="damaged"):
            isthmus.load(path)


@pytest.mark.parametrize(
    "change",
    [
        {"likelihood": "foo"},
        {"network": Spec("lstm").to_json(), "hidden": []},
        {"likelihood": ["foo"] * 5},
    ],
)
def test_what_a_file_asks_for_in_vain_is_no_fault_of_the_arguments(tmp_path, change):
    X = np.random.default_rng(0).normal(size=(60, 5))
    path = tmp_path / "m.safetensors"
    model = Autoencoder(latent_dim=2, max_epochs=1, random_state=0).fit(X)
    model.save(path)
    header, tensors = read_tensor_file(path, "model")
    header["architecture"] |= change
    write_tensor_file(path, "model", header, tensors)
    with pytest.raises(ModelFileError, match=r"m\.safetensors is damaged"):
        isthmus.load(path)
    header["architecture"] |= {"network": Spec("custom").to_json(), "likelihood": "gaussian"}
    write_tensor_file(path, "model", header, tensors)
    with pytest.raises(InvalidInputError, match=r"load\(path, network="):
        isthmus.load(path)
    with pytest.raises(InvalidInputError, match=r"^network: "):
        isthmus.load(path, network=(nn.Identity(), nn.Identity()))


def test_it_has_a_name_in_the_package():
    assert isthmus.DeepSVDD is DeepSVDD
    assert "DeepSVDD" in isthmus.__all__
