"""The classifier on a pretrained encoder: labels that are missing, controls, files, resuming."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import cross_val_score
from sklearn.utils.estimator_checks import (
    check_classifier_data_not_an_array,
    estimator_checks_generator,
)

import isthmus
from isthmus import (
    Autoencoder,
    AutoencoderClassifier,
    ContractiveAutoencoder,
    StackedAutoencoder,
    VariationalAutoencoder,
)
from isthmus.errors import InvalidInputError, ModelFileError
from isthmus.nn import AutoencoderModule, ClassifierModule, Dense
from isthmus.storage.container import read_tensor_file, write_tensor_file

CHECKS = list(
    estimator_checks_generator(
        AutoencoderClassifier(
            autoencoder=Autoencoder(max_epochs=20), learning_rate=0.01, max_epochs=40
        ),
        legacy=True,
        mark=None,
    )
)


@pytest.mark.parametrize(
    ("model", "check"), CHECKS, ids=lambda v: getattr(getattr(v, "func", v), "__name__", "")
)
def test_scikit_learns_own_checks(model, check):
    check(model)


def test_the_default_takes_what_is_no_array():
    check_classifier_data_not_an_array("AutoencoderClassifier", AutoencoderClassifier(max_epochs=2))


@cache
def digits():
    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.data))
    X, y = data.data[order] / 16, data.target[order]
    return X[:1400], X[1400:], y[:1400], y[1400:]


def partly(y, count):
    return np.where(np.arange(len(y)) < count, y, -1)


@cache
def pretrained():
    layer = ContractiveAutoencoder(contraction=0.03, learning_rate=3e-3, max_epochs=30)
    model = StackedAutoencoder(
        layer=layer, hidden_layer_sizes=(100,), latent_dim=60, fine_tuning=False, random_state=0
    )
    return model.fit(digits()[0])


def test_pretraining_on_unlabelled_rows_beats_the_labels_alone():
    X, held_out, y, y_test = digits()
    accuracy = {
        pretraining: np.mean(
            [
                AutoencoderClassifier(
                    autoencoder=FrozenEstimator(pretrained()),
                    pretraining=pretraining,
                    learning_rate=3e-3,
                    max_epochs=150,
                    random_state=seed,
                )
                .fit(X, partly(y, 100))
                .score(held_out, y_test)
                for seed in (0, 1)
            ]
        )
        for pretraining in (True, False)
    }
    assert accuracy[True] > accuracy[False] + 0.03
    assert accuracy[True] > 0.87


def test_a_frozen_autoencoder_is_copied_and_not_fitted_again():
    X, _, y, _ = digits()
    before = {k: v.clone() for k, v in pretrained().module_.state_dict().items()}
    model = AutoencoderClassifier(
        autoencoder=FrozenEstimator(pretrained()), max_epochs=2, random_state=0
    ).fit(X, y)
    for name, value in pretrained().module_.state_dict().items():
        assert torch.equal(value, before[name])
    moved = model.module_.state_dict()
    assert not torch.equal(moved["encoder.layers.0.weight"], before["encoder.layers.0.weight"])
    assert torch.equal(moved["decoder.layers.0.weight"], before["decoder.layers.0.weight"])


def test_the_loss_is_the_cross_entropy_of_the_labelled_rows():
    X, _, y, _ = digits()
    model = AutoencoderClassifier(
        autoencoder=FrozenEstimator(pretrained()),
        max_epochs=1,
        learning_rate=1e-12,
        random_state=0,
    ).fit(X, partly(y, 64))
    probability = model.predict_proba(X[:64])[np.arange(64), y[:64]]
    assert model.history_["classification"][0] == pytest.approx(-np.log(probability).mean(), 1e-4)
    assert model.n_labelled_ == 64
    np.testing.assert_allclose(model.predict_proba(X).sum(1), 1, atol=1e-6)


@pytest.mark.parametrize(
    "mark",
    [
        lambda y: np.where(np.arange(len(y)) % 3, y, -1),
        lambda y: np.where(np.arange(len(y)) % 3, y.astype(float), np.nan),
        lambda y: np.array([int(v) if i % 3 else None for i, v in enumerate(y)], dtype=object),
        lambda y: np.array([int(v) if i % 3 else -1 for i, v in enumerate(y)], dtype=object),
        lambda y: pd.Series(np.where(np.arange(len(y)) % 3, y, -1)),
        lambda y: pd.Series([int(v) if i % 3 else pd.NA for i, v in enumerate(y)], dtype="Int64"),
        lambda y: pd.Series([int(v) if i % 3 else pd.NA for i, v in enumerate(y)], dtype=object),
    ],
    ids=["minus one", "nan", "none", "objects", "series", "Int64", "NA"],
)
def test_every_way_to_say_unlabelled_is_the_same(mark):
    X, y = load_iris(return_X_y=True)
    seen = np.arange(len(y)) % 3 > 0
    base = FrozenEstimator(Autoencoder(latent_dim=3, max_epochs=2, random_state=0).fit(X))
    settings = {"autoencoder": base, "max_epochs": 3, "random_state": 0}
    model = AutoencoderClassifier(**settings).fit(X, mark(y))
    control = AutoencoderClassifier(**settings).fit(X[seen], y[seen])
    np.testing.assert_array_equal(model.predict_proba(X), control.predict_proba(X))
    assert model.n_labelled_ == seen.sum()
    assert model.classes_.tolist() == [0, 1, 2]


def test_text_labels_and_minus_one_beside_one_other_label():
    X, y = load_iris(return_X_y=True)
    base = FrozenEstimator(Autoencoder(latent_dim=4, random_state=0).fit(X))
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    model = AutoencoderClassifier(autoencoder=base, random_state=0).fit(X, names)
    assert model.score(X, names) > 0.9
    binary = np.where(y == 0, -1, 1)
    model = AutoencoderClassifier(autoencoder=base, random_state=0).fit(X, binary)
    assert model.classes_.tolist() == [-1, 1]
    assert model.score(X, binary) > 0.95


def test_what_cannot_be_learned_is_refused():
    X, y = load_iris(return_X_y=True)
    model = AutoencoderClassifier(autoencoder=Autoencoder(max_epochs=1), max_epochs=1)
    for labels, words in (
        (None, "requires y"),
        (np.full(len(y), -1), "two classes"),
        (np.full(len(y), np.nan), "two classes"),
        (y[:-1], "inconsistent numbers"),
        (y + 0.5, "continuous"),
        (np.full(len(y), np.inf), "infinity"),
    ):
        with pytest.raises(InvalidInputError, match=words):
            model.fit(X, labels)
    with pytest.raises(InvalidInputError, match="conditional"):
        AutoencoderClassifier(autoencoder=VariationalAutoencoder(conditional=True)).fit(X, y)
    with pytest.raises(InvalidInputError, match="pretrainin"):
        AutoencoderClassifier(pretrainin=False)
    with pytest.raises(InvalidInputError, match="family"):
        AutoencoderClassifier(autoencoder=FrozenEstimator(clone(model))).fit(X, y)


@pytest.mark.parametrize("base", ["dense", "images", "variational"])
def test_any_member_is_an_encoder(base):
    X, _, y, _ = digits()
    X, y = X[:300], y[:300]
    autoencoder = {
        "dense": Autoencoder(max_epochs=2),
        "images": Autoencoder(max_epochs=2, latent_dim=16),
        "variational": VariationalAutoencoder(max_epochs=2, latent_dim=8),
    }[base]
    X = X.reshape(-1, 8, 8) if base == "images" else X
    model = AutoencoderClassifier(autoencoder=autoencoder, max_epochs=60, random_state=0).fit(X, y)
    assert model.score(X, y) > 0.8


def test_the_default_is_cross_validated_on_a_table():
    X, y = load_iris(return_X_y=True)
    scores = cross_val_score(AutoencoderClassifier(max_epochs=100, random_state=0), X, y, cv=3)
    assert scores.mean() > 0.9


def test_saved_and_loaded(tmp_path):
    X, held_out, y, _ = digits()
    names = np.array([f"digit {v}" for v in y])
    frame = pd.DataFrame(X, columns=[f"pixel {i}" for i in range(64)])
    model = AutoencoderClassifier(
        autoencoder=StackedAutoencoder(max_epochs=3, latent_dim=20), max_epochs=5, random_state=0
    ).fit(frame, names)
    model.save(tmp_path / "model.safetensors")
    loaded = isthmus.load(tmp_path / "model.safetensors")
    assert isinstance(loaded, AutoencoderClassifier)
    test = pd.DataFrame(held_out, columns=frame.columns)
    np.testing.assert_array_equal(loaded.predict_proba(test), model.predict_proba(test))
    np.testing.assert_array_equal(loaded.predict(test), model.predict(test))
    assert loaded.feature_names_in_.tolist() == list(frame.columns)
    assert loaded.history_.records == model.history_.records
    assert loaded.n_labelled_ == len(y)
    again = clone(loaded).fit(frame, names)
    np.testing.assert_array_equal(again.predict_proba(test), model.predict_proba(test))


def test_a_damaged_file_is_refused(tmp_path):
    X, _, y, _ = digits()
    path = tmp_path / "model.safetensors"
    AutoencoderClassifier(
        autoencoder=Autoencoder(max_epochs=1, latent_dim=3), max_epochs=1, random_state=0
    ).fit(X, y).save(path)
    header, tensors = read_tensor_file(path, "model")
    header.pop("_tensors_sha256", None)

    def rewritten(**changes):
        parts = {**tensors, **changes.pop("tensors", {})}
        stored = {**header, "classifier": {**header["classifier"], **changes}}
        write_tensor_file(path, "model", stored, parts)

    for changes in (
        {"classes": [1, 1, 2]},
        {"classes": list(range(11))},
        {"classes": "abc"},
        {"classes": [[1], [2]]},
        {"tensors": {"head.weight": torch.zeros(10, 4)}},
        {"tensors": {"head.bias": torch.zeros(10, dtype=torch.float64)}},
        {"history": 3},
        {"parameters": None},
        {"autoencoder": 3},
    ):
        rewritten(**changes)
        with pytest.raises(ModelFileError):
            isthmus.load(path)


class Stop(Exception):
    """What ends a process in the middle."""


@pytest.mark.parametrize("at", ["part.autoencoder", "part"])
def test_a_fit_that_is_ended_resumes_to_the_same_weights(at, tmp_path, monkeypatch):
    from isthmus.training import loop

    X, _, y, _ = digits()

    def model(name):
        return AutoencoderClassifier(
            autoencoder=Autoencoder(max_epochs=5, checkpoint_interval=0.0, random_state=0),
            max_epochs=5,
            checkpoint=tmp_path / name,
            checkpoint_interval=0.0,
            random_state=0,
        )

    whole = model("whole").fit(X, y)
    saved = loop.Checkpoint.save_if_due

    def save(self, state):
        saved(self, state)
        if str(self.path).endswith(at) and state.epoch == 3:
            raise Stop

    monkeypatch.setattr(loop.Checkpoint, "save_if_due", save)
    part = model("part")
    with pytest.raises(Stop):
        part.fit(X, y)
    monkeypatch.setattr(loop.Checkpoint, "save_if_due", saved)
    np.testing.assert_array_equal(part.fit(X, y).predict_proba(X), whole.predict_proba(X))
    # Other labels are another fit.
    with pytest.raises(InvalidInputError, match="other"):
        part.fit(X, np.roll(y, 1))


def test_missing_values():
    X, _, y, _ = digits()
    X = X[:300].copy()
    X[np.random.default_rng(0).random(X.shape) < 0.1] = np.nan
    base = Autoencoder(missing="ignore", max_epochs=5)
    model = AutoencoderClassifier(autoencoder=base, max_epochs=60, random_state=0).fit(X, y[:300])
    assert model.score(X, y[:300]) > 0.8


def test_the_gradient_reaches_encoder_and_head_but_not_the_decoder():
    generator = torch.Generator().manual_seed(0)
    base = AutoencoderModule(
        Dense((5,), (3,), generator=generator), Dense((3,), (5,), generator=generator)
    )
    module = ClassifierModule(base, 3, 2, generator)
    x = torch.randn(8, 5, generator=generator)
    losses = module.losses(x, torch.tensor([0, 1] * 4))
    losses.total.backward()
    assert list(losses) == ["classification"]
    assert module.head.weight.grad.abs().sum() > 0
    assert base.encoder.layers[0].weight.grad.abs().sum() > 0
    assert base.decoder.layers[0].weight.grad is None
    with pytest.raises(InvalidInputError, match="class of each sample"):
        module.losses(x)


def test_pandas_text_with_gaps():
    X, y = load_iris(return_X_y=True)
    names = pd.Series(np.array(["a", "b", "c"])[y], dtype="string")
    names[::3] = pd.NA
    model = AutoencoderClassifier(autoencoder=Autoencoder(max_epochs=1), max_epochs=2).fit(X, names)
    assert model.n_labelled_ == 100
    assert model.classes_.tolist() == ["a", "b", "c"]


def test_a_checkpoint_belongs_to_the_weights_of_the_frozen_autoencoder(tmp_path):
    X, y = load_iris(return_X_y=True)
    settings = {"latent_dim": 3, "max_epochs": 2, "scaling": None}
    one, other = (Autoencoder(random_state=seed, **settings).fit(X) for seed in (0, 1))
    other.set_params(random_state=0)

    def fit(base):
        return AutoencoderClassifier(
            autoencoder=FrozenEstimator(base),
            max_epochs=2,
            checkpoint=tmp_path / "fit",
            random_state=0,
        ).fit(X, y)

    np.testing.assert_array_equal(fit(one).predict_proba(X), fit(one).predict_proba(X))
    with pytest.raises(InvalidInputError, match="other"):
        fit(other)


def test_the_supervised_control_is_seeded_and_saved(tmp_path):
    X, y = load_iris(return_X_y=True)
    base = FrozenEstimator(StackedAutoencoder(latent_dim=3, max_epochs=1).fit(X))
    models = [
        AutoencoderClassifier(
            autoencoder=base, pretraining=False, max_epochs=2, random_state=0
        ).fit(X, y)
        for _ in range(2)
    ]
    np.testing.assert_array_equal(models[0].predict_proba(X), models[1].predict_proba(X))
    models[0].save(tmp_path / "model")
    loaded = isthmus.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(X), models[0].predict_proba(X))


def test_a_loaded_classifier_does_not_pass_its_fine_tuned_encoder_for_a_pretrained_one(tmp_path):
    X, y = load_iris(return_X_y=True)
    base = Autoencoder(latent_dim=3, max_epochs=1, random_state=0).fit(X)
    path = tmp_path / "model"
    model = AutoencoderClassifier(autoencoder=FrozenEstimator(base), max_epochs=2, random_state=0)
    model.fit(X, y).save(path)
    again = clone(isthmus.load(path))
    assert again.autoencoder.estimator.get_params() == base.get_params()
    with pytest.raises(NotFittedError):
        again.fit(X, y)
    AutoencoderClassifier(max_epochs=2, random_state=0).fit(X, y).save(path)
    assert isthmus.load(path).autoencoder is None


def test_the_head_is_compared_before_memory_is_used(tmp_path, monkeypatch):
    X, y = load_iris(return_X_y=True)
    path = tmp_path / "model"
    AutoencoderClassifier(
        autoencoder=Autoencoder(latent_dim=3, max_epochs=1), max_epochs=1, random_state=0
    ).fit(X, y).save(path)
    header, tensors = read_tensor_file(path, "model")
    header.pop("_tensors_sha256", None)
    header["classifier"]["classes"] = list(range(100_000))
    write_tensor_file(path, "model", header, tensors)

    def allocate(self, generator=None):
        raise AssertionError("the head was made before its shape was compared")

    monkeypatch.setattr(AutoencoderClassifier, "assemble", allocate)
    with pytest.raises(ModelFileError, match="head"):
        isthmus.load(path)
