"""The angle between a draw of a von Mises–Fisher distribution and its mean, by quadrature.

On the sphere in d dimensions it has the density p(θ) ∝ exp(κ cos θ) sinᵈ⁻² θ on [0, π]: smooth,
with one mode and of a width that is known. A grid of some twelve widths around the mode gives the
normaliser (which is a Bessel function), the moments, the distribution function and the derivative
of each in κ to six digits, for every κ and d and on every device.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function

__all__ = ["polar_angle", "polar_moments"]

_POINTS = 97
_WIDTHS = 12.0
_TAIL = 1e-9  # shares nearer to 0 or 1 are taken for this


class _Grid(NamedTuple):
    """The density on a grid of angles (n, points), with its slope; both relative to the mode."""

    angle: Tensor
    density: Tensor
    slope: Tensor
    step: Tensor  # (n, 1)
    log_peak: Tensor  # (n,): of exp(−κ(1 − cos θ)) sinᵈ⁻² θ


def _grid(kappa: Tensor, d: int) -> _Grid:
    root = 0.5 * ((d - 2) + ((d - 2) ** 2 + 4 * kappa.square()).sqrt())
    cosine = (kappa / root).clamp(max=1.0)
    width = (kappa * cosine + root).rsqrt()  # by the curvature of log p at the mode
    mode = cosine.acos()
    low = (mode - _WIDTHS * width).clamp(min=0)
    high = (mode + _WIDTHS * width).clamp(max=math.pi)
    step = ((high - low) / (_POINTS - 1))[:, None]
    angle = low[:, None] + step * torch.arange(_POINTS, device=kappa.device, dtype=kappa.dtype)
    sine = angle.sin().clamp(min=0)
    log_density = -2 * kappa[:, None] * (0.5 * angle).sin().square() + torch.xlogy(
        kappa.new_tensor(float(d - 2)), sine
    )
    log_peak = log_density.amax(1)
    density = (log_density - log_peak[:, None]).exp()
    slope = -kappa[:, None] * sine * density
    if d > 2:
        # (d − 2) cos θ sinᵈ⁻³ θ, which is not the density over a sine of 0.
        power = torch.xlogy(kappa.new_tensor(float(d - 3)), sine)
        power = power - 2 * kappa[:, None] * (0.5 * angle).sin().square() - log_peak[:, None]
        slope = slope + (d - 2) * angle.cos() * power.exp()
    return _Grid(angle, density, slope, step, log_peak)


def _cells(value: Tensor, slope: Tensor, step: Tensor) -> Tensor:
    """Integrate over each cell (n, points − 1): exact for cubics, from values and slopes."""
    left, right = value[:, :-1], value[:, 1:]
    return 0.5 * step * (left + right) + step.square() / 12 * (slope[:, :-1] - slope[:, 1:])


def _away(grid: _Grid) -> tuple[Tensor, Tensor]:
    """Return t = 1 − cos θ and its slope."""
    return 2 * (0.5 * grid.angle).sin().square(), grid.angle.sin()


def _mean(grid: _Grid, total: Tensor, value: Tensor, slope: Tensor) -> Tensor:
    """Return the mean (n,) of a function of the angle, from its values and slopes."""
    slope = slope * grid.density + value * grid.slope
    return _cells(value * grid.density, slope, grid.step).sum(1) / total


class _Moments(Function):
    @staticmethod
    def forward(ctx: Any, kappa: Tensor, d: int) -> tuple[Tensor, Tensor]:
        grid = _grid(kappa.double(), d)
        total = _cells(grid.density, grid.slope, grid.step).sum(1)
        flat = 0.5 * math.log(math.pi) + math.lgamma(0.5 * (d - 1)) - math.lgamma(0.5 * d)
        log_norm = grid.log_peak + total.log() - flat
        t, t_slope = _away(grid)
        first = _mean(grid, total, t, t_slope)
        apart = t - first[:, None]
        variance = _mean(grid, total, apart.square(), 2 * apart * t_slope)
        ctx.save_for_backward(first, variance)
        return log_norm.to(kappa.dtype), first.to(kappa.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        first, variance = ctx.saved_tensors
        of_norm, of_first = gradients
        # Under the weight exp(−κt): d log norm / dκ = −E t, d E t / dκ = −Var t.
        return (-of_norm * first - of_first * variance).to(of_norm.dtype), None


def polar_moments(kappa: Tensor, d: int) -> tuple[Tensor, Tensor]:
    """Return log E₀ exp(−κt) and E t of each κ, t = 1 − cos θ; differentiable once in κ.

    E₀ is over the uniform distribution on the sphere, so that KL(q ‖ uniform) is −κ E t minus the
    first. In Bessel functions, with ν = d/2 − 1, it is log(Γ(ν + 1) (2/κ)^ν I_ν(κ)) − κ, and
    E t = 1 − I_ν₊₁(κ) / I_ν(κ).

    Parameters
    ----------
    kappa : Tensor of shape (n,)
        κ, above 0.
    d : int
        Dimensions, at least 2.

    Returns
    -------
    log_norm, away : Tensor of shape (n,)

    Examples
    --------
    >>> import torch
    >>> polar_moments(torch.tensor([2.0]), 3)  # log(sinh 2 / 2) − 2 and 1 − coth 2 + ½
    (tensor([-1.4048]), tensor([0.4627]))
    """
    log_norm, away = _Moments.apply(kappa, d)  # type: ignore[no-untyped-call]
    return log_norm, away


class _Angle(Function):
    @staticmethod
    def forward(ctx: Any, kappa: Tensor, share: Tensor, d: int) -> Tensor:
        grid = _grid(kappa.double(), d)
        mass = _cells(grid.density, grid.slope, grid.step)
        total = mass.sum(1, keepdim=True)
        upto = torch.cat([torch.zeros_like(total), mass.cumsum(1)], dim=1)
        wanted = share.double().clamp(_TAIL, 1 - _TAIL)[:, None] * total
        cell = (torch.searchsorted(upto, wanted) - 1).clamp(0, _POINTS - 2)
        rest = wanted - upto.gather(1, cell)
        part = (rest / mass.gather(1, cell).clamp(min=1e-300)).clamp(0, 1)
        ends = [f.gather(1, cell + i) for f in (grid.density, grid.slope) for i in (0, 1)]
        left, right = ends[:2]  # exact where the density is a straight line, then by Newton's steps
        root = (left.square() + part * (right.square() - left.square())).sqrt()
        place = (part * (left + right) / (left + root).clamp(min=1e-300)).clamp(0, 1)
        for _ in range(4):
            missing = rest - grid.step * _part(place, ends, grid.step)
            slope = grid.step * _inside(place, ends, grid.step)
            place = (place + missing / slope.clamp(min=1e-300)).clamp(0, 1)
        angle = grid.angle.gather(1, cell) + grid.step * place
        # F(θ; κ) stays where it is: dθ/dκ = −(∂F/∂κ) / p, ∂F/∂κ = ∫₀^θ (E t − t) p.
        t, t_slope = _away(grid)
        pull = _mean(grid, total[:, 0], t, t_slope)[:, None] - t
        value, value_slope = pull * grid.density, pull * grid.slope - t_slope * grid.density
        parts = _cells(value, value_slope, grid.step)
        before = torch.cat([torch.zeros_like(total), parts.cumsum(1)], dim=1).gather(1, cell)
        ends_of_pull = [f.gather(1, cell + i) for f in (value, value_slope) for i in (0, 1)]
        moved = before + grid.step * _part(place, ends_of_pull, grid.step)
        density = _inside(place, ends, grid.step).clamp(min=1e-300)
        ctx.save_for_backward((-moved / density)[:, 0], (total / density)[:, 0])
        return angle[:, 0].to(kappa.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        of_kappa, of_share = ctx.saved_tensors
        (gradient,) = gradients
        return (gradient * of_kappa).to(gradient.dtype), gradient * of_share, None


def _inside(x: Tensor, ends: Sequence[Tensor], step: Tensor) -> Tensor:
    """Return the cubic through the ends of a cell, with their slopes, at its part x."""
    left, right, rise, fall = ends
    square, cube = x.square(), x**3
    value = (1 - 3 * square + 2 * cube) * left + (3 * square - 2 * cube) * right
    return value + step * ((x - 2 * square + cube) * rise + (cube - square) * fall)


def _part(x: Tensor, ends: Sequence[Tensor], step: Tensor) -> Tensor:
    """Return the integral of that cubic from 0 to x."""
    left, right, rise, fall = ends
    square, cube, fourth = x.square(), x**3, x**4
    value = (x - cube + fourth / 2) * left + (cube - fourth / 2) * right
    slopes = (square / 2 - 2 * cube / 3 + fourth / 4) * rise + (fourth / 4 - cube / 3) * fall
    return value + step * slopes


def polar_angle(kappa: Tensor, share: Tensor, d: int) -> Tensor:
    """Return the angle below which a share of the distribution lies, of each κ.

    Differentiable once in κ and in the share: a draw is the angle of a uniform share, and its
    derivative in κ is implicit in the distribution function.

    Parameters
    ----------
    kappa : Tensor of shape (n,)
        κ, above 0.
    share : Tensor of shape (n,)
        From 0 to 1.
    d : int
        Dimensions, at least 2.

    Returns
    -------
    Tensor of shape (n,)
        From 0 to π.

    Examples
    --------
    >>> import torch
    >>> polar_angle(torch.tensor([1e-3]), torch.tensor([0.5]), 5)  # next to uniform: a right angle
    tensor([1.5705])
    """
    angle: Tensor = _Angle.apply(kappa, share, d)  # type: ignore[no-untyped-call]
    return angle
