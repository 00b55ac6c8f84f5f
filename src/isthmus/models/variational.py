"""The variational autoencoder: a code with a prior, from which new samples can be drawn."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from isthmus.errors import InvalidInputError, check_count
from isthmus.models.base import BaseAutoencoder
from isthmus.models.fitting import draw_seed
from isthmus.models.parameters import COMMON, at_least
from isthmus.training import Coefficient, Warmup

__all__ = ["VariationalAutoencoder"]


@dataclass(kw_only=True, eq=False, repr=False)
class VariationalAutoencoder(BaseAutoencoder):
    """A Gaussian code and a bound on the likelihood: minimise E[−log p(x|z)] + β KL(q(z|x) ‖ p(z)).

    Real values get a Gaussian likelihood with one learned scale, which balances the two terms
    (Rybkin et al. 2021).

    Parameters
    ----------
    beta : float, default=1.0
        β; 1 is the evidence lower bound, more presses the code towards independent, unused
        dimensions (Higgins et al. 2017).
    beta_warmup : int, default=10
        Epochs in which β rises from 0; early stopping waits for them.
    conditional : bool, default=False
        Whether `y` is given to encoder and decoder: p(x|z, y) (Sohn et al. 2015). Text, booleans
        and whole numbers are classes, fractions are amounts.
    latent_dim, hidden_layer_sizes, ...
        See `Autoencoder`, as for all other parameters.

    References
    ----------
    .. [1] D. P. Kingma and M. Welling, "Auto-encoding variational Bayes", ICLR 2014,
       arXiv:1312.6114.
    .. [2] I. Higgins et al., "beta-VAE: Learning basic visual concepts with a constrained
       variational framework", ICLR 2017.
    .. [3] K. Sohn, H. Lee and X. Yan, "Learning structured output representation using deep
       conditional generative models", NeurIPS 2015.
    .. [4] O. Rybkin, K. Daniilidis and S. Levine, "Simple and effective VAE training with
       calibrated decoders", ICML 2021.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from isthmus import VariationalAutoencoder
    >>> X = load_digits().data / 16
    >>> model = VariationalAutoencoder(latent_dim=4, max_epochs=5, random_state=0).fit(X)
    >>> model.sample(3, random_state=0).shape
    (3, 64)
    """

    beta: float = 1.0
    beta_warmup: int = 10
    conditional: bool = False

    _gaussian: ClassVar[str] = "gaussian_learned_scale"
    _constraints: ClassVar[dict[str, list[Any]]] = {
        **COMMON,
        "beta": [at_least(0)],
        "beta_warmup": [at_least(0, Integral)],
        "conditional": ["boolean"],
    }

    def _latent(self) -> dict[str, Any]:
        if self.latent_activation not in ("auto", "identity"):
            raise InvalidInputError(
                "latent_activation: a Gaussian code has none; set it to 'auto'; "
                f"got {self.latent_activation!r}"
            )
        return {"latent": "gaussian"}

    def _coefficients(self) -> dict[str, Coefficient]:
        return {"divergence": Warmup(float(self.beta), int(self.beta_warmup))}

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """Fit and encode; a conditional model uses y for both."""
        return self.fit(X, y).transform(X, y)

    def sample(
        self,
        n_samples: int = 1,
        y: Any = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> Any:
        """Draw codes from the prior and decode them: new data.

        Parameters
        ----------
        n_samples : int, default=1
            How many.
        y : array-like of shape (n_samples,), or one condition for all, optional
            For conditional models.
        random_state : int, RandomState or None, default=None
            Where the codes come from.

        Returns
        -------
        ndarray of shape (n_samples, *sample_shape), float32
            The mean of p(x|z) at each code, in the units of the data.

        Raises
        ------
        InvalidInputError
            If n_samples is below 1, or a conditional model gets no y.
        """
        check_is_fitted(self, "module_")
        check_count("n_samples", n_samples)
        generator = torch.Generator().manual_seed(draw_seed(random_state))
        codes = torch.randn(int(n_samples), self.latent_dim_, generator=generator)
        if y is not None and np.ndim(y) == 0:
            y = [y] * int(n_samples)
        return self.inverse_transform(codes.numpy(), y)
