"""Derivatives of a fitted autoencoder: Jacobians, tangent spaces, and what the code answers to."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isthmus.errors import InvalidInputError
from isthmus.geometry._maps import check_family, jacobian_chunks
from isthmus.geometry.neighbours import TangentSpace, neighbour_tangents
from isthmus.models import BaseAutoencoder

__all__ = ["Sensitivity", "jacobian", "sensitivity", "tangent_space"]


class Sensitivity(NamedTuple):
    """The response to a step along the manifold, and to one across it.

    Parameters
    ----------
    along : ndarray of shape (n,), float32
        Root mean square of ‖J v‖ over the unit vectors v of the tangent space.
    across : ndarray of shape (n,), float32
        The same over the unit vectors that are normal to it.
    """

    along: NDArray[np.float32]
    across: NDArray[np.float32]


def jacobian(
    estimator: BaseAutoencoder, X: Any, y: Any = None, *, of: str = "encoder"
) -> NDArray[np.float32]:
    """Return the derivatives at given samples, in the data's units.

    By `torch.func`, backwards or forwards, whichever takes fewer passes; that of the reconstruction
    by the chain rule through the code. Exact for the network in evaluation mode.

    Parameters
    ----------
    estimator : estimator of the family
        Fitted.
    X : array-like, one sample a row, in the shape of the fit
        Where. Missing values (``missing="ignore"``) have derivatives of 0.
    y : array-like, optional
        The condition, for conditional models.
    of : {"encoder", "decoder", "reconstruction"}, default="encoder"
        ∂z/∂x; ∂x/∂z at z = f(x); or ∂x̂/∂x. The posterior mean stands for the code, and the mean
        of p(x|z) for what is decoded.

    Returns
    -------
    ndarray, float32
        Of shape (n, latent_dim, *sample_shape), (n, *sample_shape, latent_dim) or
        (n, *sample_shape, *sample_shape), channels last.

    Raises
    ------
    InvalidInputError
        If the likelihood is of classes, or an argument cannot be used.

    Examples
    --------
    >>> from isthmus import Autoencoder
    >>> X = np.random.default_rng(0).normal(size=(50, 4))
    >>> model = Autoencoder(latent_dim=2, max_epochs=1, random_state=0).fit(X)
    >>> jacobian(model, X).shape, jacobian(model, X, of="decoder").shape
    ((50, 2, 4), (50, 4, 2))
    """
    parts = [part.astype(np.float32) for part in jacobian_chunks(estimator, X, y, of)]
    joined = np.concatenate(parts)
    shape, code = estimator.sample_shape_, (estimator.latent_dim_,)
    shapes = {"encoder": (*code, *shape), "decoder": (*shape, *code)}
    return joined.reshape(len(joined), *shapes.get(of, (*shape, *shape)))


def tangent_space(
    estimator: BaseAutoencoder,
    X: Any,
    y: Any = None,
    *,
    n_components: int | None = None,
    of: str = "encoder",
) -> TangentSpace:
    """Return an orthonormal basis of the manifold's tangent space at each sample.

    With ``of="encoder"`` it is the leading right singular vectors of ∂z/∂x: the directions in which
    the code changes most (Rifai et al. 2011). With ``of="decoder"`` it is the left singular vectors
    of ∂x/∂z at z = f(x): the directions in which the decoded sample can move at all.

    Parameters
    ----------
    estimator : estimator of the family
        Fitted.
    X : array-like, one sample a row, in the shape of the fit
        Where.
    y : array-like, optional
        The condition, for conditional models.
    n_components : int, optional
        Vectors a sample, 1 to min(latent_dim, values a sample); all of those without it.
    of : {"encoder", "decoder"}, default="encoder"
        Whose derivative.

    Returns
    -------
    TangentSpace
        ``bases`` (n, n_components, *sample_shape) and ``singular_values`` (n, n_components), in
        falling order: code a unit of the data, or the data's units a unit of code.

    Raises
    ------
    InvalidInputError
        If `n_components` is out of range, or as `jacobian`.

    References
    ----------
    .. [1] S. Rifai, Y. Dauphin, P. Vincent, Y. Bengio and X. Muller, "The manifold tangent
       classifier", NIPS 2011. No DOI.

    Examples
    --------
    >>> from isthmus import ContractiveAutoencoder
    >>> X = np.random.default_rng(0).normal(size=(50, 4))
    >>> model = ContractiveAutoencoder(latent_dim=3, max_epochs=1, random_state=0).fit(X)
    >>> bases, singular_values = tangent_space(model, X, n_components=2)
    >>> bases.shape, singular_values.shape
    ((50, 2, 4), (50, 2))
    """
    if of not in ("encoder", "decoder"):
        raise InvalidInputError(f"of: expected 'encoder' or 'decoder'; got {of!r}")
    check_family(estimator)
    most = min(estimator.latent_dim_, estimator.schema_.n_values)
    count = most if n_components is None else n_components
    if not 1 <= count <= most:
        raise InvalidInputError(
            f"n_components: expected 1 to {most}, the smaller of latent_dim and the values a "
            f"sample; got {n_components!r}"
        )
    bases, lengths = [], []
    for part in jacobian_chunks(estimator, X, y, of):
        rows = part if of == "encoder" else part.swapaxes(1, 2)
        _, values, vectors = np.linalg.svd(rows, full_matrices=False)
        bases.append(vectors[:, :count].astype(np.float32))
        lengths.append(values[:, :count].astype(np.float32))
    joined = np.concatenate(bases)
    return TangentSpace(
        joined.reshape(len(joined), count, *estimator.sample_shape_), np.concatenate(lengths)
    )


def sensitivity(
    estimator: BaseAutoencoder,
    X: Any,
    y: Any = None,
    *,
    tangents: str | NDArray[Any] = "neighbours",
    n_components: int | None = None,
    n_neighbors: int = 20,
    of: str = "encoder",
) -> Sensitivity:
    """Compare the response to steps along the data manifold with that to steps across it.

    A contractive or denoising autoencoder should answer to what the data do and ignore the rest:
    ``along`` well above ``across``. Both are exact root mean squares over all unit vectors of the
    tangent space T and of its complement, √(‖J T‖²_F / d) and √((‖J‖²_F − ‖J T‖²_F) / (D − d)), so
    that no direction is drawn.

    Parameters
    ----------
    estimator : estimator of the family
        Fitted.
    X : array-like, one sample a row, in the shape of the fit
        Where, and for "neighbours" the rows among which neighbours are sought.
    y : array-like, optional
        The condition, for conditional models.
    tangents : {"neighbours", "decoder"} or ndarray of shape (n, d, *sample_shape)
        Principal directions of each sample's nearest neighbours, which owe nothing to the model;
        the decoder's tangent space; or orthonormal bases of your own.
    n_components : int, optional
        d, at least 1 and less than the values a sample; latent_dim without it, cut to the values
        less one. Not used with bases of your own.
    n_neighbors : int, default=20
        For "neighbours".
    of : {"encoder", "reconstruction"}, default="encoder"
        Whose response: code a unit of the data, or a pure number.

    Returns
    -------
    Sensitivity
        ``along`` and ``across``, each (n,).

    Raises
    ------
    InvalidInputError
        If the tangent space fills the space of the data, the bases do not fit or are not
        orthonormal, or as `jacobian`.

    References
    ----------
    .. [1] S. Rifai, P. Vincent, X. Muller, X. Glorot and Y. Bengio, "Contractive auto-encoders:
       Explicit invariance during feature extraction", ICML 2011. No DOI.

    Examples
    --------
    >>> from isthmus import Autoencoder
    >>> t = np.random.default_rng(0).normal(size=(200, 1))
    >>> X = np.hstack([t, t, 0.01 * np.random.default_rng(1).normal(size=(200, 1))])
    >>> model = Autoencoder(latent_dim=1, max_epochs=20, random_state=0).fit(X)
    >>> along, across = sensitivity(model, X)
    >>> along.shape, across.shape
    ((200,), (200,))
    """
    if of not in ("encoder", "reconstruction"):
        raise InvalidInputError(f"of: expected 'encoder' or 'reconstruction'; got {of!r}")
    check_family(estimator)
    values = estimator.schema_.n_values
    if isinstance(tangents, str):
        count = min(estimator.latent_dim_, values - 1) if n_components is None else n_components
        if not 1 <= count < values:
            raise InvalidInputError(
                f"n_components: expected 1 to {values - 1}, less than the values a sample, so that "
                f"there is a direction across; got {count}"
            )
        if tangents == "decoder":
            bases = tangent_space(estimator, X, y, n_components=count, of="decoder").bases
        elif tangents == "neighbours":
            bases = neighbour_tangents(X, count, n_neighbors=n_neighbors).bases
        else:
            raise InvalidInputError(
                f"tangents: expected 'neighbours', 'decoder' or an array; got {tangents!r}"
            )
    else:
        bases = tangents
    frame = _frames(bases, len(X), estimator.sample_shape_)
    along, across, start = [], [], 0
    for part in jacobian_chunks(estimator, X, y, of):
        tangent = frame[start : start + len(part)]
        start += len(part)
        total = np.einsum("noi,noi->n", part, part)
        inside = np.square(part @ tangent.swapaxes(1, 2)).sum((1, 2))
        along.append(np.sqrt(inside / tangent.shape[1]))
        outside = np.maximum(total - inside, 0.0)  # rounding may leave a little below 0
        across.append(np.sqrt(outside / (values - tangent.shape[1])))
    return Sensitivity(
        np.concatenate(along).astype(np.float32), np.concatenate(across).astype(np.float32)
    )


def _frames(
    bases: NDArray[Any], n_samples: int, sample_shape: tuple[int, ...]
) -> NDArray[np.float64]:
    """Return bases as (n, d, D), having checked them."""
    array = np.asarray(bases, dtype=np.float64)
    values = int(np.prod(sample_shape))
    fits = array.ndim == 2 + len(sample_shape) and array.shape[2:] == sample_shape
    if not fits or len(array) != n_samples or not 1 <= array.shape[1] < values:
        shown = ", ".join(map(str, sample_shape))
        raise InvalidInputError(
            f"tangents: expected bases of shape ({n_samples}, 1 to {values - 1}, {shown}); "
            f"got {array.shape}"
        )
    frame = array.reshape(n_samples, array.shape[1], values)
    gram = frame @ frame.swapaxes(1, 2)
    if not np.allclose(gram, np.eye(frame.shape[1]), atol=1e-3):
        raise InvalidInputError(
            "tangents: expected orthonormal vectors a sample; orthogonalise them (numpy.linalg.qr)"
        )
    return frame
