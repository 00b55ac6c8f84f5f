"""What an estimator decides before a fit, as data: its parts, penalties, and training recipe."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import torch
from torch import Tensor

from isthmus.data.scaling import Scaler
from isthmus.data.schema import Schema
from isthmus.data.summary import Summary
from isthmus.models.base.architecture import Architecture
from isthmus.models.base.likelihoods import LikelihoodSpec, make_likelihood
from isthmus.nn import AnyCorruption, AutoencoderModule, Penalty, Spec
from isthmus.training import Annealing, Coefficient, Step, backpropagation

__all__ = ["Choices", "DataFacts", "Recipe", "ValueDefaults"]


@dataclass(frozen=True)
class ValueDefaults:
    """What "auto" comes to for the values of the data.

    Parameters
    ----------
    likelihood, scaling : str
        A name, or "auto": decided by the kinds of values.
    gaussian : str
        Which Gaussian is the automatic one for real values.
    """

    likelihood: str = "auto"
    scaling: str = "auto"
    gaussian: str = "gaussian"


@dataclass(frozen=True)
class DataFacts:
    """What is known of the training data when an estimator makes its choices.

    Parameters
    ----------
    schema : Schema
        The form of a sample.
    likelihood : str, list or Spec
        The likelihood of the values, decided already.
    condition_dim : int
        Numbers in a condition; 0 without one.
    summary : Summary
        The summary of the rows of the fit.
    scaler : Scaler
        Fitted to them.
    """

    schema: Schema
    likelihood: LikelihoodSpec
    condition_dim: int
    summary: Summary
    scaler: Scaler

    @property
    def n_rows(self) -> int:
        """Rows of the training data."""
        return self.summary.n_rows

    @property
    def likelihood_name(self) -> str:
        """The name of the likelihood without its number of classes or levels; "mixed" for many."""
        if isinstance(self.likelihood, Spec):
            return self.likelihood.name
        return self.likelihood.partition(":")[0] if isinstance(self.likelihood, str) else "mixed"

    def feature_bounds(self) -> tuple[float, float]:
        """Return the lowest and the highest value that the encoder sees."""
        bounds = torch.from_numpy(self.scaler.bounds(self.summary))
        seen = make_likelihood(self.likelihood).features(bounds)
        seen = seen[~seen.isnan()]
        return float(seen.min()), float(seen.max())

    def some_rows(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw rows of the data, with replacement: scaled, (count, *module_shape).

        Parameters
        ----------
        count : int
            How many.
        generator : torch.Generator
            Which.
        """
        rows = self.summary.rows
        which = torch.randint(len(rows), (count,), generator=generator)
        return torch.from_numpy(self.scaler.forward(rows[which.numpy()], self.schema))


def _still(max_epochs: int) -> Annealing | None:
    """Return what changes the module from epoch to epoch: nothing."""
    return None


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a network is trained, as far as the kind of model decides it.

    Parameters
    ----------
    coefficients : mapping of str to float or callable
        The factor of each term of the loss; 1 where not named.
    unmonitored : tuple of str
        Terms of the loss by which the best weights are not chosen.
    rule : callable
        One step of training, see `isthmus.training.Step`.
    momentum : float
        The momentum of the optimiser: adversaries, whose target moves, want less of the past.
    annealing : callable ``(max_epochs) -> Annealing or None``
        What changes the module from epoch to epoch.
    binary_draws : bool
        Whether rows are drawn anew as 0 and 1 in each step, and once for the held-out ones.
    """

    coefficients: Mapping[str, Coefficient] = field(default_factory=dict)
    unmonitored: tuple[str, ...] = ()
    rule: Step = backpropagation
    momentum: float = 0.9
    annealing: Callable[[int], Annealing | None] = _still
    binary_draws: bool = False


@dataclass(frozen=True, kw_only=True)
class Choices(Recipe):
    """All that makes an estimator: network and code, corruption, penalties, and training recipe.

    Parameters
    ----------
    architecture : Architecture
        The network, the code and the likelihood.
    corruption : callable, optional
        C(x̃|x).
    penalties : mapping of str to callable
        Ω, see `isthmus.nn.penalties.base`; their coefficients stand among those of the recipe.
    begin : callable ``(module, generator) -> None``, optional
        Gives parts of a new module values from the data, where they need it.
    """

    architecture: Architecture
    corruption: AnyCorruption | None = None
    penalties: Mapping[str, Penalty] = field(default_factory=dict)
    begin: Callable[[AutoencoderModule, torch.Generator], None] | None = None

    def but(self, **changes: Any) -> Self:
        """Return a copy with some choices changed: its own, or those of the architecture.

        Penalties and coefficients are added to those that are there.
        """
        own = {f.name for f in dataclasses.fields(self)}
        inner = {name: changes.pop(name) for name in list(changes) if name not in own}
        if inner:
            architecture = changes.get("architecture", self.architecture)
            changes["architecture"] = dataclasses.replace(architecture, **inner)
        for name in ("penalties", "coefficients"):
            if name in changes:
                changes[name] = {**getattr(self, name), **changes[name]}
        return dataclasses.replace(self, **changes)
