"""The vector-quantised autoencoder: a code of words from a finite book, with a prior over them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar

from sklearn.utils._param_validation import StrOptions

from isthmus.errors import InvalidInputError
from isthmus.models.base.choices import Choices, DataFacts, ValueDefaults
from isthmus.models.base.indexed import IndexedAutoencoder
from isthmus.models.base.parameters import COMMON, at_least, share
from isthmus.nn import Commitment, Perplexity, Spec
from isthmus.nn.networks import last_map

__all__ = ["VectorQuantizedAutoencoder"]

# The prior is on its own: its coefficient changes nothing in what Adam learns. But the epoch that
# is kept is that of the least loss, and with 1 codes that say little would be best.
_PRIOR = 0.01
_CODE_DIM = 4  # what "auto" is, as far as latent_dim is a multiple of it


@dataclass(kw_only=True, eq=False, repr=False)
class VectorQuantizedAutoencoder(IndexedAutoencoder):
    """A code of slots, each one of a few codewords (van den Oord, Vinyals & Kavukcuoglu 2017).

    minimise  −log p(x|z) + β ‖h − sg(z)‖²,  zₛ = e_iₛ,  iₛ = argminₖ ‖hₛ − eₖ‖

    The encoder's output h is cut into slots; the gradient of the decoder passes straight through
    to it. The codewords are running means of what they stand for. The prior p(i), causal
    attention over the slots, is learned with the rest, and its gradient ends at the indices. So
    `score_samples` is log p(x|z) + log p(i), and `sample` draws from it without a second phase.

    In the loss the prior's term counts a hundredth: nothing but the prior is learned from it, and
    the epoch that is kept should be the one that reconstructs best. ``history_["divergence"]`` has
    it in nats, ``history_["perplexity"]`` how many codewords are in use.

    Parameters
    ----------
    quantizer : {"vq", "fsq"}, default="vq"
        "vq" learns a codebook; "fsq" rounds each number of a slot to a few levels, and has neither
        codebook nor commitment (Mentzer et al. 2023).
    n_codes : int, default=64
        Codewords of "vq".
    code_dim : int or "auto", default="auto"
        Numbers in a slot of "vq": latent_dim is a multiple of it. "auto" is 4, or the largest
        divisor of latent_dim below that. With "fsq" it is the number of levels.
    levels : tuple of int, default=(8, 6, 5)
        For "fsq": how many levels each number of a slot has; the product is the number of
        codewords.
    commitment : float, default=0.25
        β, of "vq".
    decay : float, default=0.9
        What a step leaves of the running means, from 0 to below 1.
    prior_units : int, default=32
        Numbers for each slot inside the prior.
    latent_dim : int or "auto", default="auto"
        Numbers in the code, n_slots · code_dim. "auto" is a slot for each place of a convolutional
        network's last feature map; elsewhere it is as many slots as other members have numbers.
        With a number, a convolutional network's code is of the whole map.
    hidden_layer_sizes, ...
        See `Autoencoder`, as for all other parameters.

    Notes
    -----
    A codeword that is used less than a tenth as much as the mean takes over a random vector of
    the batch (Dhariwal et al. 2020); so does each of them at first.

    References
    ----------
    .. [1] A. van den Oord, O. Vinyals and K. Kavukcuoglu, "Neural discrete representation
       learning", NeurIPS 2017, arXiv:1711.00937.
    .. [2] F. Mentzer, D. Minnen, E. Agustsson and M. Tschannen, "Finite scalar quantization: VQ-VAE
       made simple", ICLR 2024, arXiv:2309.15505.
    .. [3] P. Dhariwal et al., "Jukebox: a generative model for music" (2020), arXiv:2005.00341.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from isthmus import VectorQuantizedAutoencoder
    >>> X = load_digits().data / 16
    >>> model = VectorQuantizedAutoencoder(max_epochs=3, random_state=0).fit(X)
    >>> model.encode_indices(X).shape, model.n_codes_
    ((1797, 8), 64)
    >>> model.sample(3, random_state=0).shape
    (3, 64)
    """

    quantizer: str = "vq"
    n_codes: int = 64
    code_dim: int | str = "auto"
    levels: tuple[int, ...] = (8, 6, 5)
    commitment: float = 0.25
    decay: float = 0.9
    prior_units: int = 32

    constraints: ClassVar[dict[str, list[Any]]] = {
        **COMMON,
        "quantizer": [StrOptions({"vq", "fsq"})],
        "n_codes": [at_least(2, Integral)],
        "code_dim": [at_least(1, Integral), StrOptions({"auto"})],
        "levels": ["array-like"],
        "commitment": [at_least(0)],
        "decay": [share("left")],
        "prior_units": [at_least(1, Integral)],
    }

    def value_defaults(self, kinds: Sequence[str]) -> ValueDefaults:
        return ValueDefaults(gaussian="gaussian_learned_scale")

    def choose(self, facts: DataFacts) -> Choices:
        self.no_code_activation("a discrete code")
        self.no_other_code()
        choices = super().choose(facts)
        network = choices.architecture.network.name
        if isinstance(self.latent_dim, str) and network == "convolutional":
            # A slot at each place of the last feature map.
            places = last_map(choices.architecture.module_shape[1:], choices.architecture.channels)
            each = self._code_dim(0)
            choices = choices.but(latent_dim=math.prod(places) * each, code_channels=each)
        elif isinstance(self.latent_dim, str) and network != "custom":
            size = choices.architecture.latent_dim * self._code_dim(0)
            choices = choices.but(latent_dim=size)
        code_dim = self._code_dim(choices.architecture.latent_dim)
        options: dict[str, Any] = {
            "decay": float(self.decay),
            "prior_units": int(self.prior_units),
        }
        watched = {"divergence": _PRIOR, "perplexity": 0.0}
        if self.quantizer == "fsq":
            return choices.but(
                latent=Spec("finite_scalar", {**options, "levels": self._levels()}),
                penalties={"perplexity": Perplexity()},
                coefficients=watched,
            )
        options |= {"n_codes": int(self.n_codes), "code_dim": code_dim}
        return choices.but(
            latent=Spec("vector_quantized", options),
            penalties={"commitment": Commitment(), "perplexity": Perplexity()},
            coefficients={"commitment": float(self.commitment), **watched},
        )

    def _levels(self) -> list[int]:
        levels: list[Any] = list(self.levels)
        if not levels or any(not isinstance(level, Integral) or level < 3 for level in levels):
            raise InvalidInputError(
                f"levels: expected whole numbers of at least 3, such as (8, 6, 5); got "
                f"{tuple(levels)}"
            )
        return [int(level) for level in levels]

    def _code_dim(self, latent_dim: int) -> int:
        """Return the numbers in a slot; of 0 numbers any size is a divisor."""
        if self.quantizer == "fsq":
            size, name = len(self._levels()), "levels"
        elif not isinstance(self.code_dim, str):
            size, name = int(self.code_dim), "code_dim"
        else:
            return next(d for d in range(_CODE_DIM, 0, -1) if latent_dim % d == 0)
        if latent_dim % size:
            raise InvalidInputError(
                f"{name}: expected a divisor of latent_dim, {latent_dim}, as the size of a slot; "
                f"got {size}; change either"
            )
        return size
