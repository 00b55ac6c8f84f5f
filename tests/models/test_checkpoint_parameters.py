"""A checkpoint belongs to one fit: with any parameter changed that changes the fit, it is refused.

Each constructor parameter is changed in turn, with the checkpoint of the fit before.
"""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch
from torch import nn

from isthmus import (
    AnomalyDetector,
    Autoencoder,
    DenoisingAutoencoder,
    SparseAutoencoder,
    StackedAutoencoder,
    VariationalAutoencoder,
)
from isthmus.errors import InvalidInputError
from isthmus.nn import L1

X = np.random.default_rng(0).uniform(size=(60, 4))
Y = np.arange(60) % 2
MANY = np.random.default_rng(1).uniform(size=(400, 4))
BASE = {"latent_dim": 2, "hidden_layer_sizes": (8,), "max_epochs": 2, "random_state": 0}
MEMBERS = {
    "autoencoder": Autoencoder(**BASE),
    "denoising": DenoisingAutoencoder(**BASE),
    "sparse": SparseAutoencoder(**BASE),
    "sparse, topk": SparseAutoencoder(**BASE | {"latent_dim": 6}, sparsity="topk", k=2),
    "variational": VariationalAutoencoder(**BASE),
    "variational, mixture": VariationalAutoencoder(**BASE, prior="mixture"),
    "stacked": StackedAutoencoder(**BASE),
}
# What changes neither the weights nor the way to them, or is what "auto" comes to; and
# `max_epochs`, which may be raised.
TAKEN_UP = {
    "checkpoint": "another.checkpoint",
    "checkpoint_interval": 1.0,
    "device": "cpu",
    "layout": "table",
    "max_epochs": 3,
    "verbose": 1,
}
OTHER = {
    "activation": "tanh",
    "alpha": 2.0,
    "batch_size": 16,
    "beta": 0.5,
    "beta_warmup": 5,
    "capacity": 1.0,
    "channels": (4,),
    "clean_weight": 2.0,
    "conditional": True,
    "corrupted_weight": 2.0,
    "corruption": "gaussian",
    "corruption_level": 0.4,
    "dropout": 0.1,
    "dynamic_binarization": True,
    "early_stopping": False,
    "fine_tuning": False,
    "free_bits": 0.1,
    "gradient_clip": 1.0,
    "hidden_layer_sizes": (9,),
    "k": 3,
    "k_annealing": 1,
    "k_start": 3,
    "latent": ("noisy", {"noise": 0.1}),
    "latent_activation": "sigmoid",
    "latent_dim": 3,
    "layer": "contractive",
    "learning_rate": 2e-3,
    "learning_rate_schedule": "constant",
    "likelihood": "gaussian",
    "missing": "ignore",
    "n_components": 3,
    "network": (nn.Linear(4, 2), nn.Linear(2, 4)),
    "normalization": "layer",
    "optimizer": "sgd",
    "patience": 7,
    "penalties": {"small": L1()},
    "posterior": "flow",
    "precision": "bfloat16",
    "prior": "vamp",
    "random_state": 1,
    "scaling": "minmax",
    "sparsity": "kl",
    "sparsity_weight": 0.2,
    "target_activity": 0.1,
    "tied_weights": True,
    "validation_fraction": 0.2,
    "walk_back_steps": 2,
    "weight_decay": 1e-3,
}
# Of one member, where that value is not valid.
OF_MEMBER = {
    "sparse, topk": {"network": (nn.Linear(4, 6), nn.Linear(6, 4))},
    "variational": {"network": (nn.Linear(4, 4), nn.Linear(2, 4))},
    "variational, mixture": {"network": (nn.Linear(4, 4), nn.Linear(2, 4))},
    "stacked": {"latent_activation": "tanh"},
}
# Where no other value is valid; and `fine_tuning`, without which the layers are the same.
LEFT_OUT = {
    "variational": ("latent_activation",),
    "variational, mixture": ("latent_activation", "free_bits"),
    "stacked": ("network", "normalization", "fine_tuning", "max_epochs"),
}


def cases():
    for name, model in MEMBERS.items():
        for parameter in model.get_params(deep=False):
            if parameter not in LEFT_OUT.get(name, ()):
                yield name, parameter


@pytest.fixture(scope="module")
def fits(tmp_path_factory):
    """Return each member fitted, and the folder of its checkpoint; each is fitted once."""
    done = {}

    def fit(name):
        if name not in done:
            folder = tmp_path_factory.mktemp("fit")
            model = copy_of(MEMBERS[name], checkpoint=folder / "fit.checkpoint")
            done[name] = model.fit(X, Y), folder
        return done[name]

    return fit


