"""How far the codes of a batch are from draws of the prior, by a kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from isthmus.errors import InvalidInputError
from isthmus.nn.penalties.base import PENALTIES
from isthmus.registry import Part

if TYPE_CHECKING:
    from isthmus.nn.modules.base import AutoencoderModule

__all__ = ["MaximumMeanDiscrepancy", "squared_mmd"]

_SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_ROWS = 512  # at a time


def squared_mmd(
    a: Tensor,
    b: Tensor,
    kernel: str = "multiquadric",
    scales: Sequence[float] = _SCALES,
) -> Tensor:
    """Return the unbiased estimate of MMD²(p, q) from samples of p and q (Gretton et al. 2012).

    E k(a, a') + E k(b, b') − 2 E k(a, b), over pairs of different rows; 0 in the mean for p = q,
    so that it can be below 0, and at most 2.

    Parameters
    ----------
    a, b : Tensor of shape (n, d) and (m, d)
        At least 2 rows each.
    kernel : {"multiquadric", "gaussian"}, default="multiquadric"
        k: the mean over the scales s of C / (C + r²), which falls slowly and so draws codes from
        far away, or of exp(−r² / C); r is the distance and C = 2ds, 2d the mean squared distance
        of two draws of N(0, I).
    scales : sequence of float, default=(0.1, 0.2, 0.5, 1, 2, 5, 10)
        s.

    References
    ----------
    .. [1] A. Gretton, K. M. Borgwardt, M. J. Rasch, B. Schölkopf and A. Smola, "A kernel
       two-sample test", JMLR 13 (2012), 723-773.

    Examples
    --------
    >>> import torch
    >>> a, b, c = torch.randn(3, 500, 2, generator=torch.Generator().manual_seed(0))
    >>> bool(abs(squared_mmd(a, b)) < 0.01), bool(squared_mmd(a, c + 1) > 0.1)
    (True, True)
    """

    def total(x: Tensor, y: Tensor) -> Tensor:
        squares = (x.square().sum(1)[:, None] + y.square().sum(1) - 2 * x @ y.T).clamp(min=0)
        value = squares.new_zeros(())
        for scale in scales:
            width = 2 * x.shape[1] * scale
            if kernel == "multiquadric":
                value = value + (width / (width + squares)).sum()
            else:
                value = value + (-squares / width).exp().sum()
        return value / len(scales)

    n, m = len(a), len(b)
    within = (total(a, a) - n) / (n * (n - 1)) + (total(b, b) - m) / (m * (m - 1))  # k(x, x) = 1
    return within - 2 * total(a, b) / (n * m)


@PENALTIES.register("mmd")
@dataclass(frozen=True)
class MaximumMeanDiscrepancy(Part):
    """MMD² between the codes of a batch and as many draws of the prior, see `squared_mmd`.

    The prior is that of the module's code: one with a posterior, or `isthmus.nn.Matched`.

    Parameters
    ----------
    kernel : {"multiquadric", "gaussian"}, default="multiquadric"
        See `squared_mmd`.

    Raises
    ------
    InvalidInputError
        If there is no such kernel; when called, if the code has no prior.

    References
    ----------
    .. [1] I. Tolstikhin, O. Bousquet, S. Gelly and B. Schölkopf, "Wasserstein auto-encoders",
       ICLR 2018, arXiv:1711.01558.
    .. [2] S. Zhao, J. Song and S. Ermon, "InfoVAE: balancing learning and inference in variational
       autoencoders", AAAI 2019, doi:10.1609/aaai.v33i01.33015885.

    Examples
    --------
    >>> import torch
    >>> from isthmus.nn import AutoencoderModule, Dense, Matched
    >>> penalties = {"mmd": MaximumMeanDiscrepancy()}
    >>> module = AutoencoderModule(
    ...     Dense((4,), (2,)), Dense((2,), (4,)), Matched(), penalties=penalties
    ... )
    >>> sorted(module.losses(torch.randn(32, 4)))
    ['mmd', 'reconstruction']
    """

    kernel: str = "multiquadric"

    def __post_init__(self) -> None:
        if self.kernel not in ("multiquadric", "gaussian"):
            raise InvalidInputError(
                f"kernel: expected 'multiquadric' or 'gaussian'; got {self.kernel!r}"
            )

    def __call__(
        self,
        module: AutoencoderModule,
        x: Tensor | None,
        z: Tensor,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the estimate for the codes `z` (n, latent_dim)."""
        draw = getattr(module.latent, "sample_prior", None)
        if draw is None:
            raise InvalidInputError(
                f"mmd: needs a code with a prior; got {type(module.latent).__name__}; use Matched"
            )
        if len(z) == 1:  # there is no pair of codes
            return (z * 0).sum()
        with torch.no_grad():
            prior = draw(len(z), z.shape[1], generator).to(z)
        # The mean over blocks has the same expectation, and costs no square of all rows.
        blocks = max(1, len(z) // _ROWS)
        pairs = zip(z.chunk(blocks), prior.chunk(blocks), strict=True)
        return torch.stack([squared_mmd(a, b, self.kernel) for a, b in pairs]).mean()
