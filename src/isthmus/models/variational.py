"""The variational autoencoder: a code with a prior, from which new samples can be drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from numbers import Integral
from typing import Any, ClassVar

import torch
from sklearn.utils._param_validation import StrOptions

from isthmus.errors import InvalidInputError
from isthmus.models.base import BaseAutoencoder
from isthmus.models.base.choices import Choices, DataFacts, ValueDefaults
from isthmus.models.base.parameters import COMMON, at_least
from isthmus.nn import (
    AutoencoderModule,
    Capacity,
    FreeBits,
    Spec,
    StochasticLatent,
    VampPrior,
)
from isthmus.training import (
    Annealing,
    CapacitySchedule,
    Step,
    Warmup,
    backpropagation,
    binarized,
)

__all__ = ["VariationalAutoencoder"]

_COMPONENTS = {"mixture": 10, "vamp": 100}  # what n_components="auto" comes to


@dataclass(kw_only=True, eq=False, repr=False)
class VariationalAutoencoder(BaseAutoencoder):
    """A code with a posterior, and a bound: minimise E[−log p(x|z)] + β KL(q(z|x) ‖ p(z)).

    Real values get a Gaussian likelihood with one learned scale, which balances the two terms
    (Rybkin et al. 2021).

    Parameters
    ----------
    beta : float, default=1.0
        β; 1 is the evidence lower bound, more presses the code towards independent, unused
        dimensions (Higgins et al. 2017).
    beta_warmup : int, default=10
        Epochs in which β rises from 0; early stopping waits for them.
    free_bits : float, default=0.0
        λ: nats in each number of the code below which nothing is gained by saying less, against
        the collapse of the posterior (Kingma et al. 2016). With ``prior="normal"`` only.
    capacity : float, optional
        C: hold the divergence at C nats, by β |KL − C| in place of β KL; C rises from 0 over the
        first half of the epochs (Burgess et al. 2018). β is then the strength of that, usually
        far above 1.
    posterior : {"gaussian", "flow"}, default="gaussian"
        q(z|x): with a diagonal covariance, or that pushed through an inverse autoregressive flow.
    prior : {"normal", "mixture", "vamp", "flow"}, default="normal"
        p(z): N(0, I), or one that is learned: a mixture of Gaussians, the mean of the posteriors
        of learned pseudo-inputs (Tomczak & Welling 2018), or a normalising flow.
    n_components : int or "auto", default="auto"
        Components of the prior if that is "mixture" or "vamp"; "auto" is 10 and 100.
    conditional : bool, default=False
        Whether `y` is given to encoder and decoder: p(x|z, y) (Sohn et al. 2015). Text, booleans
        and whole numbers are classes, fractions are amounts.
    dynamic_binarization : bool, default=False
        Whether values from 0 to 1 are probabilities: each time a row is learned from, its values
        are drawn anew as 0 or 1. Codes and scores take what they are given.
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
    .. [5] C. P. Burgess et al., "Understanding disentangling in beta-VAE", 2018, arXiv:1804.03599.
    .. [6] D. P. Kingma et al., "Improving variational inference with inverse autoregressive flow",
       NeurIPS 2016, arXiv:1606.04934.
    .. [7] J. M. Tomczak and M. Welling, "VAE with a VampPrior", AISTATS 2018, arXiv:1705.07120.

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
    free_bits: float = 0.0
    capacity: float | None = None
    posterior: str = "gaussian"
    prior: str = "normal"
    n_components: int | str = "auto"
    conditional: bool = False
    dynamic_binarization: bool = False

    constraints: ClassVar[dict[str, list[Any]]] = {
        **COMMON,
        "beta": [at_least(0)],
        "beta_warmup": [at_least(0, Integral)],
        "free_bits": [at_least(0)],
        "capacity": [at_least(0), None],
        "posterior": [StrOptions({"gaussian", "flow"})],
        "prior": [StrOptions({"normal", "mixture", "vamp", "flow"})],
        "n_components": [at_least(1, Integral), StrOptions({"auto"})],
        "conditional": ["boolean"],
        "dynamic_binarization": ["boolean"],
    }

    def value_defaults(self, kinds: Sequence[str]) -> ValueDefaults:
        return ValueDefaults(gaussian="gaussian_learned_scale")

    def choose(self, facts: DataFacts) -> Choices:
        self.no_code_activation("a code with a posterior")
        plain = self.posterior == "gaussian" and self.prior == "normal"
        if self.free_bits and not plain:
            raise InvalidInputError(
                "free_bits: only with posterior='gaussian' and prior='normal', where the "
                f"divergence of each number is known; set it to 0; got {self.free_bits!r}"
            )
        if self.free_bits and self.capacity is not None:
            raise InvalidInputError("free_bits: not together with capacity; set one of them")
        if self.prior == "vamp" and self.posterior != "gaussian":
            raise InvalidInputError("prior: 'vamp' needs posterior='gaussian'")
        if self.prior == "vamp" and self.conditional:
            raise InvalidInputError(
                "prior: the pseudo-inputs of 'vamp' have no condition; choose 'mixture' or 'flow'"
            )
        prior = Spec(self.prior)
        if self.prior in _COMPONENTS:
            auto = isinstance(self.n_components, str)
            count = _COMPONENTS[self.prior] if auto else int(self.n_components)
            prior = Spec(self.prior, {"n_components": count})
        options = {} if self.prior == "normal" else {"prior": prior}
        choices = (
            super()
            .choose(facts)
            .but(
                latent=Spec(self.posterior, options),
                rule=self.binarized(backpropagation),
                binary_draws=bool(self.dynamic_binarization),
            )
        )
        if self.dynamic_binarization and facts.likelihood != "bernoulli":
            raise InvalidInputError(
                "dynamic_binarization: needs values from 0 to 1 and likelihood='bernoulli'; got "
                f"{facts.likelihood_name!r}; set it to False"
            )
        if self.prior == "vamp":
            choices = choices.but(begin=partial(_start_pseudo_inputs, facts))
        if self.capacity is not None:
            return choices.but(
                penalties={"capacity": Capacity(float(self.capacity))},
                coefficients={"divergence": 0.0, "capacity": float(self.beta)},
                annealing=self._rising,
            )
        beta = Warmup(float(self.beta), int(self.beta_warmup))
        choices = choices.but(coefficients={"divergence": beta})
        if self.free_bits:
            return choices.but(
                penalties={"free_bits": FreeBits(float(self.free_bits))},
                coefficients={"free_bits": beta},
            )
        return choices

    def _rising(self, max_epochs: int) -> Annealing:
        assert self.capacity is not None
        return CapacitySchedule(float(self.capacity), max_epochs // 2)

    def binarized(self, rule: Step) -> Step:
        """Return a training rule, on binary draws of the data where they are asked for."""
        return binarized(rule) if self.dynamic_binarization else rule

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """Fit and encode; a conditional model uses y for both."""
        return self.fit(X, y).transform(X, y)


def _start_pseudo_inputs(
    facts: DataFacts, module: AutoencoderModule, generator: torch.Generator
) -> None:
    """Let the pseudo-inputs of a VampPrior begin as rows of the data."""
    prior = module.latent.prior if isinstance(module.latent, StochasticLatent) else None
    if isinstance(prior, VampPrior):
        rows = facts.some_rows(len(prior.pseudo_inputs), generator)
        prior.start_from(module.features(rows))
