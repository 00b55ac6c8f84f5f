"""Sums of codes: a − b + c, decoded."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isthmus.data.containers import to_arrays
from isthmus.geometry._codes import decode, encode
from isthmus.geometry._maps import check_family
from isthmus.models import BaseAutoencoder

__all__ = ["CodeSum", "code_arithmetic"]


class CodeSum(NamedTuple):
    """A sum of codes and what it stands for.

    Parameters
    ----------
    code : ndarray of shape (latent_dim,), float32
        a − b + c.
    sample : ndarray of shape sample_shape, float32
        The code decoded, in the data's units, channels last.
    """

    code: NDArray[np.float32]
    sample: NDArray[np.float32]


def code_arithmetic(estimator: BaseAutoencoder, a: Any, b: Any, c: Any, y: Any = None) -> CodeSum:
    """Decode a − b + c: from a, what is in b is taken away and what is in c is added.

    Parameters
    ----------
    estimator : estimator of the family
        Fitted.
    a, b, c : array-like of shape (n, *sample_shape) or sample_shape
        Samples; of several, the mean of the codes is taken, which averages out what they do not
        have in common (Radford et al. 2016 took three of each).
    y : object, optional
        The one condition of all of them, for conditional models.

    Returns
    -------
    CodeSum
        The code and the sample.

    Raises
    ------
    InvalidInputError
        If samples are not of the shape of the fit.

    References
    ----------
    .. [1] A. Radford, L. Metz and S. Chintala, "Unsupervised representation learning with deep
       convolutional generative adversarial networks", ICLR 2016, arXiv:1511.06434.

    Examples
    --------
    >>> from isthmus import Autoencoder
    >>> X = np.random.default_rng(0).normal(size=(50, 4))
    >>> model = Autoencoder(latent_dim=2, max_epochs=1, random_state=0).fit(X)
    >>> found = code_arithmetic(model, X[0], X[1], X[1])  # a − b + b
    >>> bool(np.allclose(found.sample, model.reconstruct(X[:1])[0], atol=1e-5))
    True
    """
    check_family(estimator, smooth=False)
    means = [
        encode(estimator, _rows(estimator, samples), y, name).mean(axis=0, dtype=np.float64)
        for samples, name in ((a, "a"), (b, "b"), (c, "c"))
    ]
    code = (means[0] - means[1] + means[2]).astype(np.float32)
    return CodeSum(code, decode(estimator, code[None], y)[0])


def _rows(estimator: BaseAutoencoder, samples: Any) -> Any:
    """Return one sample as a row, and rows as they are."""
    if hasattr(samples, "to_frame"):  # a row of a pandas DataFrame, with the names of its columns
        return samples.to_frame().T
    if np.shape(samples) == estimator.sample_shape_:
        return np.asarray(to_arrays(samples))[None]
    return samples
