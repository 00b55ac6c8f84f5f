"""What a trained module does to rows: the raw measurements of a diagnosis, on scaled tensors."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from isthmus.models.base.inference import DRAWS, fixed_noise, map_rows
from isthmus.nn import (
    AutoencoderModule,
    Categorical,
    GaussianLatent,
    Likelihood,
    Mixed,
    StochasticLatent,
)
from isthmus.nn.modes import evaluation_mode

__all__ = [
    "Neighbours",
    "PosteriorMeasures",
    "UnitActivity",
    "between",
    "expected_features",
    "features",
    "jacobian_trace",
    "neighbours",
    "posterior_measures",
    "watch_units",
]

Rows = NDArray[np.float64]

_BOUNDS: dict[type[nn.Module], tuple[float, float]] = {nn.Sigmoid: (0.0, 1.0), nn.Tanh: (-1.0, 1.0)}
_NEAR = 0.01  # share of a unit's range that counts as its end
_CONDITION_WEIGHT = 100.0  # neighbours must first of all have the same condition
_TINY = 1e-30


def features(likelihood: Likelihood, x: Tensor) -> Tensor:
    """Return what the encoder sees of `x`, one-hot where there are classes, NaN where missing.

    Parameters
    ----------
    likelihood : Likelihood
        The likelihood of the module, which says what are classes.
    x : Tensor of shape (n, channels, ...)
        Scaled rows, NaN where missing.
    """
    seen = likelihood.features(x)
    missing = torch.isnan(x)
    if not missing.any():
        return seen
    return torch.where(_spread(likelihood, missing), torch.nan, seen)


def expected_features(likelihood: Likelihood, parameters: Tensor) -> Tensor:
    """Return the mean of p(x|z) in the form of `features`: probabilities where there are classes.

    Parameters
    ----------
    likelihood : Likelihood
        The likelihood of the module.
    parameters : Tensor of shape (n, parameter channels, ...)
        The decoder's output.
    """
    if isinstance(likelihood, Categorical):
        probabilities = likelihood.probabilities(parameters)
        return probabilities.flatten(1, 2)
    if isinstance(likelihood, Mixed):
        parts = _parts(likelihood)
        sizes = [part.parameter_channels(len(group)) for part, group in parts]
        pieces = parameters.split(sizes, dim=1)
        return torch.cat(
            [expected_features(part, p) for (part, _), p in zip(parts, pieces, strict=True)], dim=1
        )
    return likelihood.mean(parameters)


def _spread(likelihood: Likelihood, flags: Tensor) -> Tensor:
    """Repeat a flag of each value for each of its features."""
    if isinstance(likelihood, Categorical):
        return flags.repeat(1, likelihood.n_classes, *[1] * (flags.ndim - 2))
    if isinstance(likelihood, Mixed):
        return torch.cat([_spread(p, flags[:, group]) for p, group in _parts(likelihood)], dim=1)
    return flags


def _parts(likelihood: Mixed) -> list[tuple[Likelihood, list[int]]]:
    parts = [part for part in likelihood.parts if isinstance(part, Likelihood)]
    return list(zip(parts, likelihood.groups, strict=True))


def jacobian_trace(
    module: AutoencoderModule,
    x: Tensor,
    condition: Tensor | None,
    deviation: Tensor,
    generator: torch.Generator,
) -> float:
    """Estimate trace(Σ ∂r/∂x) / trace(Σ), the mean slope of the reconstruction r along its input.

    Σ is the diagonal matrix of the variances of the values, so that values that hardly vary hardly
    count. One Rademacher probe a row (Hutchinson 1990). It is 1 for the identity, k / d for a
    projection onto k of d dimensions of equal variance, and 0 for a constant. Values that are
    classes have no slope and are left out.

    Parameters
    ----------
    module : AutoencoderModule
        Put into evaluation mode for the while.
    x : Tensor of shape (n, channels, ...)
        Scaled rows, on the CPU.
    condition : Tensor or None
        Their conditions.
    deviation : Tensor of shape (channels, ...)
        Standard deviation of each value.
    generator : torch.Generator
        The source of the random probes, on the CPU.

    Returns
    -------
    float
        NaN where no value has a slope, or the encoder gives no gradient.
    """
    device = next(module.parameters()).device
    sloped = ~_classes(module.likelihood, x) & ~torch.isnan(x)
    probe = torch.randint(0, 2, x.shape, generator=generator).to(x.dtype) * 2 - 1
    probe = (probe * sloped * deviation).to(device)
    total = float(probe.square().sum())
    if not total:
        return float("nan")
    c = None if condition is None else condition.to(device)
    with evaluation_mode(module), torch.enable_grad():
        rows = x.to(device).requires_grad_()
        reconstruction = module.likelihood.mean(module.decode_parameters(module.encode(rows, c), c))
        if not reconstruction.requires_grad:
            return float("nan")
        (slope,) = torch.autograd.grad(
            reconstruction, rows, probe, allow_unused=True, materialize_grads=True
        )
    return float((slope * probe).sum()) / total


def _classes(likelihood: Likelihood, x: Tensor) -> Tensor:
    flags = torch.zeros(x.shape, dtype=torch.bool)
    if isinstance(likelihood, Categorical):
        flags[:] = True
    elif isinstance(likelihood, Mixed):
        for part, group in _parts(likelihood):
            flags[:, group] = isinstance(part, Categorical)
    return flags


@dataclass(frozen=True, eq=False)
class PosteriorMeasures:
    """What the code of a row tells of it, in nats, averaged over rows; empty without a posterior.

    Attributes
    ----------
    divergence : float
        KL(q(z|x) ‖ p(z)), by draws where it has no closed form; NaN without a posterior.
    divergence_per_code : ndarray of shape (latent_dim,) or (0,)
        KL(q(zⱼ|x) ‖ N(0, 1)); of a Gaussian posterior with the standard normal prior alone.
    information_per_code : ndarray of shape (latent_dim,) or (0,)
        ½ log(1 + Var E[zⱼ|x] / E Var[zⱼ|x]): what zⱼ would say of the row if all were Gaussian.
        Empty, too, where nothing is drawn.
    """

    divergence: float = math.nan
    divergence_per_code: Rows = field(default_factory=lambda: np.empty(0))
    information_per_code: Rows = field(default_factory=lambda: np.empty(0))


def posterior_measures(
    module: AutoencoderModule, x: Tensor, condition: Tensor | None
) -> PosteriorMeasures:
    """Measure the posterior of rows with draws that are the same for each of them.

    Parameters
    ----------
    module : AutoencoderModule
        Put into evaluation mode.
    x, condition : Tensor
        Scaled rows and their conditions, on the CPU.
    """
    latent = module.latent
    if not isinstance(latent, StochasticLatent):
        return PosteriorMeasures()
    closed = isinstance(latent, GaussianLatent) and latent.closed_form

    def look(part: Tensor, c: Tensor | None) -> Tensor:
        h = module.posterior(part, c)
        noise = module.shaped_noise(fixed_noise(latent.mean(h[:1]).numel()).to(h.device))
        draws = torch.stack([latent.at(h, draw).flatten(1) for draw in noise])
        columns = [latent.divergence(h)[:, None], draws.mean(0), draws.var(0, correction=0)]
        if isinstance(latent, GaussianLatent) and closed:
            columns.append(latent.divergences(h).flatten(1))
        return torch.cat(columns, dim=1)

    found = map_rows(module, look, x, condition, cost=DRAWS).astype(np.float64)
    total, rest = found[:, 0], found[:, 1:]
    parts = np.split(rest, 3 if closed else 2, axis=1)
    between, within = parts[0].var(axis=0), parts[1].mean(axis=0)
    information = 0.5 * np.log1p(between / np.maximum(within, _TINY))
    if not within.any():  # a point, such as a word of a codebook, has nothing to collapse onto
        information = np.empty(0)
    return PosteriorMeasures(
        divergence=float(total.mean()),
        divergence_per_code=parts[2].mean(axis=0) if closed else np.empty(0),
        information_per_code=information,
    )


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Mean distances between a row and its nearest row, its neighbour in code, and all others.

    Attributes
    ----------
    index : ndarray of int of shape (n,)
        The nearest row of each.
    nearest, in_code, random : float
        The mean distances, in the units of the network.
    """

    index: NDArray[np.intp]
    nearest: float
    in_code: float
    random: float

    @property
    def disorder(self) -> float:
        """Where ``in_code`` lies between the other two: 0 keeps neighbourhoods, 1 is any order.

        NaN where the data have no neighbourhoods to keep.
        """
        room = self.random - self.nearest
        return (self.in_code - self.nearest) / room if room > 0.1 * self.random else float("nan")


