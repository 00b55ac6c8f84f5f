"""The formula of the family as one torch module, for any training loop.

minimise  E[−log p(x|z)] + β D(q(z|x̃) ‖ p(z)) + Σ λᵢ Ωᵢ,   x̃ ~ C(x̃|x),  z ~ q(z|x̃)

A batch goes through six stages, each of which fills in its part of one `Record`::

    observe → corrupt → encode_record → draw → decode_record → terms

A member of the family that differs in one of them overrides that one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from isthmus.errors import InvalidInputError
from isthmus.nn.corruption import AnyCorruption
from isthmus.nn.corruption.base import changed_shape, takes_record
from isthmus.nn.latent import Deterministic, Latent, StochasticLatent
from isthmus.nn.likelihood import Gaussian, Likelihood
from isthmus.nn.modes import full_precision
from isthmus.nn.modules.losses import Losses
from isthmus.nn.penalties.base import Penalty, penalty_term, wants
from isthmus.nn.prior import VampPrior
from isthmus.nn.record import Batch, Record
from isthmus.registry import Registry

__all__ = ["MODULES", "AutoencoderModule", "as_batch"]

MODULES: Registry[type[AutoencoderModule]] = Registry("module")


def as_batch(
    x: Any, condition: Tensor | None = None, generator: torch.Generator | None = None
) -> Batch:
    """Return a batch: `x` itself if it is one, else the data with what goes with them.

    Parameters
    ----------
    x : Batch or Tensor of shape (n, channels, ...)
        The data, scaled.
    condition : Tensor of shape (n, condition_dim), optional
        For conditional models.
    generator : torch.Generator, optional
        Where corruption, dropout and the draw of z come from; torch's global one when absent.
    """
    if isinstance(x, Batch):
        return x
    return Batch(x, condition=condition, noise=generator)


@MODULES.register("autoencoder")
class AutoencoderModule(nn.Module):
    """Encoder, code, decoder and likelihood put together, with the losses of the family.

    ``x → corruption → encoder → h → latent → z → decoder → parameters → likelihood → −log p(x|z)``

    Parameters
    ----------
    encoder : torch.nn.Module
        Maps (n, *feature_shape) to h (n, latent.outputs(latent_dim)). One with an attribute
        ``takes_record = True`` is given the `Record` instead: it finds its input in ``record.seen``
        and may leave something for the decoder in ``record.side``.
    decoder : torch.nn.Module
        Maps z (n, latent_dim) to the parameters of the likelihood: the shape of the data, with
        ``likelihood.parameter_channels(channels)`` channels. With ``takes_record = True`` likewise:
        it finds the code in ``record.z``.
    latent : Latent, optional
        What the code is; deterministic when absent.
    likelihood : Likelihood, optional
        p(x|z); a Gaussian of scale 1 when absent.
    corruption : callable ``(x, generator) -> x̃``, optional
        Applied to the encoder's input in training mode only; one that changes the shape, always.
    corrupted_weight, clean_weight : float, default=1.0
        α and β: how much the values count, in training mode, that the corruption has changed, and
        those that it has not (Vincent et al. 2010).
    penalties : mapping of str to callable, optional
        See `isthmus.nn.penalties.base`.
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
        corruption: AnyCorruption | None = None,
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
        self.penalty_modules = nn.ModuleDict()
        self.penalties = penalties or {}
        self.missing = missing
        self._protocols = _protocol(encoder), _protocol(decoder)
        if isinstance(self.latent, StochasticLatent) and isinstance(self.latent.prior, VampPrior):
            self.latent.prior.bind(self.encoder_output)

    @property
    def penalties(self) -> dict[str, Penalty]:
        """The penalties by name; those that are modules are trained, moved and saved with this."""
        return self._penalties

    @penalties.setter
    def penalties(self, penalties: Mapping[str, Penalty]) -> None:
        if taken := {"reconstruction", "divergence"} & set(penalties):
            raise InvalidInputError(f"penalties: {taken.pop()!r} is the name of a term already")
        self._penalties = dict(penalties)
        self._wanted: dict[str, tuple[Penalty, tuple[str, ...]]] = {}
        modules = {k: v for k, v in penalties.items() if isinstance(v, nn.Module)}
        self.penalty_modules = nn.ModuleDict(modules)

    # The stages --------------------------------------------------------------------------------

    def observe(self, batch: Batch) -> Record:
        """Begin a record: what is to be decoded and how much it counts, what the encoder sees."""
        target = batch.x if batch.target is None else batch.target
        weight = observed = batch.observed
        if observed is None and self.missing:
            weight = observed = ~torch.isnan(target)
        if observed is not None:
            target = torch.nan_to_num(target, nan=0.0)
        seen = self.features(batch.x) if batch.target is None else self._known(batch.x)
        return Record(batch, target=target, weight=weight, seen=seen)

    def corrupt(self, record: Record) -> None:
        """Put x̃ ~ C(x̃|x) in the place of what the encoder sees, in training mode."""
        corruption = self.corruption
        if corruption is None:
            return
        clean = record.seen
        resized = self._resized(clean)
        if resized is None and not self.training:
            return
        self.apply_corruption(corruption, record)
        if isinstance(clean, Tensor) and resized is None and record.seen.shape != clean.shape:
            raise InvalidInputError(
                f"corruption: expected to keep the shape {tuple(clean.shape)}; "
                f"got {tuple(record.seen.shape)}"
            )
        if self.emphasis is not None and self.training:
            alpha, beta = self.emphasis
            changed = self.likelihood.any_feature(record.seen != clean).to(record.target.dtype)
            emphasis = beta + (alpha - beta) * changed
            record.weight = emphasis if record.weight is None else emphasis * record.weight

    def apply_corruption(self, corruption: AnyCorruption, record: Record) -> None:
        """Apply a corruption to a record, in any mode.

        Parameters
        ----------
        corruption : callable
            What is applied, see `isthmus.nn.corruption.base`.
        record : Record
            The record of a batch that was observed; what the encoder sees is replaced in it.
        """
        more = {"record": record} if takes_record(corruption) else {}
        record.seen = corruption(record.seen, record.batch.noise, **more)

    def encode_record(self, record: Record) -> None:
        """Let the encoder give h, of which the code is made."""
        condition = record.batch.condition if self.encoder_takes_condition else None
        h = _call(
            self.encoder, self._protocols[0], record, record.seen, condition, record.batch.noise
        )
        record.h = full_precision(h)

    def draw(self, record: Record) -> None:
        """Draw the code z from the posterior that h describes, with its divergence."""
        record.z, record.divergence = self.latent.sample(record.h, record.batch.noise)

    def decode_record(self, record: Record) -> None:
        """Let the decoder give the parameters of p(x|z)."""
        z = self.latent.decoded(record.z)
        batch = record.batch
        # Under autocast the likelihood is worked out in full precision.
        output = _call(self.decoder, self._protocols[1], record, z, batch.condition, batch.noise)
        record.parameters = full_precision(output)

    def terms(self, record: Record) -> Losses:
        """Return the terms of the loss, of a record that went through all stages."""
        losses = Losses(reconstruction=self.reconstruction(record))
        if record.divergence is not None:
            losses["divergence"] = self._mean(record.divergence, record)
        losses |= self.penalty_terms(record)
        return losses

    def reconstruction(self, record: Record) -> Tensor:
        """Return −log p(x|z) in nats a sample."""
        weight, rows = record.weight, record.batch.weight
        if rows is not None:
            rows = rows.view(-1, *[1] * (record.target.ndim - 1))
            weight = rows.expand(record.target.shape) if weight is None else rows * weight
        return self.likelihood.loss(record.parameters, record.target, weight)

    def penalty_terms(self, record: Record) -> dict[str, Tensor]:
        """Return Ω of each penalty by its name."""
        terms = {}
        for name, penalty in self._penalties.items():
            known = self._wanted.get(name)
            if known is None or known[0] is not penalty:  # to look at a signature takes its time
                known = self._wanted[name] = penalty, wants(penalty)
            terms[name] = penalty_term(penalty, known[1], self, record)
        return terms

    def run(self, batch: Batch) -> Record:
        """Return the record of a batch that went through all stages but the last."""
        record = self.observe(batch)
        self.corrupt(record)
        self.encode_record(record)
        self.draw(record)
        self.decode_record(record)
        return record

    def losses(
        self,
        x: Tensor | Batch,
        condition: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Losses:
        """Return the terms of the loss for a batch.

        Parameters
        ----------
        x : Batch, or Tensor of shape (n, channels, ...)
            The data, scaled; float32 or float64 as the networks are.
        condition : Tensor of shape (n, condition_dim), optional
            For conditional models; in the batch if `x` is one.
        generator : torch.Generator, optional
            Where corruption, dropout and the draw of z come from; torch's global one when absent.

        Returns
        -------
        Losses
            Named terms, in nats a sample: summed over values, averaged over the batch.
        """
        return self.terms(self.run(as_batch(x, condition, generator)))

    # What the stages are made of, for those who use a module ----------------------------------

    def features(self, x: Any) -> Any:
        """Return what the encoder sees of `x`: nothing, that is 0, where a value is missing."""
        if not isinstance(x, Tensor) or not x.is_floating_point():
            return x
        return self._known(self.likelihood.features(x))

    def _known(self, x: Any) -> Any:
        return torch.nan_to_num(x, nan=0.0) if self.missing else x

    def _mean(self, values: Tensor, record: Record) -> Tensor:
        """Return the mean over the samples (n,), with the weights of the rows if there are any."""
        weight = record.batch.weight
        return values.mean() if weight is None else (values * weight).sum() / len(values)

    def encoder_output(
        self,
        seen: Tensor,
        condition: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return h for what the encoder sees (n, *feature_shape), in the precision it came in.

        Parameters
        ----------
        seen : Tensor of shape (n, *feature_shape)
            See `features`.
        condition : Tensor of shape (n, condition_dim), optional
            For conditional models.
        generator : torch.Generator, optional
            Where dropout comes from.
        """
        record = Record(Batch(seen, condition=condition, noise=generator), seen=seen)
        condition = condition if self.encoder_takes_condition else None
        return _call(self.encoder, self._protocols[0], record, seen, condition, generator)

    def decode_parameters(
        self,
        z: Tensor,
        condition: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the parameters of p(x|z) for a code.

        Parameters
        ----------
        z : Tensor of shape (n, latent_dim) or (n, *code_shape)
            The code.
        condition : Tensor of shape (n, condition_dim), optional
            For conditional models.
        generator : torch.Generator, optional
            Where dropout comes from.
        """
        z = z.view(-1, *self.latent.code_shape(z[0].numel())) if z.ndim == 2 else z
        record = Record(Batch(z, condition=condition, noise=generator), z=z)
        self.decode_record(record)
        parameters: Tensor = record.parameters
        return parameters

    def posterior(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return the encoder's output h for data `x` (n, channels, …), without corruption.

        Parameters
        ----------
        x : Tensor of shape (n, channels, ...)
            The data, scaled.
        condition : Tensor of shape (n, condition_dim), optional
            For conditional models.
        """
        return self.encoder_output(self._seen(x), condition)

    def _seen(self, x: Tensor) -> Tensor:
        record = Record(Batch(x), seen=self.features(x))
        self.resize(record)
        seen: Tensor = record.seen
        return seen

    def _resized(self, seen: Any) -> tuple[int, ...] | None:
        """Return the shape that the corruption gives, if that is another one."""
        if self.corruption is None or not isinstance(seen, Tensor):
            return None
        return changed_shape(self.corruption, seen.shape[1:])

    def resize(self, record: Record) -> None:
        """Apply a corruption that changes the shape: the encoder takes nothing else."""
        if self.corruption is not None and self._resized(record.seen) is not None:
            self.apply_corruption(self.corruption, record)

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
        Tensor of shape (n, *code_shape), which is (n, latent_dim) for most codes
        """
        return self.latent.mean(self.posterior(x, condition))

    def decode(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return the data that a code stands for: the mean of p(x|z).

        Parameters
        ----------
        z : Tensor of shape (n, latent_dim) or (n, *code_shape)
            The code.
        condition : Tensor of shape (n, condition_dim), optional
            For conditional models.
        """
        return self.likelihood.prediction(self.decode_parameters(z, condition))

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return the reconstruction of `x`, in its shape.

        Parameters
        ----------
        x : Tensor of shape (n, channels, ...)
            The data, scaled.
        condition : Tensor of shape (n, condition_dim), optional
            For conditional models.
        """
        return self.likelihood.prediction(self._at_mean(Batch(x, condition=condition)).parameters)

    def _at_mean(self, batch: Batch) -> Record:
        """Return the record of a batch at the code that is shown for it."""
        record = self._encoded(batch)
        record.z = self.latent.mean(record.h)
        self.decode_record(record)
        return record

    def _encoded(self, batch: Batch) -> Record:
        record = self.observe(batch)
        self.resize(record)
        self.encode_record(record)
        return record

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
        record = self._encoded(as_batch(x, condition))
        latent, h = self.latent, record.h
        divergence: Tensor | None
        if noise is None or not isinstance(latent, StochasticLatent):
            codes: Sequence[Tensor] = [latent.mean(h)]
            divergence = latent.divergence(h)
        elif latent.closed_form:
            codes = [latent.at(h, draw) for draw in self.shaped_noise(noise)]
            divergence = latent.divergence(h)
        else:
            pairs = (latent.log_ratio(h, draw) for draw in self.shaped_noise(noise))
            codes, ratios = zip(*pairs, strict=True)
            divergence = torch.stack(ratios).mean(0)
        values = (self.log_likelihood(record, z) for z in codes)
        return sum(values, start=torch.zeros_like(record.target)) / len(codes), divergence

    def log_likelihood(self, record: Record, z: Tensor) -> Tensor:
        """Return log p(x|z) of each value of a record's target, in its shape; 0 where not known.

        Parameters
        ----------
        record : Record
            The record of a batch that was observed and encoded.
        z : Tensor of shape (n, *code_shape)
            The code.
        """
        record.z = z
        self.decode_record(record)
        log_prob = self.likelihood.log_prob(record.parameters, record.target)
        return log_prob if record.weight is None else log_prob * record.weight

    def shaped_noise(self, noise: Tensor) -> Tensor:
        """Return draws (draws, latent_dim) of noise in the shape of the code."""
        shape = self.latent.code_shape(noise.shape[1])
        return noise if len(shape) == 1 else noise.view(-1, *shape)


def _protocol(network: nn.Module) -> str:
    """Return what a network is called with: the record, all that ours take, or its input alone."""
    if getattr(network, "takes_record", False):
        return "record"
    return "all" if getattr(network, "takes_generator", False) else "input"


def _call(
    network: nn.Module,
    protocol: str,
    record: Record,
    x: Any,
    condition: Tensor | None,
    generator: torch.Generator | None,
) -> Tensor:
    if protocol == "all":
        output: Tensor = network(x, condition, generator)
        return output
    given = network(record) if protocol == "record" else network(x)
    if not isinstance(given, Tensor):
        raise InvalidInputError(
            f"network: {type(network).__name__} must give one tensor; it gave a "
            f"{type(given).__name__}"
        )
    return given
