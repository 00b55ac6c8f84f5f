"""The Markov chain of a denoising model: corrupt, encode, decode, draw, and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from isthmus.errors import InvalidInputError, check_count
from isthmus.models.base import inference
from isthmus.nn import AnyCorruption, transition
from isthmus.training import draw_seed

if TYPE_CHECKING:
    from isthmus.models.base import BaseAutoencoder

__all__ = ["SamplingChain"]


class SamplingChain:
    """New data from a model that was trained to undo corruption.

    Where a model knows p(x|x̃), corrupting and restoring by turns, with *draws* and not means, is a
    Markov chain over data. Its stationary distribution estimates p(x) (Bengio, Yao, Alain & Vincent
    2013), the better the better p(x|x̃) is known. What is fed back is the draw from p(x|z).
    """

    def sample_chain(
        self,
        n_steps: int = 100,
        *,
        n_chains: int | None = None,
        start: Any = None,
        show: str = "mean",
        random_state: int | np.random.RandomState | None = None,
    ) -> NDArray[np.float32]:
        """Run Markov chains and return what they pass through.

        Each step draws x̃ ~ C(x̃|x), the code z (noisy, if it is), and the next x ~ p(x|z).

        Parameters
        ----------
        n_steps : int, default=100
            Steps of each chain.
        n_chains : int, optional
            How many chains run side by side; one for each row of `start` without it, else one.
        start : array-like of shape (1 or n_chains, *sample_shape), optional
            Where the chains begin, in the units of the data; NaN, with ``missing="ignore"``, is
            filled by the first step. Without it, draws from p(x|z) at the code z = 0: values that
            know nothing of each other.
        show : {"mean", "sample"}, default="mean"
            "mean" returns the mean of p(x|z) of each step, which is what the literature shows;
            "sample" the draws themselves, which are the states of the chain and what statistics
            should be of.
        random_state : int, RandomState or None, default=None
            Where all draws come from.

        Returns
        -------
        ndarray of shape (n_chains, n_steps, *sample_shape), float32
            After each step, without the start, in the units of the data. The draws of a chain
            depend on how many run beside it.

        Raises
        ------
        InvalidInputError
            If a number or the start cannot be used, or the model was loaded from a file and its
            corruption is a function of your own.

        Notes
        -----
        A chain moves as far as p(x|z) is wide. "gaussian", the automatic likelihood of real values
        for `DenoisingAutoencoder`, has a fixed scale of 1, on standardised data as wide as the data
        are: fit with ``likelihood="gaussian_learned_scale"`` before you sample.

        References
        ----------
        .. [1] Y. Bengio, L. Yao, G. Alain and P. Vincent, "Generalized denoising auto-encoders as
           generative models", NeurIPS 2013, arXiv:1305.6663.
        """
        check_is_fitted(self, "module_")
        check_count("n_steps", n_steps)
        if n_chains is not None:
            check_count("n_chains", n_chains)
        if show not in ("mean", "sample"):
            raise InvalidInputError(f"show: expected 'mean' or 'sample'; got {show!r}")
        return _run(self, n_steps, n_steps, n_chains, start, show, random_state)

    def sample(
        self,
        n_samples: int = 1,
        y: Any = None,
        *,
        burn_in: int = 100,
        output: str = "mean",
        random_state: int | np.random.RandomState | None = None,
    ) -> NDArray[np.float32]:
        """Draw new data: the ends of independent chains, or codes after `fit_density`.

        Each sample has a chain of its own, so that samples are independent, and as good as the
        chain after `burn_in` steps. One long chain costs less a sample, but may stay at one mode:
        look at `sample_chain` and `isthmus.evaluation.autocorrelation_time` to see how long is
        enough. Once `fit_density` was called, codes are drawn from that instead, without a chain.

        Parameters
        ----------
        n_samples : int, default=1
            How many.
        y : None
            Ignored: the chain is of a model without a condition.
        burn_in : int, default=100
            Steps of each chain.
        output : {"mean", "draw"}, default="mean"
            Whether to give the mean of p(x|z) of each chain's last step, or the draw from it.
        random_state : int, RandomState or None, default=None
            Where all draws come from.

        Returns
        -------
        ndarray of shape (n_samples, *sample_shape), float32
            In the units of the data.

        Raises
        ------
        InvalidInputError
            As `sample_chain`.
        """
        check_is_fitted(self, "module_")
        check_count("n_samples", n_samples)
        check_count("burn_in", burn_in)
        if output not in ("mean", "draw"):
            raise InvalidInputError(f"output: expected 'mean' or 'draw'; got {output!r}")
        if hasattr(self, "density_"):
            drawn: NDArray[np.float32] = cast(Any, super()).sample(
                n_samples, output=output, random_state=random_state
            )
            return drawn
        show = "mean" if output == "mean" else "sample"
        return _run(self, burn_in, 1, n_samples, None, show, random_state)[:, 0]

    @property
    def can_sample(self) -> bool:
        """True: a chain needs no distribution of codes."""
        return True


def _run(
    chain: SamplingChain,
    n_steps: int,
    n_kept: int,
    n_chains: int | None,
    start: Any,
    show: str,
    random_state: Any,
) -> NDArray[np.float32]:
    """Return the last `n_kept` steps of the chains: (n_chains, n_kept, *sample_shape)."""
    model = cast("BaseAutoencoder", chain)
    module, likelihood = model.module_, model.module_.likelihood
    corruption = _corruption(model)
    device = next(module.parameters()).device
    generator = torch.Generator(device).manual_seed(draw_seed(random_state))

    def walk(x: Tensor, condition: Tensor | None) -> Tensor:
        kept = []
        for step in range(n_steps):
            parameters = transition(module, x, corruption, condition, generator).parameters
            x = likelihood.sample(parameters, generator)
            if step >= n_steps - n_kept:
                kept.append(x if show == "sample" else likelihood.prediction(parameters))
        return torch.stack(kept, dim=1)

    if start is None:
        x = _draw_at_zero(model, n_chains or 1, generator)
    else:
        x = model.to_tensors(start, None)[0]
        if n_chains is not None and len(x) not in (1, n_chains):
            raise InvalidInputError(
                f"start: expected 1 row or {n_chains}, one for each chain; got {len(x)}"
            )
        if n_chains is not None and len(x) == 1:
            x = x.expand(n_chains, *x.shape[1:])
    states = inference.map_rows(module, walk, x, None, cost=n_kept)
    flat = states.reshape(-1, *states.shape[2:])
    shown = model.in_units(flat)
    return shown.reshape(*states.shape[:2], *shown.shape[1:])


def _draw_at_zero(model: BaseAutoencoder, count: int, generator: torch.Generator) -> Tensor:
    """Draw from p(x|z) at z = 0."""
    module = model.module_.eval()
    with torch.inference_mode():
        codes = torch.zeros(count, model.architecture_.latent_dim, device=generator.device)
        draw = module.likelihood.sample(module.decode_parameters(codes), generator)
    return draw.cpu()


def _corruption(model: Any) -> AnyCorruption:
    """Return C(x̃|x): the module's, which a file keeps unless it is a function of the user's own."""
    if model.module_.corruption is not None:
        return cast(AnyCorruption, model.module_.corruption)
    if callable(model.corruption):
        return cast(AnyCorruption, model.corruption)
    raise InvalidInputError(
        "corruption: the model's file does not hold its corruption, a function of your own; set it "
        "again: set_params(corruption=FUNCTION)"
    )
