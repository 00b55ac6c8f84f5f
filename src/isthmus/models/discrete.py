"""The variational autoencoder with a discrete code: classes or bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar

from sklearn.utils._param_validation import StrOptions

from isthmus.errors import InvalidInputError
from isthmus.models.base.choices import Choices, DataFacts, ValueDefaults
from isthmus.models.base.indexed import IndexedAutoencoder
from isthmus.models.base.parameters import COMMON, above, at_least
from isthmus.nn import Spec
from isthmus.training import Annealing, TemperatureSchedule, Warmup

__all__ = ["DiscreteVariationalAutoencoder"]

_CLASSES = 4
_BITS = 4  # what "auto" is, as far as latent_dim is a multiple of it


@dataclass(kw_only=True, eq=False, repr=False)
class DiscreteVariationalAutoencoder(IndexedAutoencoder):
    """A code of classes or of bits, and a bound on the likelihood (Jang et al. 2017).

    minimise  E[−log p(x|z)] + β KL(q(z|x) ‖ uniform)

    In training the draw of z is relaxed: softmax((h + g) / τ) with Gumbel noise g for classes,
    sigmoid((h + l) / τ) with logistic noise l for bits, and the temperature τ falls. The divergence
    is that of the discrete distributions, in closed form. The held-out loss, `score_samples` and
    `sample` are of the discrete model. `transform` gives the probabilities, the mean of the
    posterior; `encode_indices` the most probable class or bit.

    Parameters
    ----------
    code : {"categorical", "bernoulli"}, default="categorical"
        Variables of n_classes classes, one-hot side by side, or bits.
    n_classes : int or "auto", default="auto"
        Classes of each variable of a "categorical" code: latent_dim is a multiple of it. "auto" is
        4, or the largest divisor of latent_dim below that, or latent_dim itself if there is none.
    temperature : float, default=0.5
        τ after its annealing, above 0.
    temperature_start : float, default=1.0
        τ in the first epoch.
    temperature_annealing : int or "auto", default="auto"
        Epochs in which it falls, by the same factor each; "auto" is half of all. Early stopping
        waits for them.
    straight_through : bool, default=False
        Whether the decoder sees discrete codes in training too; the gradient is the relaxed one's.
    beta : float, default=1.0
        β, as in `VariationalAutoencoder`.
    beta_warmup : int, default=10
        Epochs in which β rises from 0; early stopping waits for them.
    latent_dim : int or "auto", default="auto"
        Numbers in the code. "auto" is n_classes classes, or four bits, for each number that other
        members' codes would have.
    hidden_layer_sizes, ...
        See `Autoencoder`, as for all other parameters.

    References
    ----------
    .. [1] E. Jang, S. Gu and B. Poole, "Categorical reparameterization with Gumbel-softmax",
       ICLR 2017, arXiv:1611.01144.
    .. [2] C. J. Maddison, A. Mnih and Y. W. Teh, "The concrete distribution: a continuous
       relaxation of discrete random variables", ICLR 2017, arXiv:1611.00712.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from isthmus import DiscreteVariationalAutoencoder
    >>> X = load_digits().data / 16
    >>> model = DiscreteVariationalAutoencoder(latent_dim=8, max_epochs=3, random_state=0).fit(X)
    >>> model.encode_indices(X).shape, model.transform(X[:1]).reshape(2, 4).sum(1).round(3)
    ((1797, 2), array([1., 1.], dtype=float32))
    """

    code: str = "categorical"
    n_classes: int | str = "auto"
    temperature: float = 0.5
    temperature_start: float = 1.0
    temperature_annealing: int | str = "auto"
    straight_through: bool = False
    beta: float = 1.0
    beta_warmup: int = 10

    constraints: ClassVar[dict[str, list[Any]]] = {
        **COMMON,
        "code": [StrOptions({"categorical", "bernoulli"})],
        "n_classes": [at_least(2, Integral), StrOptions({"auto"})],
        "temperature": [above(0)],
        "temperature_start": [above(0)],
        "temperature_annealing": [at_least(0, Integral), StrOptions({"auto"})],
        "straight_through": ["boolean"],
        "beta": [at_least(0)],
        "beta_warmup": [at_least(0, Integral)],
    }

    def value_defaults(self, kinds: Sequence[str]) -> ValueDefaults:
        return ValueDefaults(gaussian="gaussian_learned_scale")

    def choose(self, facts: DataFacts) -> Choices:
        self.no_code_activation("a discrete code")
        self.no_other_code()
        choices = super().choose(facts)
        if isinstance(self.latent_dim, str) and choices.architecture.network.name != "custom":
            each = _BITS if self.code == "bernoulli" else self._n_classes(0)
            choices = choices.but(latent_dim=choices.architecture.latent_dim * each)
        size = choices.architecture.latent_dim
        options: dict[str, Any] = {
            "temperature": float(self.temperature),
            "straight_through": bool(self.straight_through),
        }
        if self.code == "categorical":
            if size < 2:
                raise InvalidInputError(
                    "latent_dim: one number is no choice between classes; expected at least 2, or "
                    f"code='bernoulli'; got {size}"
                )
            options["n_classes"] = self._n_classes(size)
        return choices.but(
            latent=Spec("categorical" if self.code == "categorical" else "bits", options),
            coefficients={"divergence": Warmup(float(self.beta), int(self.beta_warmup))},
            annealing=self._cooling,
        )

    def _n_classes(self, latent_dim: int) -> int:
        """Return the classes of a variable; of 0 numbers any is a divisor."""
        if isinstance(self.n_classes, str):
            divisors = (d for d in range(_CLASSES, 1, -1) if latent_dim % d == 0)
            return next(divisors, latent_dim)
        size = int(self.n_classes)
        if latent_dim % size:
            raise InvalidInputError(
                f"n_classes: expected a divisor of latent_dim, {latent_dim}; got {size}; change "
                "either"
            )
        return size

    def _cooling(self, max_epochs: int) -> Annealing:
        given = self.temperature_annealing
        epochs = max_epochs // 2 if isinstance(given, str) else int(given)
        return TemperatureSchedule(
            float(self.temperature_start), float(self.temperature), min(epochs, max_epochs - 1)
        )
