"""The denoising autoencoder: the input is corrupted, the target is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar

from isthmus.errors import InvalidInputError
from isthmus.models.base import BaseAutoencoder
from isthmus.models.base.chain import SamplingChain
from isthmus.models.base.choices import Choices, DataFacts
from isthmus.models.base.parameters import COMMON, Registered, at_least
from isthmus.nn import (
    CORRUPTIONS,
    AnyCorruption,
    Corruption,
    GaussianNoise,
    Masking,
    SaltAndPepper,
    Spec,
)
from isthmus.training import backpropagation, walk_back

__all__ = ["DenoisingAutoencoder"]

_ROWS = 1024  # that are one-hot at a time


@dataclass(kw_only=True, eq=False, repr=False)
class DenoisingAutoencoder(SamplingChain, BaseAutoencoder):
    """An autoencoder that restores what was corrupted: minimise −log p(x | g(f(x̃))), x̃ ~ C(x̃|x).

    The corruption is applied while training only; to denoise, `reconstruct` what is noisy.

    Parameters
    ----------
    corruption : str, (str, dict) or callable, default="masking"
        "masking" sets values to 0; "gaussian" adds noise; "salt_and_pepper" sets values to the
        lowest or highest one that the network sees (classes are 0 and 1). Others of
        `isthmus.nn.CORRUPTIONS` are given with their options, such as
        ``("downsampling", {"factor": 2})``, after which the encoder takes the smaller picture. A
        callable ``(x, generator) -> x̃`` gets scaled data, channels first, and a torch generator to
        draw from, for example ``isthmus.nn.GaussianNoise(0.5, (0, 1))``.
        A function of your own is not written into a saved model: set it again to train on.
    corruption_level : float, default=0.3
        Probability of "masking" and "salt_and_pepper"; standard deviation of "gaussian", in units
        of the scaled data.
    corrupted_weight, clean_weight : float, default=1.0
        α and β: how much the values count in the loss that the corruption has changed, and those
        that it has not. 1 and 0 is full emphasis: only what was corrupted counts. A value that the
        corruption leaves as it was (a 0 that is masked) is not changed, and Gaussian noise changes
        all. While training only: scores and held-out losses count all values alike.
    walk_back_steps : int, default=1
        Steps of the sampling chain that training follows, see `isthmus.training.walk_back`; 1 is
        ordinary denoising, 2 or 3 keep the chain of a model to sample from near the data.
    latent_dim, hidden_layer_sizes, ...
        See `Autoencoder`, as for all other parameters.

    References
    ----------
    .. [1] P. Vincent, H. Larochelle, I. Lajoie, Y. Bengio and P.-A. Manzagol, "Stacked denoising
       autoencoders", Journal of Machine Learning Research 11 (2010), 3371-3408; the emphasis on
       corrupted values as well.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from isthmus import DenoisingAutoencoder
    >>> X = load_digits().data / 16
    >>> model = DenoisingAutoencoder(corruption_level=0.2, max_epochs=5, random_state=0).fit(X)
    >>> model.reconstruct(X).shape
    (1797, 64)
    """

    corruption: str | Callable[..., Any] = "masking"
    corruption_level: float = 0.3
    corrupted_weight: float = 1.0
    clean_weight: float = 1.0
    walk_back_steps: int = 1

    constraints: ClassVar[dict[str, list[Any]]] = {
        **COMMON,
        "corruption": [Registered(CORRUPTIONS, Corruption), callable],
        "corruption_level": [at_least(0)],
        "corrupted_weight": [at_least(0)],
        "clean_weight": [at_least(0)],
        "walk_back_steps": [at_least(1, Integral)],
    }

    def choose(self, facts: DataFacts) -> Choices:
        alpha, beta, steps = (
            float(self.corrupted_weight),
            float(self.clean_weight),
            int(self.walk_back_steps),
        )
        choices = (
            super()
            .choose(facts)
            .but(
                rule=backpropagation if steps == 1 else walk_back(steps),
            )
        )
        if alpha == beta == 1:
            return choices
        if steps > 1:
            raise InvalidInputError(
                "corrupted_weight: emphasis is for walk_back_steps=1, where what was corrupted is "
                f"known; got {alpha!r} and {beta!r} with {steps} steps"
            )
        options = {"corrupted_weight": alpha, "clean_weight": beta}
        return choices.but(module=Spec("autoencoder", options))

    def chosen_corruption(self, given: Any, facts: DataFacts) -> AnyCorruption | None:
        """Return the corruption of a name, whose level is `corruption_level`, or the one given.

        Parameters
        ----------
        given : str, tuple or callable
            A name, a name with its options, or a corruption.
        facts : DataFacts
            What is known of the data: the bounds of salt and pepper.
        """
        level = float(self.corruption_level)
        if given == "gaussian":
            return GaussianNoise(level)
        if given in ("masking", "salt_and_pepper"):
            if level > 1:
                raise InvalidInputError(
                    f"corruption_level: expected a probability, 0 to 1, for {given!r}; got "
                    f"{level!r}"
                )
            if given == "masking":
                return Masking(level)
            return SaltAndPepper(level, *facts.feature_bounds())
        return super().chosen_corruption(given, facts)