def copy_of(model, **parameters):
    return type(model)(**model.get_params(deep=False) | parameters)


def changed(name, parameter, fits, folder):
    """Return the fit of before, and the member with one other parameter and that checkpoint."""
    before, files = fits(name)
    shutil.copytree(files, folder, dirs_exist_ok=True)
    value = (TAKEN_UP | OTHER | OF_MEMBER.get(name, {}))[parameter]
    if parameter == "checkpoint":  # the same files by another name
        for path in list(folder.iterdir()):
            path.rename(folder / path.name.replace("fit.checkpoint", value))
        return before, copy_of(MEMBERS[name], checkpoint=folder / value)
    return before, copy_of(
        MEMBERS[name], **{"checkpoint": folder / "fit.checkpoint", parameter: value}
    )


@pytest.mark.parametrize(("name", "parameter"), list(cases()))
def test_a_checkpoint_is_of_a_fit_with_the_same_parameters(name, parameter, fits, tmp_path, capfd):
    if parameter == "device" and torch.cuda.is_available():
        pytest.skip("auto is not the cpu here")
    before, after = changed(name, parameter, fits, tmp_path)
    if parameter not in TAKEN_UP:
        with pytest.raises(InvalidInputError, match="belongs to a fit with other settings"):
            after.fit(X, Y)
        return
    if parameter == "max_epochs":
        # It goes on by the schedule of the new number, and is not the shorter fit continued.
        with pytest.warns(UserWarning, match="max_epochs"):
            after.fit(X, Y)
        assert after.n_iter_ == 3
        assert after.history_["loss"][:2] == before.history_["loss"]
        return
    after.fit(X, Y)
    assert after.fit_seconds_ == before.fit_seconds_  # read, and not trained again
    for key, value in before.module_.state_dict().items():
        assert torch.equal(after.module_.state_dict()[key], value)


def test_a_stack_that_is_not_fine_tuned_goes_on_from_the_layers_and_is_another(fits, tmp_path):
    before, after = changed("stacked", "fine_tuning", fits, tmp_path)
    after.fit(X)
    assert (before.outcome_, after.outcome_) == ("epochs", "pretrained")
    for ours, theirs in zip(after.pretraining_, before.pretraining_, strict=True):
        assert ours.records == theirs.records
    assert (after.transform(X) != before.transform(X)).any()


# What a detector asks of the fits of its members.
DETECTOR = {
    "estimator": Autoencoder(**BASE | {"latent_dim": 3}),
    "trim": 0.3,
    "calibration_fraction": 0.4,
    "random_state": 1,
}
DETECTOR_TAKEN_UP = {
    "n_members": 2,
    "scores": "reconstruction",
    "false_alarm_rate": 0.2,
    "tail": "pot",
    "contamination": 0.1,
    "verbose": 1,
}


def detector(folder, **changes):
    parameters = {"trim": 0.1, "calibration_fraction": 0.7, "random_state": 0} | changes
    estimator = parameters.pop("estimator", Autoencoder(**BASE))
    estimator = copy_of(estimator, checkpoint=folder / "fit.checkpoint")
    return AnomalyDetector(estimator=estimator, **parameters)


def test_every_parameter_of_a_detector_is_looked_at():
    assert set(DETECTOR) | set(DETECTOR_TAKEN_UP) == set(AnomalyDetector().get_params(deep=False))


@pytest.mark.parametrize("parameter", DETECTOR)
def test_a_detector_refuses_the_checkpoint_of_a_member_that_learned_otherwise(parameter, tmp_path):
    detector(tmp_path).fit(MANY)
    with pytest.raises(InvalidInputError, match="belongs to a fit with other settings"):
        detector(tmp_path, **{parameter: DETECTOR[parameter]}).fit(MANY)


@pytest.mark.parametrize("parameter", DETECTOR_TAKEN_UP)
def test_a_detector_takes_up_a_member_that_learned_the_same(parameter, tmp_path):
    before = detector(tmp_path).fit(MANY)
    changes = {parameter: DETECTOR_TAKEN_UP[parameter]}
    if parameter == "tail":  # it needs a rate
        changes["false_alarm_rate"] = 0.05
    after = detector(tmp_path, **changes).fit(MANY)
    assert after.members_[0].fit_seconds_ == before.members_[0].fit_seconds_
