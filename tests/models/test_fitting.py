"""From an estimator to a fit: which rows are held out, and what a checkpoint is known by."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from isthmus import DenoisingAutoencoder
from isthmus.applications.anomaly import AnomalyDetector
from isthmus.errors import InvalidInputError
from isthmus.models.base import fitting
from isthmus.models.base.phase import Phase
from isthmus.nn import L1
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
    "layout": "table",
    "learning_rate": 2e-3,
    "learning_rate_schedule": "constant",
    "likelihood": "laplace",
    "missing": "ignore",
    "network": "dense",
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


def test_a_function_among_the_parameters_is_known_in_another_process(tmp_path):
    """By its name, and not by where it lies in memory."""

    def make():
        def halved(x, generator):
            return x / 2

        return halved

    first, second = make(), make()
    assert first is not second
    path = tmp_path / "c"
    assert key(path, corruption=first) == key(path, corruption=second)


def test_a_longer_fit_goes_on_from_a_checkpoint(tmp_path):
    settings = {"random_state": 0, "checkpoint": tmp_path / "c"}
    DenoisingAutoencoder(max_epochs=2, **settings).fit(X)
    with pytest.warns(UserWarning, match="max_epochs=2; it goes on by the schedule of 4"):
        model = DenoisingAutoencoder(max_epochs=4, **settings).fit(X)
    assert model.n_iter_ == 4
