"""The formula of the family as one torch module, for any training loop.

minimise  E[−log p(x|z)] + β D(q(z|x̃) ‖ p(z)) + Σ λᵢ Ωᵢ,   x̃ ~ C(x̃|x),  z ~ q(z|x̃)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from isthmus.errors import InvalidInputError
from isthmus.nn.corruption import Corruption
from isthmus.nn.latent import Deterministic, Latent, StochasticLatent
from isthmus.nn.likelihood import Gaussian, Likelihood
from isthmus.nn.penalty import Penalty
from isthmus.nn.prior import VampPrior

__all__ = ["AutoencoderModule", "Losses"]


class Losses(dict[str, Tensor]):
    """The terms of the loss by name, each one number: nats a sample, or a penalty in its own units.

    ``"reconstruction"`` is always there, ``"divergence"`` where the code has a prior, and then one
    entry a penalty, under the penalty's name.

    Examples
    --------
    >>> import torch
    >>> losses = Losses(reconstruction=torch.tensor(3.0), divergence=torch.tensor(2.0))
    >>> losses.total, losses.weighted({"divergence": 0.5})
    (tensor(5.), tensor(4.))
    """

    @property
    def total(self) -> Tensor:
        """The plain sum of the terms."""
        return self.weighted({})

    def weighted(self, coefficients: Mapping[str, float]) -> Tensor:
        """Return the sum of the terms times their coefficients, which are 1 where not named."""
        terms = iter(self.items())
        name, value = next(terms)
        total = value * coefficients[name] if name in coefficients else value
        for name, value in terms:
            total = torch.add(total, value, alpha=coefficients.get(name, 1.0))
        return total


class AutoencoderModule(nn.Module):
    """Encoder, code, decoder and likelihood put together, with the losses of the family.

    ``x → corruption → encoder → h → latent → z → decoder → parameters → likelihood → −log p(x|z)``

    Parameters
    ----------
    encoder : torch.nn.Module
        Maps (n, *feature_shape) to h (n, latent.outputs(latent_dim)).
    decoder : torch.nn.Module
        Maps z (n, latent_dim) to the parameters of the likelihood: the shape of the data, with
        ``likelihood.parameter_channels(channels)`` channels.
    latent : Deterministic, TopK, GaussianLatent or another code, optional
        What the code is; deterministic when absent.
    likelihood : Likelihood, optional
        p(x|z); a Gaussian of scale 1 when absent.
    corruption : callable ``(x, generator) -> x̃``, optional
        Applied to the encoder's input in training mode only.
    corrupted_weight, clean_weight : float, default=1.0
        α and β: how much the values count, in training mode, that the corruption has changed, and
        those that it has not (Vincent et al. 2010).
    penalties : mapping of str to callable, optional
        See `isthmus.nn.penalty`.
    missing : bool, default=False
        Whether NaN in the data means "not observed": zero for the encoder, nothing in the loss.

    Examples
    --------
    >>> import torch
    >>> from isthmus.nn import Dense
    >>> module = AutoencoderModule(Dense((64,), (8,), [32]), Dense((8,), (64,), [32]))
    >>> x = torch.rand(16, 64)
    >>> module.losses(x).total.backward()
    >>> module.encode(x).shape
    torch.Size([16, 8])
    """

    encoder_takes_condition: ClassVar[bool] = True  # or only the decoder does

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        latent: Latent | None = None,
        likelihood: Likelihood | None = None,
        *,
        corruption: Corruption | None = None,
        corrupted_weight: float = 1.0,
        clean_weight: float = 1.0,
        penalties: Mapping[str, Penalty] | None = None,
        missing: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.latent: Latent = Deterministic() if latent is None else latent
        self.likelihood: Likelihood = Gaussian() if likelihood is None else likelihood
        self.corruption = corruption
        if min(corrupted_weight, clean_weight) < 0 or corrupted_weight == clean_weight == 0:
            raise InvalidInputError(
                "corrupted_weight: expected it and clean_weight to be at least 0, and one of them "
                f"above; got {corrupted_weight!r} and {clean_weight!r}"
            )
        plain = corrupted_weight == clean_weight == 1
        self.emphasis = None if plain else (float(corrupted_weight), float(clean_weight))
        self.penalties = dict(penalties or {})
        if taken := {"reconstruction", "divergence"} & set(self.penalties):
            raise InvalidInputError(f"penalties: {taken.pop()!r} is the name of a term already")
        self.missing = missing
        # A network of the user's own takes the input alone; ours take a condition and a generator.
        self._ours = [getattr(network, "takes_generator", False) for network in (encoder, decoder)]
        if isinstance(self.latent, StochasticLatent) and isinstance(self.latent.prior, VampPrior):
            self.latent.prior.bind(self._encode)

    def _features(self, x: Tensor) -> Tensor:
        """Return what the encoder sees of `x`: nothing, that is 0, where a value is missing."""
        seen = self.likelihood.features(x)
        return torch.nan_to_num(seen, nan=0.0) if self.missing else seen

    def _encode(
        self,
        x: Tensor,
        condition: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        if not self.encoder_takes_condition:
            condition = None
        h: Tensor = self.encoder(x, condition, generator) if self._ours[0] else self.encoder(x)
        return h

    def decode_parameters(
        self,
        z: Tensor,
        condition: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the parameters of p(x|z) for a code z (n, latent_dim)."""
        decoder = self.decoder
        output: Tensor = decoder(z, condition, generator) if self._ours[1] else decoder(z)
        # bfloat16 under autocast: the likelihood is worked out in full precision.
        return output if output.dtype != torch.bfloat16 else output.float()

    def posterior(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return the encoder's output h for data `x` (n, channels, …), without corruption."""
        return self._encode(self._features(x), condition, None)

    def encode(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return the code of `x`: deterministic, the posterior mean where there is a posterior.

        Parameters
        ----------
        x : Tensor of shape (n, channels, ...)
            The data, scaled.
        condition : Tensor of shape (n, condition_dim), optional
            For conditional models.

        Returns
        -------
        Tensor of shape (n, latent_dim)
        """
        return self.latent.mean(self.posterior(x, condition))

    def decode(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return the data that a code z (n, latent_dim) stands for: the mean of p(x|z)."""
        return self.likelihood.prediction(self.decode_parameters(z, condition))

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return the reconstruction of `x`, in its shape."""
        return self.decode(self.encode(x, condition), condition)

    def losses(
        self,
        x: Tensor,
        condition: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Losses:
        """Return the terms of the loss for a batch.

        Parameters
        ----------
        x : Tensor of shape (n, channels, ...)
            The data, scaled; float32 or float64 as the networks are.
        condition : Tensor of shape (n, condition_dim), optional
            For conditional models.
        generator : torch.Generator, optional
            Where corruption, dropout and the draw of z come from; torch's global one when absent.

        Returns
        -------
        Losses
            Named terms, in nats a sample: summed over values, averaged over the batch.
        """
        latent, likelihood = self.latent, self.likelihood  # each look-up of a part costs
        seen = self._features(x)
        weight = None
        if self.missing:
            weight = ~torch.isnan(x)
            x = torch.nan_to_num(x, nan=0.0)
        if self.corruption is not None and self.training:
            clean, seen = seen, self.corruption(seen, generator)
            if seen.shape != clean.shape:
                raise InvalidInputError(
                    f"corruption: expected to keep the shape {tuple(clean.shape)}; "
                    f"got {tuple(seen.shape)}"
                )
            if self.emphasis is not None:
                alpha, beta = self.emphasis
                changed = likelihood.any_feature(seen != clean).to(x.dtype)
                emphasis = beta + (alpha - beta) * changed
                weight = emphasis if weight is None else emphasis * weight
        h = self._encode(seen, condition, generator)
        if h.dtype == torch.bfloat16:
            h = h.float()
        divergence: Tensor | None
        if isinstance(latent, StochasticLatent):
            z, divergence = latent.draw(h, latent.noise(h, generator))
        else:
            z, divergence = latent(h, generator), latent.divergence(h)
        parameters = self.decode_parameters(z, condition, generator)
        losses = Losses(reconstruction=likelihood.loss(parameters, x, weight))
        if divergence is not None:
            losses["divergence"] = divergence.mean()
        losses |= self.penalty_terms(seen, z, condition, generator, h)
        return losses

    def penalty_terms(
        self,
        seen: Tensor,
        z: Tensor,
        condition: Tensor | None = None,
        generator: torch.Generator | None = None,
        h: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Return Ω of each penalty by its name.

        Parameters
        ----------
        seen : Tensor of shape (n, *feature_shape)
            What the encoder was given.
        z : Tensor of shape (n, latent_dim)
            The code.
        condition : Tensor of shape (n, condition_dim), optional
            For those penalties that take one.
        generator : torch.Generator, optional
            Where a penalty draws from.
        h : Tensor of shape (n, latent.outputs(latent_dim)), optional
            The encoder's output, for those penalties that are of the posterior.
        """
        terms = {}
        for name, penalty in self.penalties.items():
            more: tuple[Tensor | None, ...] = ()
            if getattr(penalty, "takes_condition", False):
                more = (condition,)
            elif getattr(penalty, "takes_posterior", False):
                more = (h,)
            terms[name] = penalty(self, seen, z, generator, *more)
        return terms

    def log_prob(
        self,
        x: Tensor,
        condition: Tensor | None = None,
        noise: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Return log p(x|z) of every value, and the divergence of every sample, in nats.

        Parameters
        ----------
        x : Tensor of shape (n, channels, ...)
            The data, scaled. Missing values get 0.
        condition : Tensor of shape (n, condition_dim), optional
            For conditional models.
        noise : Tensor of shape (draws, latent_dim), optional
            Standard normal draws for a code that has a posterior: log p(x|z) is averaged over them,
            the same for every sample, so that a score does not depend on the other samples.

        Returns
        -------
        log_prob : Tensor, in the shape of `x`
        divergence : Tensor of shape (n,) or None
        """
        h = self._encode(self._features(x), condition, None)
        observed = ~torch.isnan(x) if self.missing else None
        x = torch.nan_to_num(x, nan=0.0) if self.missing else x
        latent = self.latent
        divergence: Tensor | None
        if noise is None or not isinstance(latent, StochasticLatent):
            codes: Sequence[Tensor] = [latent.mean(h)]
            divergence = latent.divergence(h)
        elif latent.closed_form:
            codes = [latent.at(h, draw) for draw in noise]
            divergence = latent.divergence(h)
        else:
            codes, ratios = zip(*(latent.log_ratio(h, draw) for draw in noise), strict=True)
            divergence = torch.stack(ratios).mean(0)
        log_prob = sum(
            (self.likelihood.log_prob(self.decode_parameters(z, condition), x) for z in codes),
            start=torch.zeros_like(x),
        ) / len(codes)
        if observed is not None:
            log_prob = log_prob * observed
        return log_prob, divergence
