"""`sample` and `fit_density`: new data from codes drawn from a prior or a fitted density."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from isthmus.errors import InvalidInputError, check_count
from isthmus.models.base import inference
from isthmus.models.base.density import fit_density
from isthmus.nn import Prior
from isthmus.nn.modes import ordinary_mode
from isthmus.training import draw_seed

if TYPE_CHECKING:
    from isthmus.models.base import BaseAutoencoder

__all__ = ["CodeSampling"]


class CodeSampling:
    """`fit_density` and `sample`, for every member of the family."""

    # Fitted attribute: the distribution of the codes.
    density_: Prior

    @ordinary_mode()
    def fit_density(
        self,
        X: Any,
        y: Any = None,
        *,
        kind: str = "mixture",
        n_components: int | str = "auto",
        random_state: int | np.random.RandomState | None = None,
    ) -> Self:
        """Fit a distribution to the codes of `X`, from which `sample` then draws.

        A model whose code has no prior can be sampled so, and one that has often samples better:
        the codes of the data rarely fill their prior (Ghosh et al. 2020, arXiv:1903.12436). It is
        kept with the model, and in its file, until the next `fit` or `partial_fit`.

        Parameters
        ----------
        X : array-like, one sample a row, in the shape of the fit
            The training data.
        y : array-like, optional
            The condition, for conditional models.
        kind : {"mixture", "flow"}, default="mixture"
            A mixture of Gaussians with full covariances, or a normalising flow, which takes
            longer and follows bent distributions.
        n_components : int or "auto", default="auto"
            Components of the mixture; "auto" is 10, or fewer where there are few rows.
        random_state : int, RandomState or None, default=None
            Where all draws come from.

        Returns
        -------
        self

        Raises
        ------
        InvalidInputError
            If there are fewer than 2 rows, or a parameter cannot be used.
        """
        model = cast("BaseAutoencoder", self)
        x, condition = model.to_tensors(X, y, encoding=True)
        codes = inference.map_rows(model.module_, model.module_.encode, x, condition)
        codes = codes.reshape(len(codes), -1)
        self.density_ = fit_density(codes, kind, n_components, random_state)
        return self

    @ordinary_mode()
    def sample(
        self,
        n_samples: int = 1,
        y: Any = None,
        *,
        output: str = "mean",
        random_state: int | np.random.RandomState | None = None,
    ) -> Any:
        """Draw codes and decode them: new data.

        The codes come from what `fit_density` has fitted, else from the prior of the model.

        Parameters
        ----------
        n_samples : int, default=1
            How many.
        y : array-like of shape (n_samples,), or one condition for all, optional
            For conditional models.
        output : {"mean", "draw"}, default="mean"
            Whether to give the mean of p(x|z), which is what the literature shows, or a draw from
            it, which has the spread of the data.
        random_state : int, RandomState or None, default=None
            Where the draws come from.

        Returns
        -------
        ndarray of shape (n_samples, *sample_shape)
            In the units of the data, in float32 or float64 as they were.

        Raises
        ------
        InvalidInputError
            If the model has no distribution of codes, n_samples is below 1, or a conditional model
            gets no y.
        """
        model = cast("BaseAutoencoder", self)
        check_is_fitted(self, "module_")
        check_count("n_samples", n_samples)
        if output not in ("mean", "draw"):
            raise InvalidInputError(f"output: expected 'mean' or 'draw'; got {output!r}")
        count = int(n_samples)
        generator = torch.Generator().manual_seed(draw_seed(random_state))
        if y is not None and np.ndim(y) == 0:
            y = [y] * count
        condition = model.encode_condition(y, count)
        with torch.inference_mode():
            codes = self.draw_codes(count, generator)
        if output == "draw":
            device = next(model.module_.parameters()).device
            draws = torch.Generator(device).manual_seed(draw_seed(random_state) + 1)
            shown = partial(inference.draw, model.module_, draws)
            decoded = inference.map_rows(model.module_, shown, codes, condition)
        else:
            decoded = inference.map_rows(model.module_, model.module_.decode, codes, condition)
        return model.in_units(decoded)

    @property
    def can_sample(self) -> bool:
        """Whether there is a distribution to draw codes from."""
        latent = cast("BaseAutoencoder", self).module_.latent
        return hasattr(self, "density_") or hasattr(latent, "sample_prior")

    def draw_codes(self, n_samples: int, generator: torch.Generator) -> Tensor:
        """Draw codes (n_samples, latent_dim), on the CPU.

        Parameters
        ----------
        n_samples : int
            How many.
        generator : torch.Generator
            Where they come from.
        """
        model = cast("BaseAutoencoder", self)
        density: Prior | None = getattr(self, "density_", None)
        if density is not None:
            return density.sample(n_samples, generator)
        if (draw := getattr(model.module_.latent, "sample_prior", None)) is None:
            raise InvalidInputError(
                f"sample: the code of {type(self).__name__} has no distribution to draw from; call "
                "fit_density(X) first"
            )
        device = next(model.module_.parameters()).device
        if device.type != "cpu":
            generator = torch.Generator(device).manual_seed(generator.initial_seed())
        codes: Tensor = draw(n_samples, model.latent_dim_, generator)
        return codes.cpu()
