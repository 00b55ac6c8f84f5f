"""Walk-back: a training rule that follows the sampling chain and teaches it the way back.

A denoiser learns to undo one corruption of the data. Its chain, started at the data, may wander
further than one corruption leads, to places that training never visits and where the chain may
stay: spurious modes. Walk-back lets the chain walk while training, and asks for the way back to the
data from wherever it has come.
"""

from __future__ import annotations

import torch
from torch import Tensor

from isthmus.errors import check_count
from isthmus.nn import AutoencoderModule, Losses
from isthmus.nn.modules.transition import transition
from isthmus.training.step import Batch, Step, TrainingState, descend

__all__ = ["walk_back"]


def walk_back(n_steps: int) -> Step:
    """Return the rule that trains on `n_steps` steps of the chain from each row.

    From x₀ = x the chain draws x̃ₜ ~ C(x̃|xₜ), z ~ q(z|x̃ₜ) and xₜ₊₁ ~ p(x|z). The loss is the mean
    over the steps of −log p(x|z) of the *clean* x, and so in nats a sample like that of
    back-propagation, which is the same thing with one step. No gradient passes through a drawn xₜ.

    Bengio et al. (2013) draw the number of steps for each example; it is fixed here.

    Parameters
    ----------
    n_steps : int
        Steps of the chain, at least 1; the cost of a step of training is in proportion.

    Returns
    -------
    callable ``(TrainingState, Batch) -> Losses``
        For `isthmus.training.train`.

    Raises
    ------
    InvalidInputError
        If there is not at least one step.

    References
    ----------
    .. [1] Y. Bengio, L. Yao, G. Alain and P. Vincent, "Generalized denoising auto-encoders as
       generative models", NeurIPS 2013, arXiv:1305.6663.
    .. [2] Y. Bengio, E. Laufer, G. Alain and J. Yosinski, "Deep generative stochastic networks
       trainable by backprop", ICML 2014, arXiv:1306.1091.

    Examples
    --------
    >>> import torch
    >>> from isthmus.nn import AutoencoderModule, Bernoulli, Dense, SaltAndPepper
    >>> from isthmus.training import TrainingConfig, train
    >>> module = AutoencoderModule(
    ...     Dense((6,), (4,)),
    ...     Dense((4,), (6,)),
    ...     likelihood=Bernoulli(),
    ...     corruption=SaltAndPepper(0.2),
    ... )
    >>> x = torch.eye(6).repeat(8, 1)
    >>> state = train(module, x, config=TrainingConfig(max_epochs=2), step=walk_back(3))
    >>> list(state.history.names)[:3]
    ['epoch', 'loss', 'reconstruction']
    """
    check_count("n_steps", n_steps)

    def losses(module: AutoencoderModule, batch: Batch) -> Losses:
        return _losses(module, batch, n_steps)

    def step(state: TrainingState, batch: Batch) -> Losses:
        return descend(state, batch, losses)

    return step


def _losses(module: AutoencoderModule, batch: Batch, n_steps: int) -> Losses:
    x, condition, generator = batch.x, batch.condition, batch.noise
    clean = module.observe(batch)
    terms: dict[str, list[Tensor]] = {}
    for left in reversed(range(n_steps)):
        move = transition(module, x, module.corruption, condition, generator)
        # Every step of the walk is to end where it began.
        move.target, move.weight = clean.target, clean.weight
        found = {"reconstruction": module.reconstruction(move)}
        if (divergence := module.latent.divergence(move.h)) is not None:
            found["divergence"] = divergence.mean()
        found |= module.penalty_terms(move)
        for name, value in found.items():
            terms.setdefault(name, []).append(value)
        if left:
            with torch.no_grad():
                x = module.likelihood.sample(move.parameters, generator)
    return Losses({name: torch.stack(values).mean() for name, values in terms.items()})
