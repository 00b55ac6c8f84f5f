"""Parts by name: what a spec makes, what is refused, and what a registered part remembers."""

from __future__ import annotations

import copy
import pickle

import pytest
from torch import nn

from isthmus.errors import InvalidInputError
from isthmus.nn import (
    CORRUPTIONS,
    LATENTS,
    LIKELIHOODS,
    MODULES,
    NETWORKS,
    PENALTIES,
    PRIORS,
)
from isthmus.registry import Part, Registry, Spec

KINDS = [CORRUPTIONS, LATENTS, LIKELIHOODS, MODULES, NETWORKS, PENALTIES, PRIORS]


@pytest.mark.parametrize("registry", KINDS, ids=lambda registry: registry.kind)
def test_an_unknown_name_is_refused_with_the_nearest(registry):
    for name in registry:
        with pytest.raises(InvalidInputError, match=f"did you mean '{name}'"):
            registry[name + "x"]
    with pytest.raises(InvalidInputError, match="there are "):
        registry["¿"]


# Modules hand on what they do not know to the module that they are made of.
@pytest.mark.parametrize(
    "registry", [each for each in KINDS if each is not MODULES], ids=lambda registry: registry.kind
)
def test_an_unknown_option_is_refused(registry):
    for name in registry:
        with pytest.raises(InvalidInputError, match="has no option 'no_such'"):
            registry.make(Spec(name, {"no_such": 1}))


@pytest.mark.parametrize("registry", KINDS, ids=lambda registry: registry.kind)
def test_a_name_is_taken_once(registry):
    name = next(iter(registry))
    with pytest.raises(InvalidInputError, match="is the name of"):
        registry.register(name)(type("Other", (), {}))


def test_an_option_that_is_nearly_right_is_named():
    with pytest.raises(InvalidInputError, match="did you mean 'activation'"):
        LATENTS.make(Spec("deterministic", {"activatoin": "relu"}))


class Grid(Part, nn.Module):
    def __init__(self, *sides, name="grid", **more):
        super().__init__()


def test_a_part_remembers_its_arguments_through_copies():
    for part in (Grid(name="other", depth=2), copy.deepcopy(Grid(name="other", depth=2))):
        assert part.spec == Spec("Grid", {"name": "other", "depth": 2})
        assert pickle.loads(pickle.dumps(part)).spec == part.spec
        assert Spec.from_json(part.spec.to_json()) == part.spec


def test_options_of_a_place_are_given_to_those_that_name_them():
    registry = Registry("thing")

    @registry.register("sized")
    class Sized(Part):
        def __init__(self, latent_dim, depth=1):
            self.size = latent_dim, depth

    made = registry.make(Spec("sized", {"depth": 3}), place={"latent_dim": 5, "generator": None})
    assert made.size == (5, 3)
    assert made.spec == Spec("sized", {"depth": 3})  # the place is no choice
