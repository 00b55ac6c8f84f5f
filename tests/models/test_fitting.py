"""From an estimator to a fit: which rows are held out, and what a checkpoint is known by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn

from isthmus import DenoisingAutoencoder
from isthmus.applications.anomaly import AnomalyDetector
from isthmus.errors import InvalidInputError
from isthmus.models.base import fitting
from isthmus.models.base.phase import Phase
from isthmus.nn import L1, Masking
from isthmus.storage.container import read_header

X = np.random.default_rng(0).normal(size=(120, 5))


@pytest.mark.parametrize("early_stopping", [True, False])
def test_held_out_rows_are_not_trained_on(monkeypatch, early_stopping):
    seen = []
    original = fitting.train

    def watched(module, data, **options):
        held = data.held_out
        seen.append((data.rows, None if held is None else held.rows, data.x, len(data)))
        return original(module, data, **options)

    monkeypatch.setattr(fitting, "train", watched)
    model = DenoisingAutoencoder(
        max_epochs=1, validation_fraction=0.25, early_stopping=early_stopping, random_state=0
    ).fit(X)
    rows, held, x, n = seen[0]
    if not early_stopping:
        assert held is None
        assert n == 120
        return
    assert (len(held), n) == (30, 90)
    assert sorted([*rows.tolist(), *held.tolist()]) == list(range(120))
    scaled = torch.from_numpy(model.scaler_.forward(X, model.schema_))
    assert torch.equal(x, scaled[rows])


# Another value for each parameter: each must make another fit.
OTHERS = {
    "activation": "tanh",
    "batch_size": 16,
    "channels": (4,),
    "clean_weight": 0.5,
    "corrupted_weight": 2.0,
    "corruption": "masking",
    "corruption_level": 0.4,
    "dropout": 0.1,
    "early_stopping": False,
    "gradient_clip": 1.0,
    "hidden_layer_sizes": (7,),
    "latent_activation": "tanh",
    "latent": ("topk", {"k": 1}),
    "latent_dim": 3,
    "learning_rate": 2e-3,
    "learning_rate_schedule": "constant",
    "likelihood": "laplace",
    "missing": "ignore",
    "network": (nn.Linear(5, 2), nn.Linear(2, 5)),
    "normalization": "layer",
    "optimizer": "sgd",
    "patience": 7,
    "penalties": {"small": L1()},
    "precision": "bfloat16",
    "random_state": 1,
    "scaling": "center",
    "tied_weights": True,
    "validation_fraction": 0.3,
    "walk_back_steps": 3,
    "weight_decay": 0.1,
}
INDIFFERENT = {
    "device": "cpu",
    "layout": "table",  # what "auto" comes to
    "max_epochs": 2,
    "checkpoint": None,
    "checkpoint_interval": 5.0,
    "verbose": 0,
}


def key(path, phase=None, data=X, **changes):
    path.unlink(missing_ok=True)
    settings = {"latent_dim": 2, "max_epochs": 1, "random_state": 0, "corruption": "gaussian"}
    model = DenoisingAutoencoder(**{**settings, "checkpoint": path, **changes})
    if phase is not None:
        model.phase = phase
    model.fit(data)
    return read_header(path, "checkpoint")["fingerprint"]


def test_every_parameter_that_changes_a_fit_is_in_the_fingerprint(tmp_path):
    path = tmp_path / "c"
    known = set(DenoisingAutoencoder().get_params()) - INDIFFERENT.keys()
    assert known - OTHERS.keys() == set()  # a new parameter needs its line above
    changed = X.copy()
    changed[0, 0] += 1e-3
    keys = {"none": key(path), "data": key(path, data=changed)}
    keys |= {name: key(path, **{name: OTHERS[name]}) for name in sorted(known)}
    keys["trim"] = key(path, Phase(trim=0.1))
    keys["origin"] = key(path, Phase(origin="a"))
    keys["split"] = key(path, Phase(split_seed=3))
    assert len(set(keys.values())) == len(keys), keys
    assert key(path) == keys["none"]
    for name in ("max_epochs", "checkpoint_interval"):
        assert key(path, **{name: INDIFFERENT[name]}) == keys["none"]


def test_a_detector_with_another_trim_does_not_get_the_old_model(tmp_path):
    member = DenoisingAutoencoder(max_epochs=1, random_state=0, checkpoint=tmp_path / "c")
    AnomalyDetector(estimator=member, trim=0.05, random_state=0).fit(X)
    AnomalyDetector(estimator=member, trim=0.05, random_state=0).fit(X)
    with pytest.raises(InvalidInputError, match="^checkpoint: .*other settings"):
        AnomalyDetector(estimator=member, trim=0.2, random_state=0).fit(X)


def halved(x, generator):
    return x / 2


@dataclass
class Shifted:
    """A corruption that is no part: an object with settings."""

    by: float

    def __call__(self, x, generator):
        return x + self.by


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {"layout": "table", "network": "dense", "scaling": "robust", "batch_size": 32}),
        ({}, {"precision": "float32", "device": "cpu", "latent_activation": "identity"}),
        ({"random_state": 5}, {"random_state": np.int64(5)}),
        ({"random_state": np.random.RandomState(5)}, {"random_state": np.random.RandomState(5)}),
        ({"hidden_layer_sizes": (8,)}, {"hidden_layer_sizes": [np.int32(8)]}),
        ({"clean_weight": 1.0}, {"clean_weight": 1}),
        ({"corruption": Masking(0.3)}, {"corruption": Masking(0.3)}),
        ({"corruption": Shifted(1.0)}, {"corruption": Shifted(1)}),
        ({"corruption": halved}, {"corruption": halved}),
        ({"penalties": {"a": L1()}}, {"penalties": {"a": L1()}}),
    ],
)
def test_what_means_the_same_is_the_same_fit(one, other, tmp_path):
    assert key(tmp_path / "c", **one) == key(tmp_path / "c", **other)


def own(activation=nn.Tanh, seed=0, **changes):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(5, 4), activation(**changes), nn.Linear(4, 2)), nn.Linear(
            2, 5
        )


def test_a_network_of_ones_own_is_known_by_structure_and_weights(tmp_path):
    path = tmp_path / "c"
    networks = {
        "as it was": own(),
        "activation": own(nn.ReLU),
        "setting": own(nn.LeakyReLU),
        "another setting": own(nn.LeakyReLU, negative_slope=0.3),
        "initial weights": own(seed=1),
    }
    keys = {name: key(path, network=network) for name, network in networks.items()}
    assert len(set(keys.values())) == len(keys), keys
    assert key(path, network=own()) == keys["as it was"]


def test_a_fit_with_another_network_of_ones_own_does_not_get_the_old_weights(tmp_path):
    settings = {"latent_dim": 2, "max_epochs": 1, "random_state": 0, "checkpoint": tmp_path / "c"}
    before = DenoisingAutoencoder(network=own(), **settings).fit(X)
    for network in (own(nn.ReLU), own(seed=1)):
        with pytest.raises(InvalidInputError, match="^checkpoint: .*other settings"):
            DenoisingAutoencoder(network=network, **settings).fit(X)
    again = DenoisingAutoencoder(network=own(), **settings).fit(X)
    assert again.fit_seconds_ == before.fit_seconds_


class Opaque:
    def __call__(self, x, generator):
        return x


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"corruption": lambda x, generator: x}, "corruption holds a lambda"),
        ({"corruption": Opaque()}, "corruption holds an object of class Opaque"),
        ({"penalties": {"a": lambda module, x, z, generator: 0 * z.sum()}}, "penalties holds a l"),
    ],
)
def test_what_a_new_process_cannot_know_is_refused_before_the_fit(given, what, tmp_path):
    path = tmp_path / "c"
    settings = {"max_epochs": 1, "random_state": 0, **given}
    with pytest.raises(InvalidInputError, match=f"^checkpoint: {what}.*registered part") as caught:
        DenoisingAutoencoder(**settings, checkpoint=path).fit(X)
    assert "\n" not in str(caught.value)
    assert not path.exists()
    DenoisingAutoencoder(**settings).fit(X)  # without a checkpoint it is as good as any


def test_a_longer_fit_goes_on_from_a_checkpoint(tmp_path):
    settings = {"random_state": 0, "checkpoint": tmp_path / "c"}
    DenoisingAutoencoder(max_epochs=2, **settings).fit(X)
    with pytest.warns(UserWarning, match="max_epochs=2; it goes on by the schedule of 4"):
        model = DenoisingAutoencoder(max_epochs=4, **settings).fit(X)
    assert model.n_iter_ == 4
