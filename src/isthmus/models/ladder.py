"""The ladder VAE: a code in levels, from what is general down to what is particular."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar

import torch
from sklearn.utils._param_validation import StrOptions
from torch import Tensor

from isthmus.data.containers import is_tensor, like
from isthmus.errors import InvalidInputError
from isthmus.models.base import BaseAutoencoder
from isthmus.models.base.choices import Choices, DataFacts, ValueDefaults
from isthmus.models.base.inference import fixed_noise
from isthmus.models.base.parameters import COMMON, at_least
from isthmus.nn import LadderLatent, Spec
from isthmus.nn.latent.ladder import split_levels
from isthmus.training import Warmup

__all__ = ["LadderVAE"]


@dataclass(kw_only=True, eq=False, repr=False)
class LadderVAE(BaseAutoencoder):
    """A VAE with several levels of code, inferred from the top down (Sønderby et al. 2016).

    minimise  E[−log p(x|z₁)] + β Σₗ E KL(q(zₗ|x, zₗ₊₁) ‖ p(zₗ|zₗ₊₁)),  p(z_L) = N(0, I)

    The prior of each level is a Gaussian that a network makes of the level above; the posterior is
    that prior times what x says of the level, see `isthmus.nn.LadderLatent`. So the prior of z₁,
    which alone the decoder sees, is learned and is no single Gaussian.

    The code that `transform` gives has all levels side by side, the lowest first. What is decoded
    is its lowest level; `sample` draws from the top.

    Parameters
    ----------
    latent_dims : tuple of int or "auto", default="auto"
        Numbers in each level from the bottom, two levels or more, such as ``(8, 4)``; "auto" is
        two levels, two thirds and one third of `latent_dim`.
    latent_dim : int or "auto", default="auto"
        The sum of the levels, at least 2.
    level_hidden : int, default=64
        Units of the networks between the levels.
    beta : float, default=1.0
        β; 1 is the evidence lower bound.
    beta_warmup : int, default=20
        Epochs in which β rises from 0; early stopping waits for them. Upper levels that are pressed
        to their prior at once are never used.
    conditional : bool, default=False
        Whether `y` is given to encoder and decoder, see `VariationalAutoencoder`.
    hidden_layer_sizes, ...
        See `Autoencoder`, as for all other parameters.

    References
    ----------
    .. [1] C. K. Sønderby, T. Raiko, L. Maaløe, S. K. Sønderby and O. Winther, "Ladder variational
       autoencoders", NeurIPS 2016, arXiv:1602.02282.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from isthmus import LadderVAE
    >>> X = load_digits().data[:300] / 16
    >>> model = LadderVAE(latent_dims=(4, 2), max_epochs=2, random_state=0).fit(X)
    >>> model.transform(X).shape, model.level_divergences(X).shape
    ((300, 6), (300, 2))
    """

    latent_dims: tuple[int, ...] | str = "auto"
    level_hidden: int = 64
    beta: float = 1.0
    beta_warmup: int = 20
    conditional: bool = False

    constraints: ClassVar[dict[str, list[Any]]] = {
        **COMMON,
        "latent_dim": [at_least(2, Integral), StrOptions({"auto"})],
        "latent_dims": ["array-like", StrOptions({"auto"})],
        "level_hidden": [at_least(1, Integral)],
        "beta": [at_least(0)],
        "beta_warmup": [at_least(0, Integral)],
        "conditional": ["boolean"],
    }

    def value_defaults(self, kinds: Sequence[str]) -> ValueDefaults:
        return ValueDefaults(gaussian="gaussian_learned_scale")

    def choose(self, facts: DataFacts) -> Choices:
        self.no_code_activation("a code with a posterior")
        choices = super().choose(facts)
        size = choices.architecture.latent_dim
        if isinstance(self.latent_dims, str):
            levels = list(split_levels(max(2, size)))
        else:
            levels = _levels(self.latent_dims)
            if not isinstance(self.latent_dim, str) and self.latent_dim != sum(levels):
                raise InvalidInputError(
                    f"latent_dim: expected {sum(levels)}, the sum of latent_dims, or 'auto'; got "
                    f"{self.latent_dim!r}"
                )
        return choices.but(
            latent=Spec("ladder", {"hidden": int(self.level_hidden), "levels": levels}),
            latent_dim=sum(levels),
            coefficients={"divergence": Warmup(float(self.beta), int(self.beta_warmup))},
        )

    def level_divergences(self, X: Any, y: Any = None) -> Any:
        """Return the divergence of each level of each sample, in nats: whether a level is used.

        Parameters
        ----------
        X : array-like, one sample a row, in the shape of the fit
            The data.
        y : array-like, optional
            The condition, for conditional models.

        Returns
        -------
        array of shape (n, levels), float32
            From the bottom; the means over the same 16 draws of the levels above for every sample.
        """
        x, condition = self.to_tensors(X, y)
        latent = self.module_.latent
        assert isinstance(latent, LadderLatent)
        device = next(self.module_.parameters()).device
        draws = fixed_noise(self.latent_dim_).to(device)

        def divergences(part: Tensor, c: Tensor | None) -> Tensor:
            h = self.module_.posterior(part, c)
            return torch.stack([latent.level_divergences(h, draw) for draw in draws]).mean(0)

        found = self.map_rows(divergences, x, condition)
        return like(found, X) if is_tensor(X) else found

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """Fit and encode; a conditional model uses y for both."""
        return self.fit(X, y).transform(X, y)


def _levels(sizes: Sequence[Any]) -> list[int]:
    if len(sizes) < 2 or any(not isinstance(size, Integral) or size < 1 for size in sizes):
        raise InvalidInputError(
            "latent_dims: expected two whole numbers or more, each at least 1, such as (8, 4); got "
            f"{' '.join(repr(sizes).split())}"
        )
    return [int(size) for size in sizes]
