"""What users of PyTorch and of other libraries try first is understood, or refused by name."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from isthmus import Autoencoder, DenoisingAutoencoder, SeriesDetector, load
from isthmus.errors import InvalidInputError
from isthmus.models.base.parameters import UnknownParameterError

X = np.random.default_rng(0).normal(size=(80, 4)).astype(np.float32)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("lr", "learning_rate"),
        ("epochs", "max_epochs"),
        ("loss", "likelihood"),
        ("encoding_dim", "latent_dim"),
        ("seed", "random_state"),
        ("latent_dims", "latent_dim"),
    ],
)
def test_names_of_other_libraries_are_answered_by_ours(given, meant):
    with pytest.raises(UnknownParameterError, match=f"did you mean '{meant}'"):
        Autoencoder(**{given: 1})


def test_data_sets_and_loaders_are_refused_by_name():
    data = TensorDataset(torch.from_numpy(X))
    with pytest.raises(InvalidInputError, match=r"a TensorDataset of PyTorch; .*dataset\.tensors"):
        Autoencoder().fit(data)
    with pytest.raises(InvalidInputError, match="a DataLoader of PyTorch; put its batches"):
        Autoencoder().fit(DataLoader(data, batch_size=8))
    Autoencoder(max_epochs=1).fit(*data.tensors)


def test_pairs_are_refused_and_labels_are_not():
    with pytest.raises(InvalidInputError, match="takes no pairs of damaged and clean data"):
        DenoisingAutoencoder(max_epochs=1).fit(X + 1, X)
    Autoencoder(max_epochs=1).fit(X, np.arange(80) % 2)


def test_a_device_may_be_a_device(tmp_path):
    settings = {"max_epochs": 2, "random_state": 0}
    one = Autoencoder(device=torch.device("cpu"), **settings).fit(X)
    np.testing.assert_array_equal(one.transform(X), Autoencoder(**settings).fit(X).transform(X))
    one.save(tmp_path / "m.safetensors")
    assert load(tmp_path / "m.safetensors").device == "auto"  # of whatever machine it is on


def test_fractions_before_a_model_of_bytes_are_told():
    images = np.random.default_rng(0).integers(0, 256, (60, 8, 8)).astype(np.uint8)
    model = Autoencoder(max_epochs=1, random_state=0).fit(images)
    for method in (model.reconstruct, model.transform, model.score_samples):
        with pytest.warns(UserWarning, match="divided by 255 already") as record:
            method(images / 255)
        if method != model.transform:  # which scikit-learn wraps
            assert record[0].filename == __file__
        method(images.astype(float))  # bytes all the same
        method(images)


def test_a_second_sigmoid_is_refused():
    encoder = torch.nn.Linear(4, 2)
    decoder = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Sigmoid())
    unit = np.random.default_rng(0).uniform(size=(60, 4))
    with pytest.raises(InvalidInputError, match="ends in a sigmoid, and likelihood='bernoulli'"):
        Autoencoder(network=(encoder, decoder), max_epochs=1).fit(unit)
    Autoencoder(network=(encoder, decoder), likelihood="gaussian", max_epochs=1).fit(unit)
    Autoencoder(network=(encoder, decoder[:1]), max_epochs=1).fit(unit)


def test_a_step_that_is_refused_is_no_part_of_the_stream():
    rng = np.random.default_rng(0)
    series = np.round(np.abs(np.sin(np.arange(600) / 5)) * 3) + 0.01 * rng.normal(size=600)
    detector = SeriesDetector(window=16, causal=True, random_state=0).fit(series)
    new = series[:60] + 0.01

    def refuse(*_):
        raise InvalidInputError("no")

    def stream(broken):
        detector.restart()
        scores = list(detector.update(new[:30]))
        if broken:
            with pytest.raises(InvalidInputError):
                detector.update(np.array([np.inf]))
            with pytest.MonkeyPatch.context() as failing:
                failing.setattr(type(detector), "_surprise", refuse)
                with pytest.raises(InvalidInputError, match="no"):
                    detector.update(np.array([9.0]))
        return np.array(scores + list(detector.update(new[30:])))

    np.testing.assert_array_equal(stream(True), stream(False))
