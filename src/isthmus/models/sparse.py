"""The sparse autoencoder: few units of a large code are active for each sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from numbers import Integral
from typing import Any, ClassVar

from sklearn.utils._param_validation import StrOptions

from isthmus.errors import InvalidInputError
from isthmus.models.base import BaseAutoencoder
from isthmus.models.base.choices import Choices, DataFacts, ValueDefaults
from isthmus.models.base.parameters import COMMON, at_least, share
from isthmus.nn import L1, KLSparsity, Spec
from isthmus.training import Annealing, SupportSchedule

__all__ = ["SparseAutoencoder"]


@dataclass(kw_only=True, eq=False, repr=False)
class SparseAutoencoder(BaseAutoencoder):
    """An autoencoder whose code is sparse: minimise −log p(x|z) + λ Ω(z), or keep k units.

    One linear layer each way and an overcomplete code, unless told otherwise.

    Parameters
    ----------
    sparsity : {"l1", "kl", "topk"}, default="l1"
        "l1": λ Σ|zⱼ| on a ReLU code. "kl": λ Σ KL(ρ ‖ mean activity of unit j over the batch) on a
        sigmoid code (Ng 2011). "topk": the k largest units stay, the others are 0 (Makhzani & Frey
        2013). "l1" is as well the Laplace prior, see the notes.
    sparsity_weight : float, default=0.1
        λ of "l1" and "kl".
    target_activity : float, default=0.05
        ρ of "kl".
    k : int or "auto", default="auto"
        For "topk": units that are active for each sample; "auto" is a tenth of the code.
    k_start : int, "auto" or None, default="auto"
        For "topk": units that are active in the first epoch. Their number falls in a straight line
        to k, so that all units learn before few are chosen. "auto" is 4k, at most half of the code
        and at least k; None begins with k.
    k_annealing : int or "auto", default="auto"
        Epochs of that schedule; "auto" is half of `max_epochs`, as in the paper. Early stopping
        waits for them. Each call of `partial_fit` is one epoch.
    alpha : float, default=1.0
        For "topk": the code of a trained model keeps round(αk) units; at least 1. A little more
        than 1 can help a classifier on the codes. Training and its held-out loss use k.
    latent_dim : int or "auto", default="auto"
        "auto" is twice the values of a sample, at most 1024.
    latent_activation : str or "auto", default="auto"
        "auto" is "relu" for "l1", "sigmoid" for "kl" and "identity" for "topk".
    hidden_layer_sizes : tuple of int or "auto", default=()
        See `Autoencoder`, as for all other parameters.

    Notes
    -----
    With a Laplace prior on the code, p(z) = ∏ (λ/2) exp(−λ|zⱼ|), the loss −log p(x|z) − log p(z) is
    that of "l1" plus n log(2/λ) for a code of n numbers (Goodfellow, Bengio & Courville 2016,
    ch. 14). That depends on no weight as λ is not learned, so the minimum is the same and there is
    no separate "laplace". For signed codes, as that prior has them, set
    ``latent_activation="identity"``; a ReLU code has the exponential prior. Learning λ as well has
    no minimum: shrink the code, let the decoder undo it, and log λ rises without bound.

    The units of "topk" compete for each sample. On data far from 0, such as pixels from 0 to 1,
    those that point away from the mean never win and stay dead. So for such data "auto" is the
    paper's squared error, ``likelihood="gaussian"``, with ``scaling="center"`` ("standard" for
    bytes).

    `isthmus.evaluation.code_statistics` tells which units are dead and how many are active.

    References
    ----------
    .. [1] A. Ng, "Sparse autoencoder", CS294A lecture notes, Stanford (2011).
    .. [2] A. Makhzani and B. Frey, "k-Sparse autoencoders" (2013), arXiv:1312.5663.
    .. [3] I. Goodfellow, Y. Bengio and A. Courville, "Deep learning", MIT Press (2016), ch. 14.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from isthmus import SparseAutoencoder
    >>> X = load_digits().data / 16
    >>> model = SparseAutoencoder(sparsity="topk", k=10, max_epochs=5, random_state=0).fit(X)
    >>> int((model.transform(X) != 0).sum(axis=1).max())
    10
    """

    hidden_layer_sizes: tuple[int, ...] | str = ()
    sparsity: str = "l1"
    sparsity_weight: float = 0.1
    target_activity: float = 0.05
    k: int | str = "auto"
    k_start: int | str | None = "auto"
    k_annealing: int | str = "auto"
    alpha: float = 1.0

    constraints: ClassVar[dict[str, list[Any]]] = {
        **COMMON,
        "sparsity": [StrOptions({"l1", "kl", "topk"})],
        "sparsity_weight": [at_least(0)],
        "target_activity": [share("neither")],
        "k": [at_least(1, Integral), StrOptions({"auto"})],
        "k_start": [at_least(1, Integral), StrOptions({"auto"}), None],
        "k_annealing": [at_least(0, Integral), StrOptions({"auto"})],
        "alpha": [at_least(1)],
    }

    def value_defaults(self, kinds: Sequence[str]) -> ValueDefaults:
        # The k largest units of a code need data whose mean is 0; see docs/design.md.
        if self.sparsity != "topk" or not {*kinds} <= {"binary", "unit", "bytes"}:
            return ValueDefaults()
        return ValueDefaults("gaussian", "robust" if "bytes" in kinds else "center")

    def choose(self, facts: DataFacts) -> Choices:
        name = self.code_activation(
            {"l1": "relu", "kl": "sigmoid", "topk": "identity"}[self.sparsity]
        )
        if self.sparsity == "kl" and name != "sigmoid":
            raise InvalidInputError(
                f"latent_activation: sparsity='kl' needs 'sigmoid', codes from 0 to 1; got {name!r}"
            )
        choices = super().choose(facts)
        if isinstance(self.latent_dim, str) and choices.architecture.network.name != "custom":
            choices = choices.but(latent_dim=min(2 * facts.schema.n_values, 1024))
        if self.sparsity == "topk":
            size = choices.architecture.latent_dim
            k = max(1, size // 10) if isinstance(self.k, str) else int(self.k)
            return choices.but(
                latent=Spec("topk", {"k": k, "activation": name, "alpha": float(self.alpha)}),
                annealing=partial(self._shrinking, k, size),
            )
        penalty = L1() if self.sparsity == "l1" else KLSparsity(float(self.target_activity))
        return choices.but(
            latent=Spec("deterministic", {"activation": name}),
            penalties={"sparsity": penalty},
            coefficients={"sparsity": float(self.sparsity_weight)},
        )

    def _shrinking(self, k: int, size: int, max_epochs: int) -> Annealing | None:
        """Return the schedule by which more units than k are active at first."""
        if self.k_start is None:
            return None
        if isinstance(self.k_start, str):
            start = max(min(4 * k, size // 2), k)
        elif (start := int(self.k_start)) < k:
            raise InvalidInputError(
                f"k_start: expected at least k, {k}; got {start}; the active units can only fall"
            )
        epochs = max_epochs // 2 if isinstance(self.k_annealing, str) else int(self.k_annealing)
        return SupportSchedule(start, k, min(epochs, max_epochs - 1))
