"""Parameters come back from JSON as what they were."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import isthmus
from isthmus.errors import InvalidInputError
from isthmus.nn import CORRUPTIONS, LATENTS, LIKELIHOODS, Spec
from isthmus.storage.values import from_json, parameters, parameters_of, to_json


def round_trip(value):
    return from_json(json.loads(json.dumps(to_json(value))))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (np.float64(0.5), 0.5),
        ([3, 4], (3, 4)),
        (np.array([1, 2]), (1, 2)),
        (("a", "b"), ("a", "b")),
        (Path("a") / "b", "a/b"),
        (("laplace", {"scale": 2.0}), ("laplace", {"scale": 2.0})),
        ({"a": ("l1", 0.5)}, {"a": ("l1", 0.5)}),
        (Spec("topk", {"k": 3}), Spec("topk", {"k": 3})),
        (("gaussian", {"prior": Spec("flow")}), ("gaussian", {"prior": Spec("flow")})),
    ],
)
def test_values_come_back(value, expected):
    found = round_trip(value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize("registry", [CORRUPTIONS, LATENTS, LIKELIHOODS], ids=lambda r: r.kind)
def test_a_part_comes_back_as_its_kind_although_others_have_its_name(registry):
    part = registry.make(Spec("gaussian"), place={"latent_dim": 2})
    stored = json.loads(json.dumps(to_json(part)))
    assert stored["kind"] == registry.kind
    if registry is not LATENTS:  # which needs to know its place
        assert type(from_json(stored)) is registry["gaussian"]


def test_a_part_of_no_kind_is_looked_up_as_older_files_mean_it():
    stored = {"part": {"name": "gaussian", "options": {"sigma": 0.5}}}
    assert type(from_json(stored)) is CORRUPTIONS["gaussian"]
    first = {"name": "Masking", "fields": {"probability": 0.25}}
    assert type(from_json(first)) is CORRUPTIONS["masking"]
    with pytest.raises(InvalidInputError, match="'grid'"):
        from_json({"part": {"name": "grid", "options": {}}})


def test_an_estimator_is_written_by_its_name_and_parameters():
    layer = isthmus.DenoisingAutoencoder(max_epochs=3, corruption="masking")
    back = round_trip(layer)
    assert type(back) is isthmus.DenoisingAutoencoder
    assert back.get_params(deep=False) == layer.get_params(deep=False)


def test_what_json_cannot_hold_becomes_the_default():
    class Own(isthmus.Autoencoder):
        """A class that no file may name."""

    stack = isthmus.StackedAutoencoder(layer=Own(), max_epochs=3)
    stored = parameters_of(stack)
    assert stored["layer"] == {"custom": "Own"}
    back = parameters(isthmus.StackedAutoencoder, stored, None)
    assert "layer" not in back
    assert back["max_epochs"] == 3
    assert parameters(isthmus.StackedAutoencoder, stored, {"layer": 1, "other": 2})["layer"] == 1


def test_a_likelihood_is_still_one_after_saving(tmp_path):
    X = np.random.default_rng(0).normal(size=(40, 3))
    given = LIKELIHOODS.make(Spec("gaussian"))
    model = isthmus.Autoencoder(latent_dim=2, likelihood=given, max_epochs=1, random_state=0).fit(X)
    model.save(tmp_path / "model.safetensors")
    loaded = isthmus.load(tmp_path / "model.safetensors")
    assert isinstance(loaded.likelihood, LIKELIHOODS["gaussian"])
    loaded.fit(X)  # which a corruption in its place refused
