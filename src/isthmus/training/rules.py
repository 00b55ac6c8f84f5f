"""The training rules by name."""

from __future__ import annotations

from collections.abc import Callable

from isthmus.registry import Registry
from isthmus.training.adversarial import adversarial
from isthmus.training.recirculation import recirculation
from isthmus.training.sparse_inference import sparse_inference
from isthmus.training.step import Step, backpropagation
from isthmus.training.walk_back import walk_back

__all__ = ["RULES"]

# What is registered makes a rule from its options: `RULES.make(Spec("walk_back", {"n_steps": 2}))`.
RULES: Registry[Callable[..., Step]] = Registry("rule")

RULES.register("walk_back")(walk_back)
RULES.register("recirculation")(recirculation)


@RULES.register("backpropagation")
def _backpropagation() -> Step:
    return backpropagation


@RULES.register("adversarial")
def _adversarial() -> Step:
    return adversarial


@RULES.register("sparse_inference")
def _sparse_inference() -> Step:
    return sparse_inference