@dataclass
class UnitActivity:
    """The units that were watched: how many, how many never fired, how many sat at their ends.

    Attributes
    ----------
    relu, dead : int
        Rectified units outside the code, and those that were 0 for every row.
    bounded, saturated : int
        Sigmoid and tanh units, those of the code included, and those that stayed within a hundredth
        of their range from one of its ends for every row.
    """

    highest: dict[str, Tensor] = field(default_factory=dict)
    inside: dict[str, Tensor] = field(default_factory=dict)

    @property
    def relu(self) -> int:
        """Rectified units that were watched."""
        return sum(len(values) for values in self.highest.values())

    @property
    def dead(self) -> int:
        """Those of them that were 0 for every row."""
        return sum(int((values <= 0).sum()) for values in self.highest.values())

    @property
    def bounded(self) -> int:
        """Sigmoid and tanh units that were watched."""
        return sum(len(values) for values in self.inside.values())

    @property
    def saturated(self) -> int:
        """Those of them that never left the ends of their range."""
        return sum(int((values < _NEAR).sum()) for values in self.inside.values())


@contextmanager
def watch_units(module: AutoencoderModule) -> Iterator[UnitActivity]:
    """Watch hidden units while rows go through the module; of a convolution, its channels."""
    activity = UnitActivity()

    def watch(name: str, part: nn.Module) -> Any:
        store = activity.highest if isinstance(part, nn.ReLU) else activity.inside
        low, high = _BOUNDS.get(type(part), (0.0, 1.0))

        def hook(_: nn.Module, __: Any, output: Tensor) -> None:
            value = output.detach().float()
            if not isinstance(part, nn.ReLU):
                value = torch.minimum(value - low, high - value) / (high - low)
            axes = [axis for axis in range(value.ndim) if axis != 1]
            most = value.amax(axes).cpu()
            key = f"{name}, {len(most)}"  # one module may serve layers of several widths
            store[key] = torch.maximum(store[key], most) if key in store else most

        return part.register_forward_hook(hook)

    handles = [
        watch(name, part)
        for name, part in module.named_modules()
        if isinstance(part, nn.Sigmoid | nn.Tanh)
        or (isinstance(part, nn.ReLU) and not name.startswith("latent"))
    ]
    try:
        yield activity
    finally:
        for handle in handles:
            handle.remove()


