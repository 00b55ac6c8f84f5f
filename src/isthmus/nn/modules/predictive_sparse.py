"""Predictive sparse decomposition as a module: a dictionary, sparse codes, and their predictor."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from isthmus.errors import InvalidInputError
from isthmus.nn.latent import Latent
from isthmus.nn.likelihood import Gaussian, Likelihood
from isthmus.nn.modules.base import MODULES, AutoencoderModule
from isthmus.nn.modules.losses import Losses
from isthmus.nn.modules.sparse_inference import fista
from isthmus.nn.networks import Dense
from isthmus.nn.record import Record

__all__ = ["PredictiveSparseModule"]


@MODULES.register("predictive_sparse")
class PredictiveSparseModule(AutoencoderModule):
    """minimise  ½‖x − (Dz + b)‖² + λ‖z‖₁ + (α/2)‖z − f(x)‖²  over z, and over D, b and f.

    `encode` is the predictor f, the encoder and the latent; `infer` finds z by `fista`, started at
    f(x). In `losses` z is a constant: the gradient reaches D and b through the first term and f
    through the last (Kavukcuoglu, Ranzato & LeCun 2008).

    Parameters
    ----------
    encoder : torch.nn.Module
        Maps data to h.
    decoder : Dense
        Without hidden layers: its weight is D, one atom of norm 1 a column, its bias b.
    latent : Gained or another deterministic code, optional
        z = latent(h) is the prediction.
    likelihood : Gaussian, optional
        With a scale of 1.
    sparsity_weight : float, default=0.2
        λ.
    prediction_weight : float, default=1.0
        α.
    inference_steps : int, default=10
        Steps of FISTA in `losses`.
    **parts
        See `AutoencoderModule`.

    Raises
    ------
    InvalidInputError
        If the decoder or the likelihood is another one.

    Examples
    --------
    >>> from isthmus.nn import Gained
    >>> module = PredictiveSparseModule(Dense((4,), (8,)), Dense((8,), (4,)), Gained(8))
    >>> sorted(module.losses(torch.rand(5, 4)))
    ['prediction', 'reconstruction', 'sparsity']
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        latent: Latent | None = None,
        likelihood: Likelihood | None = None,
        *,
        sparsity_weight: float = 0.2,
        prediction_weight: float = 1.0,
        inference_steps: int = 10,
        **parts: Any,
    ) -> None:
        super().__init__(encoder, decoder, latent, likelihood, **parts)
        if not isinstance(decoder, Dense) or len(decoder.layers) != 1:
            raise InvalidInputError("decoder: sparse inference needs one linear layer, the atoms")
        if not isinstance(self.likelihood, Gaussian) or self.likelihood.scale != 1.0:
            raise InvalidInputError(
                "likelihood: sparse inference minimises the squared error; it must be 'gaussian'"
            )
        self.sparsity_weight = float(sparsity_weight)
        self.prediction_weight = float(prediction_weight)
        self.inference_steps = int(inference_steps)
        self.normalise_()

    @property
    def _layer(self) -> nn.Linear:
        decoder = self.decoder
        assert isinstance(decoder, Dense)
        return decoder.linears[0]

    @property
    def dictionary(self) -> Tensor:
        """D (values, latent_dim), one atom a column."""
        return self._layer.weight

    @torch.no_grad()
    def normalise_(self) -> None:
        """Give every atom a norm of 1, in place: a code cannot shrink while its atom grows."""
        norms = torch.linalg.vector_norm(self.dictionary, dim=0)
        self.dictionary.div_(norms.clamp(min=torch.finfo(norms.dtype).tiny))

    @torch.no_grad()
    def infer(
        self,
        x: Tensor,
        prediction: Tensor,
        *,
        prediction_weight: float = 0.0,
        n_steps: int = 100,
        tolerance: float | None = None,
    ) -> Tensor:
        """Return the codes that minimise the objective for `x`, found from the prediction.

        Parameters
        ----------
        x : Tensor of shape (n, channels, ...)
            The data, scaled; NaN where missing, if `missing`.
        prediction : Tensor of shape (n, latent_dim)
            f(x).
        prediction_weight, n_steps, tolerance
            See `fista`.

        Returns
        -------
        Tensor of shape (n, latent_dim)
        """
        layer = self._layer
        residual = x.flatten(1) - layer.bias
        observed = None
        if self.missing:
            observed = ~torch.isnan(residual)
            residual = torch.nan_to_num(residual, nan=0.0)
        with torch.autocast(x.device.type, enabled=False):
            return fista(
                residual,
                layer.weight,
                self.sparsity_weight,
                start=prediction,
                prediction=prediction,
                prediction_weight=prediction_weight,
                observed=observed,
                n_steps=n_steps,
                tolerance=tolerance,
            )

    def draw(self, record: Record) -> None:
        """Find the codes that minimise the objective, from their prediction."""
        predicted = self.latent(record.h, record.batch.noise)
        record.side["prediction"] = predicted
        record.z = self.infer(
            record.batch.x,
            predicted.detach(),
            prediction_weight=self.prediction_weight,
            n_steps=self.inference_steps,
        )

    def terms(self, record: Record) -> Losses:
        """Return the three terms of the objective at the inferred codes, averaged over the batch.

        ``"reconstruction"`` is −log p(x|z) in nats, half the squared error and a constant;
        ``"sparsity"`` is ‖z‖₁ and ``"prediction"`` ½‖z − f(x)‖²: the coefficients λ and α belong to
        the training, and must be the ones that the module was made with.
        """
        z, predicted = record.z, record.side["prediction"]
        return Losses(
            reconstruction=self.reconstruction(record),
            sparsity=z.abs().sum() / len(z),
            prediction=0.5 * (z - predicted).square().sum() / len(z),
        )
