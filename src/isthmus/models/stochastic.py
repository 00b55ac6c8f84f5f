"""The generative stochastic network: noise in input and code, and a chain to sample from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from isthmus.models.base.choices import Choices, DataFacts, ValueDefaults
from isthmus.models.base.parameters import Registered, at_least
from isthmus.models.denoising import DenoisingAutoencoder
from isthmus.nn import CORRUPTIONS, AnyCorruption, Corruption, Spec

__all__ = ["GenerativeStochasticNetwork"]


# The corruption that suits a likelihood, where "auto" is asked for.
_BY_LIKELIHOOD = {
    "bernoulli": "salt_and_pepper",
    "continuous_bernoulli": "salt_and_pepper",
    "discretized_logistic": "salt_and_pepper",
    "gaussian": "gaussian",
    "gaussian_learned_scale": "gaussian",
    "gaussian_predicted_scale": "gaussian",
    "laplace": "gaussian",
}


@dataclass(kw_only=True, eq=False, repr=False)
class GenerativeStochasticNetwork(DenoisingAutoencoder):
    """A denoiser with a noisy code, trained along its own sampling chain (Bengio et al. 2014).

    minimise  E[−log p(x | z)],  x̃ ~ C(x̃|xₜ),  z = tanh(f(x̃) + ε₁) + ε₂,  xₜ₊₁ ~ p(x|z),  x₀ = x

    averaged over the first steps t of the chain, with the clean x as the target at each. The
    stationary distribution of the chain estimates that of the data: `sample` and `sample_chain`
    draw from it. The code is overcomplete, of tanh units. Real values get a Gaussian likelihood
    with a learned scale, since a chain moves as far as p(x|z) is wide.

    The code is noisy in training, in the held-out loss and in the chain; `transform`,
    `reconstruct` and the scores have none of the noise. `score_samples` is log p(x|z) at
    z = tanh(f(x)), and not the density of the chain, which has no closed form.

    Parameters
    ----------
    hidden_noise : float, default=0.1
        Standard deviation of ε₁ and ε₂. The more units share what is said, the more they stand.
    corruption : str, (str, dict) or callable, default="auto"
        "auto" is "salt_and_pepper" for binary data and data from 0 to 1, "gaussian" for real
        values, and "masking" for classes and tables of several kinds.
    corruption_level : float, default=0.1
        As in `DenoisingAutoencoder`. Small, so that p(x|x̃) has one mode: the values of p(x|z) are
        independent of each other, and of two modes it would make a mixture of both.
    walk_back_steps : int, default=2
        Steps of the chain that training follows; 1 is denoising alone. More remove spurious modes,
        as long as the chain still knows after so many steps where it began; beyond that they
        teach p(x|z) the mean of all data.
    latent_dim : int or "auto", default="auto"
        "auto" is twice the values of a sample, at most 1024.
    latent_activation : str or "auto", default="auto"
        "auto" is "tanh".
    hidden_layer_sizes, ...
        See `DenoisingAutoencoder`, as for all other parameters.

    References
    ----------
    .. [1] Y. Bengio, E. Laufer, G. Alain and J. Yosinski, "Deep generative stochastic networks
       trainable by backprop", ICML 2014, arXiv:1306.1091.
    .. [2] G. Alain, Y. Bengio, L. Yao, J. Yosinski, E. Thibodeau-Laufer, S. Zhang and P. Vincent,
       "GSNs: generative stochastic networks", Information and Inference 5 (2016), 210-249,
       doi:10.1093/imaiai/iaw003.
    .. [3] Y. Bengio, L. Yao, G. Alain and P. Vincent, "Generalized denoising auto-encoders as
       generative models", NeurIPS 2013, arXiv:1305.6663.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from isthmus import GenerativeStochasticNetwork
    >>> X = load_digits().data[:300] / 16
    >>> model = GenerativeStochasticNetwork(max_epochs=3, random_state=0).fit(X)
    >>> model.sample(2, burn_in=10, random_state=0).shape
    (2, 64)
    >>> model.sample_chain(20, start=X[:4], random_state=0).shape
    (4, 20, 64)
    """

    corruption: str | Callable[..., Any] = "auto"
    corruption_level: float = 0.1
    walk_back_steps: int = 2
    hidden_noise: float = 0.1

    constraints: ClassVar[dict[str, list[Any]]] = {
        **DenoisingAutoencoder.constraints,
        "corruption": [Registered(CORRUPTIONS, Corruption, "auto"), callable],
        "hidden_noise": [at_least(0)],
    }

    def value_defaults(self, kinds: Sequence[str]) -> ValueDefaults:
        return ValueDefaults(gaussian="gaussian_learned_scale")

    def choose(self, facts: DataFacts) -> Choices:
        choices = super().choose(facts)
        if isinstance(self.latent_dim, str) and choices.architecture.network.name != "custom":
            choices = choices.but(latent_dim=min(2 * facts.schema.n_values, 1024))
        options = {
            "noise": float(self.hidden_noise),
            "activation": self.code_activation("tanh"),
        }
        return choices.but(latent=Spec("noisy", options))

    def chosen_corruption(self, given: Any, facts: DataFacts) -> AnyCorruption | None:
        """Return the corruption; "auto" is the one that suits the likelihood.

        Parameters
        ----------
        given : str, tuple or callable
            A name, a name with its options, or a corruption.
        facts : DataFacts
            What is known of the data.
        """
        if given == "auto":
            given = _BY_LIKELIHOOD.get(facts.likelihood_name, "masking")
        return super().chosen_corruption(given, facts)