def neighbours(x: Rows, z: Rows, condition: Rows | None) -> Neighbours:
    """Find the nearest row of each row in the data and in the code, and how far apart they are.

    Parameters
    ----------
    x : ndarray of shape (n, d)
        Rows of features, without NaN.
    z : ndarray of shape (n, latent_dim)
        Their codes.
    condition : ndarray of shape (n, condition_dim) or None
        Their conditions, which neighbours share as far as possible.
    """
    rows = np.arange(len(x))
    apart = _distances(x)
    extra = 0.0 if condition is None else np.square(_distances(condition))
    in_data = _nearest(np.square(apart) / max(float(np.square(apart).mean()), _TINY), extra)
    codes = np.square(_distances(z))
    in_code = _nearest(codes / max(float(codes.mean()), _TINY), extra)
    return Neighbours(
        index=in_data,
        nearest=float(apart[rows, in_data].mean()),
        in_code=float(apart[rows, in_code].mean()),
        random=float(apart.sum() / (len(x) * (len(x) - 1))),
    )


def between(
    likelihood: Likelihood, x: Tensor, index: NDArray[np.intp], generator: torch.Generator
) -> Tensor:
    """Return rows halfway between each row and the one that `index` names.

    Where values are classes, or 0 and 1 alone, nothing lies between two: each is taken from either
    row by chance.

    Parameters
    ----------
    likelihood : Likelihood
        The likelihood of the module, which says what are classes.
    x : Tensor of shape (n, channels, ...)
        Scaled rows.
    index : ndarray of int, of shape (n,)
        The other row of each.
    generator : torch.Generator
        What chooses where nothing lies between two.
    """
    other = x[torch.from_numpy(index)]
    chosen = torch.where(torch.rand(x.shape, generator=generator) < 0.5, x, other)
    whole = _classes(likelihood, x) | ((x == 0) | (x == 1) | torch.isnan(x)).all(0)
    return torch.where(whole, chosen, (x + other) / 2)


def _nearest(squares: Rows, extra: Rows | float) -> NDArray[np.intp]:
    total = squares + _CONDITION_WEIGHT * extra
    np.fill_diagonal(total, np.inf)
    return np.asarray(total.argmin(axis=1))


def _distances(rows: Rows) -> Rows:
    from sklearn.metrics.pairwise import euclidean_distances

    return np.asarray(euclidean_distances(rows))
