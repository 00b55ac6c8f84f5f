"""The encoder and the decoder of a fitted estimator as functions with derivatives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from isthmus.errors import InvalidInputError
from isthmus.evaluation.jacobian import columns
from isthmus.models import BaseAutoencoder
from isthmus.nn import Categorical, Likelihood, Mixed
from isthmus.nn.modes import evaluation_mode

__all__ = ["as_float", "check_family", "jacobian_chunks", "prepare", "scale_of"]

_VALUES = 1 << 20  # entries of the Jacobians at a time: the passes hold several copies of them

Function = Callable[[Tensor, Tensor | None], Tensor]


def check_family(estimator: Any, *, smooth: bool = True) -> None:
    """Refuse what is not a fitted estimator of the family, or has no derivative.

    Parameters
    ----------
    estimator : estimator of the family
        Fitted.
    smooth : bool, default=True
        Whether the derivative, or the mean of p(x|z), is needed.
    """
    if not isinstance(estimator, BaseAutoencoder):
        raise InvalidInputError(
            f"estimator: expected a fitted estimator of isthmus; got {type(estimator).__name__}"
        )
    check_is_fitted(estimator, "module_")
    if smooth and _has_classes(estimator.module_.likelihood):
        raise InvalidInputError(
            "estimator: expected data of amounts; got a likelihood of classes, which have no "
            "derivative; leave those columns out, or use likelihood='gaussian'"
        )


def _has_classes(likelihood: Likelihood) -> bool:
    parts = likelihood.parts if isinstance(likelihood, Mixed) else [likelihood]
    return any(isinstance(part, Categorical) for part in parts)


def as_float(y: Any, name: str, lowest: float, *, closed: bool = False) -> float:
    """Return `y` as a number above `lowest`, or at least that if `closed`."""
    good = isinstance(y, int | float | np.integer | np.floating) and not isinstance(y, bool)
    if not good or not (y >= lowest if closed else y > lowest) or not np.isfinite(y):
        bound = "of at least" if closed else "above"
        raise InvalidInputError(f"{name}: expected a number {bound} {lowest:g}; got {y!r}")
    return float(y)


def prepare(estimator: BaseAutoencoder, X: Any, y: Any) -> tuple[Tensor, Tensor | None]:
    """Return scaled data, channels first, and the condition: tensors on the CPU."""
    return estimator.to_tensors(X, y)


def scale_of(estimator: BaseAutoencoder) -> NDArray[np.float64]:
    """Return the scale of each value of a sample, flat, channels first."""
    shape = estimator.schema_.module_shape
    log_scale = estimator.scaler_.log_scale(estimator.schema_)
    return np.array(np.broadcast_to(np.exp(log_scale), shape)).reshape(-1)


def jacobian_chunks(
    estimator: BaseAutoencoder, X: Any, y: Any, of: str
) -> Iterator[NDArray[np.float64]]:
    """Yield the Jacobians of a few samples at a time, in the data's units.

    Parameters
    ----------
    estimator : estimator of the family
        Fitted.
    X, y
        Data, and condition.
    of : {"encoder", "decoder", "reconstruction"}
        Which map.

    Yields
    ------
    ndarray of shape (m, outputs, inputs)
        Samples are flat, channels last.
    """
    if of not in ("encoder", "decoder", "reconstruction"):
        raise InvalidInputError(
            f"of: expected 'encoder', 'decoder' or 'reconstruction'; got {of!r}"
        )
    check_family(estimator)
    x, condition = prepare(estimator, X, y)
    module, size = estimator.module_, estimator.latent_dim_
    values = estimator.schema_.n_values
    order = _channels_last(estimator)
    scale = scale_of(estimator)[order]
    device = next(module.parameters()).device
    # For a reconstruction the chain rule through the code: latent_dim passes and not n_values.
    entries = values * (size if of != "reconstruction" else max(size, values))
    rows = max(1, _VALUES // entries)
    with evaluation_mode(module), torch.no_grad():
        for start in range(0, len(x), rows):
            part = x[start : start + rows].to(device)
            c = None if condition is None else condition[start : start + rows].to(device)
            product: NDArray[np.float64] | None = None
            if of != "decoder":
                rows_of_f = _jacobian(module.encode, part, c, size)
                product = rows_of_f[..., order] / scale
            if of != "encoder":
                z = module.encode(part, c)
                rows_of_g = _jacobian(module.decode, z, c, values)[:, order] * scale[:, None]
                product = rows_of_g if product is None else rows_of_g @ product
            assert product is not None
            yield product


def _jacobian(function: Function, x: Tensor, c: Tensor | None, outputs: int) -> NDArray[np.float64]:
    """Return the derivatives (n, outputs, inputs) of a function of one row at a time."""
    inputs = x[0].numel()

    def one(row: Tensor, condition: Tensor | None) -> Tensor:
        def output(r: Tensor) -> Tensor:
            return function(r[None], None if condition is None else condition[None])[0].flatten()

        # Backwards costs a pass an output, by columns a pass an input.
        if outputs <= inputs:
            rows: Tensor = torch.func.jacrev(output)(row)
            return rows.reshape(outputs, inputs)
        return columns(output)(row).mT

    each = torch.func.vmap(one, in_dims=(0, None if c is None else 0))
    derivative: Tensor = each(x, c)
    return derivative.detach().cpu().double().numpy()


def _channels_last(estimator: BaseAutoencoder) -> NDArray[np.intp]:
    """Return where each value of a sample, channels last, lies in the network's order."""
    schema = estimator.schema_
    places = np.arange(schema.n_values).reshape(1, *schema.module_shape)
    return np.asarray(schema.channels_last(places).reshape(-1), dtype=np.intp)
