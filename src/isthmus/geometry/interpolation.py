"""Paths between two samples through the code: straight, spherical, and as short as can be."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isthmus.data.containers import to_arrays
from isthmus.errors import InvalidInputError
from isthmus.geometry._codes import first_for_all
from isthmus.geometry._maps import check_family, scale_of
from isthmus.models import BaseAutoencoder
from isthmus.nn.modes import evaluation_mode

__all__ = ["Interpolation", "interpolate"]

_PIECES = 64  # of the path whose energy is minimised
_FINE = 512  # pieces by which a length is measured

Codes = NDArray[np.float64]


class Interpolation(NamedTuple):
    """A path between two samples.

    Parameters
    ----------
    codes : ndarray of shape (n_steps, latent_dim), float32
        From the code of the first sample to that of the second.
    samples : ndarray of shape (n_steps, *sample_shape), float32
        The codes decoded, in the data's units, channels last.
    length : float
        The length of the decoded curve, in the data's units.
    """

    codes: NDArray[np.float32]
    samples: NDArray[np.float32]
    length: float


def interpolate(
    estimator: BaseAutoencoder,
    a: Any,
    b: Any,
    n_steps: int = 10,
    *,
    path: str = "linear",
    y: Any = None,
    max_iter: int = 200,
) -> Interpolation:
    """Walk from one sample to another through the code, and decode on the way.

    "linear" is z(t) = (1 − t) a + t b. "spherical" turns from one direction to the other at even
    speed (Shoemake 1985; White 2016), which stays at the radius where a normal prior has its mass.
    "geodesic" starts from the straight line and minimises the energy Σₜ ‖g(z_{t+1}) − g(z_t)‖² of
    the decoded curve with its ends fixed, whose minimum is a shortest path at even speed (Shao,
    Kumar & Fletcher 2018; Arvanitidis, Hansen & Hauberg 2018).

    Parameters
    ----------
    estimator : estimator of the family
        Fitted.
    a, b : array-like of shape sample_shape or (1, *sample_shape)
        The two samples, in the data's units, channels last.
    n_steps : int, default=10
        Points on the path, both ends included; at least 2.
    path : {"linear", "spherical", "geodesic"}, default="linear"
        Which one.
    y : object, optional
        The condition of the whole path, for conditional models.
    max_iter : int, default=200
        Most iterations of "geodesic" (gradients by L-BFGS).

    Returns
    -------
    Interpolation
        Codes, decoded samples and the length of the decoded curve. The points of "geodesic" lie at
        even distances on that curve.

    Raises
    ------
    InvalidInputError
        If the codes lie opposite each other, or one is 0, for "spherical"; if the data are
        classes, for "geodesic"; if an argument cannot be used.

    Notes
    -----
    The energy is that of the mean of p(x|z). It knows nothing of where data lie: a shortest path
    may cut through codes that no sample has. It is a minimum near the straight line, not always
    the least one.

    References
    ----------
    .. [1] H. Shao, A. Kumar and P. T. Fletcher, "The Riemannian geometry of deep generative
       models", CVPR Workshops 2018, arXiv:1711.08014.
    .. [2] G. Arvanitidis, L. K. Hansen and S. Hauberg, "Latent space oddity: on the curvature of
       deep generative models", ICLR 2018, arXiv:1710.11379.
    .. [3] T. White, "Sampling generative networks", 2016, arXiv:1609.04468.
    .. [4] K. Shoemake, "Animating rotation with quaternion curves", SIGGRAPH 1985,
       doi:10.1145/325165.325242.

    Examples
    --------
    >>> from isthmus import Autoencoder
    >>> X = np.random.default_rng(0).normal(size=(50, 4))
    >>> model = Autoencoder(latent_dim=2, max_epochs=1, random_state=0).fit(X)
    >>> walk = interpolate(model, X[0], X[1], 5)
    >>> walk.codes.shape, walk.samples.shape
    ((5, 2), (5, 4))
    """
    check_family(estimator, smooth=path == "geodesic")
    for name, value, least in (("n_steps", n_steps, 2), ("max_iter", max_iter, 1)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
            raise InvalidInputError(
                f"{name}: expected a whole number of at least {least}; got {value!r}"
            )
    ends = np.concatenate(
        [_code(estimator, sample, y, name) for sample, name in ((a, "a"), (b, "b"))]
    )
    first, last = ends.astype(np.float64)
    if path == "linear":
        codes, fine = (_linear(first, last, n) for n in (n_steps, _FINE + 1))
    elif path == "spherical":
        codes, fine = (_spherical(first, last, n) for n in (n_steps, _FINE + 1))
    elif path == "geodesic":
        knots = _least_energy(estimator, _linear(first, last, _PIECES + 1), y, max_iter)
        fine = _read(knots, np.linspace(0, _PIECES, _FINE + 1))
        straight = _linear(first, last, _FINE + 1)
        # On a decoder that hardly moves, float32 leaves the minimisation nothing to go by.
        if _lengths(estimator, straight, y).sum() < _lengths(estimator, fine, y).sum():
            fine = straight
        codes = _even(estimator, fine, y, n_steps)
    else:
        raise InvalidInputError(f"path: expected 'linear', 'spherical' or 'geodesic'; got {path!r}")
    codes[0], codes[-1] = first, last  # exactly, whatever the rounding
    length = float(_lengths(estimator, fine, y).sum())
    return Interpolation(codes.astype(np.float32), _decode(estimator, codes, y), length)


def _code(estimator: BaseAutoencoder, sample: Any, y: Any, name: str) -> NDArray[np.float32]:
    if hasattr(sample, "to_frame"):  # a row of a pandas DataFrame, with the names of its columns
        sample = sample.to_frame().T
    shape = estimator.sample_shape_
    if np.shape(sample) == shape:
        sample = np.asarray(to_arrays(sample))[None]
    if np.shape(sample) != (1, *shape):
        raise InvalidInputError(
            f"{name}: expected one sample of shape {shape}; got {np.shape(sample)}"
        )
    # As a table without a container of its own, so that codes come back as an array.
    return np.asarray(to_arrays(estimator.transform(sample, first_for_all(y, 1))), dtype=np.float32)


def _decode(estimator: BaseAutoencoder, codes: Codes, y: Any) -> NDArray[np.float32]:
    decoded: NDArray[np.float32] = estimator.inverse_transform(codes, first_for_all(y, len(codes)))
    return decoded


def _lengths(estimator: BaseAutoencoder, codes: Codes, y: Any) -> NDArray[np.float64]:
    """Return the length of each piece of the decoded curve."""
    # Without the shift of the scaling, beside which float32 would round short pieces.
    condition = estimator.encode_condition(first_for_all(y, len(codes)), len(codes))
    z = torch.from_numpy(codes.astype(np.float32))
    decoded = estimator.map_rows(estimator.module_.decode, z, condition).reshape(len(codes), -1)
    moves = np.diff(decoded.astype(np.float64), axis=0) * scale_of(estimator)
    pieces: NDArray[np.float64] = np.linalg.norm(moves, axis=1)
    return pieces


def _linear(first: NDArray[np.float64], last: NDArray[np.float64], n: int) -> Codes:
    t = np.linspace(0.0, 1.0, n)[:, None]
    return (1 - t) * first + t * last


def _spherical(first: NDArray[np.float64], last: NDArray[np.float64], n: int) -> Codes:
    lengths = np.linalg.norm(first), np.linalg.norm(last)
    if min(lengths) == 0:
        raise InvalidInputError("path: a code of 0 has no direction; use path='linear'")
    u, v = first / lengths[0], last / lengths[1]
    # From half chords: an arc cosine loses half of the digits of a small angle.
    angle = 2 * np.arctan2(np.linalg.norm(u - v), np.linalg.norm(u + v))
    if np.sin(angle) < 1e-6 and angle > 1:
        raise InvalidInputError(
            "path: the codes lie opposite each other, so that no turn is the shortest; "
            "use path='linear'"
        )
    if angle < 1e-6:
        return _linear(first, last, n)
    t = np.linspace(0.0, 1.0, n)[:, None]
    turned = np.sin((1 - t) * angle) * first + np.sin(t * angle) * last
    return np.asarray(turned / np.sin(angle))


def _read(knots: Codes, places: NDArray[np.float64]) -> Codes:
    """Return the points of a polygon at places 0 … len(knots) − 1."""
    steps = np.arange(len(knots))
    return np.column_stack([np.interp(places, steps, column) for column in knots.T])


def _even(estimator: BaseAutoencoder, fine: Codes, y: Any, n: int) -> Codes:
    """Return `n` points at even distances on the decoded curve."""
    along = np.concatenate([[0.0], np.cumsum(_lengths(estimator, fine, y))])
    places = np.interp(np.linspace(0, along[-1], n), along, np.arange(len(fine)))
    return _read(fine, places)


def _least_energy(estimator: BaseAutoencoder, start: Codes, y: Any, max_iter: int) -> Codes:
    """Move the inner points of a polygon until the energy of the decoded one is least."""
    module = estimator.module_
    device = next(module.parameters()).device
    condition = estimator.encode_condition(first_for_all(y, len(start)), len(start))
    c = None if condition is None else condition.to(device)
    scale = torch.as_tensor(scale_of(estimator)).float().to(device)
    z = torch.as_tensor(start).float().to(device)
    inner = z[1:-1].clone().requires_grad_()

    def energy() -> Tensor:
        curve = module.decode(torch.cat([z[:1], inner, z[-1:]]), c).flatten(1) * scale
        return curve.diff(dim=0).square().sum() * (len(start) - 1)

    unit = float(energy().detach()) or 1.0  # so that the tolerances are relative
    optimizer = torch.optim.LBFGS(
        [inner], max_iter=max_iter, history_size=30, line_search_fn="strong_wolfe",
        tolerance_grad=1e-7, tolerance_change=1e-9,
    )  # fmt: skip

    def closure() -> Tensor:
        value = energy() / unit
        inner.grad = torch.autograd.grad(value, inner)[0].contiguous()
        return value.detach()

    with evaluation_mode(module), torch.enable_grad():
        optimizer.step(closure)
    found = torch.cat([z[:1], inner.detach(), z[-1:]])
    return found.cpu().double().numpy() if bool(found.isfinite().all()) else start
