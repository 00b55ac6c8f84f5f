"""How much a code or a reconstruction moves with its input: exact norms of their Jacobians."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isthmus.errors import InvalidInputError

if TYPE_CHECKING:
    from torch import Tensor

    from isthmus.models.base import BaseAutoencoder
    from isthmus.nn import AutoencoderModule

__all__ = ["columns", "jacobian_norm", "squared_jacobian_norms"]


def jacobian_norm(estimator: BaseAutoencoder, X: Any, of: str = "encoder") -> float:
    """Mean over the samples of the squared Frobenius norm of a Jacobian.

    Parameters
    ----------
    estimator, X, of
        See `squared_jacobian_norms`.

    Returns
    -------
    float

    Examples
    --------
    >>> import numpy as np
    >>> from isthmus import Autoencoder
    >>> X = np.random.default_rng(0).normal(size=(50, 4))
    >>> model = Autoencoder(latent_dim=2, max_epochs=2, random_state=0).fit(X)
    >>> jacobian_norm(model, X) > 0
    True
    """
    return float(squared_jacobian_norms(estimator, X, of).mean(dtype=np.float64))


def squared_jacobian_norms(
    estimator: BaseAutoencoder, X: Any, of: str = "encoder"
) -> NDArray[np.float32]:
    """‖∂z/∂x‖²_F or ‖∂r/∂x‖²_F of each sample, exactly.

    The first is what `ContractiveAutoencoder` makes small. The second is what a denoising
    autoencoder makes small: for a Gaussian corruption of a small variance σ² its squared error is
    about that of the reconstruction plus σ² ‖∂r/∂x‖²_F (Alain & Bengio 2014). So the two kinds
    of model can be compared on either.

    Parameters
    ----------
    estimator : fitted estimator of the family, without a condition
        Whose Jacobian.
    X : array-like, one sample a row, in the shape of the fit
        Where.
    of : {"encoder", "reconstruction"}, default="encoder"
        The code z (the posterior mean where there is a posterior), or r(x), the mean of p(x|z)
        at that code.

    Returns
    -------
    ndarray of shape (n,), float32
        In units of the scaled data, as the network sees them (classes one-hot, missing values 0).

    Raises
    ------
    InvalidInputError
        If `of` is another word, the estimator is not one of the family or is conditional, or `X` is
        not of the shape of the fit.

    Notes
    -----
    One layer has a closed form. Elsewhere the Jacobians of a few samples at a time are formed; for
    a code of fewer numbers than the data ∂r/∂x is not, since ‖GJ‖² = tr(GᵀG JJᵀ) needs only the
    decoder's G, the encoder's J and two matrices of the size of the code.

    References
    ----------
    .. [1] G. Alain and Y. Bengio, "What regularized auto-encoders learn from the data-generating
       distribution", Journal of Machine Learning Research 15 (2014), 3743-3773, arXiv:1211.4246.

    Examples
    --------
    >>> import numpy as np
    >>> from isthmus import Autoencoder
    >>> X = np.random.default_rng(0).normal(size=(50, 4))
    >>> model = Autoencoder(latent_dim=2, max_epochs=2, random_state=0).fit(X)
    >>> squared_jacobian_norms(model, X, of="reconstruction").shape
    (50,)
    """
    import torch

    from isthmus.models.base import BaseAutoencoder
    from isthmus.models.base.inference import map_rows

    if not isinstance(estimator, BaseAutoencoder):
        raise InvalidInputError(
            "estimator: expected a fitted autoencoder of isthmus; got "
            f"{type(estimator).__name__}; of a classifier, pass its autoencoder_"
        )
    if of not in ("encoder", "reconstruction"):
        raise InvalidInputError(f"of: expected 'encoder' or 'reconstruction'; got {of!r}")
    if getattr(estimator, "conditional", False):
        raise InvalidInputError(
            "estimator: expected a model without a condition; got a conditional one; this measure "
            "has no place for one"
        )
    x, _ = estimator.to_tensors(X, None)
    module = estimator.module_
    function, numbers = _norms(module, x, of)

    def norms(rows: Tensor, condition: Tensor | None) -> Tensor:
        with torch.inference_mode(False):
            seen = module.features(rows.clone()).detach()
            with torch.no_grad():
                return function(seen)

    cost = -(-numbers // max(x[:1].numel(), 1))
    return map_rows(module, norms, x, None, cost=cost)


def _norms(module: AutoencoderModule, x: Tensor, of: str) -> tuple[Callable[[Tensor], Tensor], int]:
    """Return the function that gives the norms of rows of features, and its numbers a row."""
    import torch
    from torch.func import jacrev, vmap

    from isthmus.nn.penalties.contraction import closed_form, encoder_code, has_closed_form

    def code(sample: Tensor) -> Tensor:
        return encoder_code(module, sample[None], None)[0]

    def decoded(z: Tensor) -> Tensor:
        return module.likelihood.mean(module.decode_parameters(z[None]))[0]

    features = module.features(x[:1])
    with torch.no_grad():
        size = int(encoder_code(module, features.to(_device(module)), None).shape[1])
    n_in, n_out = features.numel(), x[:1].numel()
    if of == "encoder" and has_closed_form(module):

        def closed(seen: Tensor) -> Tensor:
            slope, weight = closed_form(module, seen)
            return slope(encoder_code(module, seen, None)).square() @ weight

        return closed, n_in
    if of == "encoder":
        jacobian = vmap(_cheaper(code, n_in, size))
        return lambda seen: jacobian(seen).flatten(1).square().sum(1), size * n_in
    if size >= min(n_in, n_out):
        both = vmap(_cheaper(lambda sample: decoded(code(sample)), n_in, n_out))
        return lambda seen: both(seen).flatten(1).square().sum(1), n_in * n_out
    of_encoder, of_decoder = vmap(jacrev(code)), vmap(columns(decoded))

    def product(seen: Tensor) -> Tensor:
        rows = of_encoder(seen).flatten(2)
        by_code = of_decoder(encoder_code(module, seen, None)).flatten(2)
        inner = torch.bmm(rows, rows.mT)
        return (torch.bmm(by_code, by_code.mT) * inner).sum((1, 2))

    return product, size * (n_in + n_out)


def _cheaper(function: Callable[[Tensor], Tensor], n_in: int, n_out: int) -> Any:
    """Return the function that gives all derivatives, row by row or column by column."""
    from torch.func import jacrev

    return columns(function) if n_in < n_out else jacrev(function)


def columns(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Return the Jacobian by its columns: one pass an input, (inputs, *shape of the output).

    The pull-back v → Jᵀv is linear, and its own pull-back is u → Ju. Forward mode would do the same
    in one step, but loads a part of torch that warns of its deprecation.
    """
    import torch
    from torch.func import vjp, vmap

    def jacobian(x: Tensor) -> Tensor:
        output, pull = vjp(function, x)[:2]
        push = vjp(lambda v: pull(v)[0], torch.zeros_like(output))[1]
        units = torch.eye(x.numel(), dtype=x.dtype, device=x.device).view(-1, *x.shape)
        pushed: Tensor = vmap(lambda u: push(u)[0])(units)
        return pushed

    return jacobian


def _device(module: AutoencoderModule) -> Any:
    return next(module.parameters()).device
