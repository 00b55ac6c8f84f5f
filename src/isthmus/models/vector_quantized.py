"""The vector-quantised autoencoder: a code of words from a finite book, with a prior over them."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar

from sklearn.utils._param_validation import StrOptions
from torch import Tensor

from isthmus.errors import InvalidInputError
from isthmus.models.architecture import Architecture
from isthmus.models.indexed import IndexedAutoencoder
from isthmus.models.parameters import COMMON, at_least, auto_latent_dim, share
from isthmus.nn import Commitment, Penalty, Perplexity
from isthmus.nn.networks import last_map
from isthmus.training import Coefficient

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
        Of "fsq": how many each number of a slot has; the product is the number of codewords.
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

    _gaussian: ClassVar[str] = "gaussian_learned_scale"
    _constraints: ClassVar[dict[str, list[Any]]] = {
        **COMMON,
        "quantizer": [StrOptions({"vq", "fsq"})],
        "n_codes": [at_least(2, Integral)],
        "code_dim": [at_least(1, Integral), StrOptions({"auto"})],
        "levels": ["array-like"],
        "commitment": [at_least(0)],
        "decay": [share("left")],
        "prior_units": [at_least(1, Integral)],
    }

    def _latent(self) -> dict[str, Any]:
        self._identity()
        options: dict[str, Any] = {
            "decay": float(self.decay),
            "prior_units": int(self.prior_units),
        }
        if self.quantizer == "vq":
            return {
                "latent": "vector_quantized",
                "latent_options": {**options, "n_codes": int(self.n_codes)},
            }
        return {"latent": "finite_scalar", "latent_options": {**options, "levels": self._levels()}}

    def _levels(self) -> list[int]:
        levels: list[Any] = list(self.levels)
        if not levels or any(not isinstance(level, Integral) or level < 3 for level in levels):
            raise InvalidInputError(
                f"levels: expected whole numbers of at least 3, such as (8, 6, 5); got "
                f"{tuple(levels)}"
            )
        return [int(level) for level in levels]

    def _auto_latent_dim(self, n_values: int) -> int:
        return auto_latent_dim(n_values) * self._code_dim(0)

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

    def _settled(self, architecture: Architecture) -> Architecture:
        size, options = architecture.latent_dim, dict(architecture.latent_options)
        if architecture.network == "convolutional" and isinstance(self.latent_dim, str):
            places = last_map(architecture.module_shape[1:], architecture.channels)
            code_dim = self._code_dim(0)
            size = math.prod(places) * code_dim
            architecture = dataclasses.replace(
                architecture, latent_dim=size, code_channels=code_dim
            )
        code_dim = self._code_dim(size)
        if self.quantizer == "vq":
            options["code_dim"] = code_dim
        return dataclasses.replace(architecture, latent_options=options)

    def _penalties(self, x: Tensor) -> dict[str, Penalty]:
        watched: dict[str, Penalty] = {"perplexity": Perplexity()}
        return {"commitment": Commitment(), **watched} if self.quantizer == "vq" else watched

    def _coefficients(self) -> dict[str, Coefficient]:
        watched: dict[str, Coefficient] = {"divergence": _PRIOR, "perplexity": 0.0}
        if self.quantizer == "fsq":
            return watched
        return {"commitment": float(self.commitment), **watched}
