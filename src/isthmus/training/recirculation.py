"""Recirculation: an autoencoder that learns from differences in time, without back-propagation."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor
from torch.nn.functional import normalize

from isthmus.errors import InvalidInputError
from isthmus.nn import AutoencoderModule, Dense, Losses
from isthmus.training.objective import Objective
from isthmus.training.step import Batch, Step, TrainingState

__all__ = ["alignment", "recirculation"]


def recirculation(regression: float = 0.75) -> Step:
    """Return the training rule of Hinton & McClelland (1988), which sends activity round a loop.

    For one hidden layer with logistic units s and visible units g, logistic or linear::

        h₀ = s(W x₀ + b)                      up
        x₁ = λ x₀ + (1 − λ) g(V h₀ + c)       down
        h₁ = λ h₀ + (1 − λ) s(W x₁ + b)       up again
        ΔV ∝ (x₀ − x₁) h₀ᵀ,  Δc ∝ x₀ − x₁
        ΔW ∝ (h₀ − h₁) x₁ᵀ,  Δb ∝ h₀ − h₁

    Each weight changes by the activity before it and by how the activity after it changes with
    time: what a synapse can see. The negative changes, averaged over the batch, take the place of
    the gradient; optimiser, schedule, clipping and weight decay are the same as for any rule.

    V's change is exactly 1 − λ times the negative gradient of −log p(x|z) that its layer gets from
    back-propagation. W's follows the gradient of the hidden layer only so far as W is like Vᵀ, and
    as x₁ is close to x₀: h₀ − h₁ ≈ (1 − λ)² s′ ⊙ W(x₀ − g). So λ near 1 makes the approximation
    good and the changes small, those of W by one factor 1 − λ more than those of V. Adam, whose
    steps do not depend on the scale of a gradient, takes both factors out; plain gradient descent
    (optimizer="sgd") leaves W slower than V by 1 − λ.

    Parameters
    ----------
    regression : float, default=0.75
        λ, at least 0 and below 1: how much of the old activity stays in the new one.

    Returns
    -------
    callable
        A step, for a module with one linear layer each way, a code between 0 and 1, and a Bernoulli
        likelihood or a Gaussian one of scale 1.

    Raises
    ------
    InvalidInputError
        If λ is not in that range.

    References
    ----------
    .. [1] G. E. Hinton and J. L. McClelland, "Learning representations by recirculation", Neural
       Information Processing Systems (1987), American Institute of Physics (1988), 358-366.
       No DOI.

    Examples
    --------
    >>> from isthmus.nn import Bernoulli, Deterministic
    >>> from isthmus.training import TrainingConfig, train
    >>> module = AutoencoderModule(
    ...     Dense((4,), (2,)), Dense((2,), (4,)), Deterministic("sigmoid"), Bernoulli()
    ... )
    >>> config = TrainingConfig(max_epochs=3, early_stopping=False)
    >>> len(train(module, torch.eye(4), config=config, step=recirculation()).history)
    3
    """
    if not 0 <= regression < 1:
        raise InvalidInputError(
            f"regression: expected a number from 0 to below 1; got {regression!r}"
        )

    def step(state: TrainingState, batch: Batch) -> Losses:
        with (
            torch.no_grad(),
            torch.autocast(batch.x.device.type, dtype=torch.bfloat16, enabled=state.autocast),
        ):
            losses, changes = _recirculate(state.module, batch.x, regression)
        for parameter, change in changes:
            parameter.grad = change.to(parameter.dtype)
        if state.gradient_clip is not None:
            torch.nn.utils.clip_grad_norm_(state.module.parameters(), state.gradient_clip)
        state.optimizer.step()
        return losses

    return step


def alignment(module: AutoencoderModule, x: Tensor, regression: float = 0.75) -> dict[str, float]:
    """Return the cosines between recirculation's changes and the negative gradient.

    Parameters
    ----------
    module : AutoencoderModule
        As for `recirculation`; not changed.
    x : Tensor of shape (n, channels, ...)
        The data, scaled.
    regression : float, default=0.75
        λ.

    Returns
    -------
    dict of str to float
        "encoder" for W, "decoder" for V, and "all" for all weights and biases together, each from
        −1 to 1; 0 where one of the two is 0.

    Examples
    --------
    >>> from isthmus.nn import Bernoulli, Deterministic
    >>> module = AutoencoderModule(
    ...     Dense((4,), (2,)), Dense((2,), (4,)), Deterministic("sigmoid"), Bernoulli()
    ... )
    >>> round(alignment(module, torch.eye(4))["decoder"], 4)
    1.0
    """
    with torch.no_grad():
        changes = _recirculate(module, x, regression)[1]
    parameters = [parameter for parameter, _ in changes]
    with torch.enable_grad():
        loss = Objective(module)(Batch(x))["reconstruction"]
        gradients = torch.autograd.grad(loss, parameters)
    negative = [change.flatten() for _, change in changes]
    gradient = [part.flatten() for part in gradients]
    pairs = {
        "encoder": (negative[2], gradient[2]),
        "decoder": (negative[0], gradient[0]),
        "all": (torch.cat(negative), torch.cat(gradient)),
    }
    return {
        # Not cosine_similarity, which takes norms below 1e-8 for 1e-8: for λ near 1 they are.
        name: float(normalize(one, dim=0, eps=1e-30) @ normalize(other, dim=0, eps=1e-30))
        for name, (one, other) in pairs.items()
    }


def _recirculate(
    module: AutoencoderModule, x: Tensor, regression: float
) -> tuple[Losses, list[tuple[Tensor, Tensor]]]:
    """Go once round the loop; return the loss, and the negative change of each parameter."""
    up, down = (cast(Dense, net).linears[0] for net in (module.encoder, module.decoder))
    record = module.observe(Batch(x))
    x, observed = record.target, record.weight
    visible = x.flatten(1)
    hidden = module.latent(up(visible)).to(visible.dtype)  # bfloat16 under autocast
    parameters = down(hidden).to(visible.dtype)
    shown = parameters.unflatten(1, x.shape[1:])
    losses = Losses(reconstruction=module.likelihood.loss(shown, x, observed))

    left = (1 - regression) * (visible - module.likelihood.mean(parameters))  # x₀ − x₁
    if observed is not None:
        left = left * observed.flatten(1)  # what was not seen does not change
    visible_again = visible - left
    hidden_left = (1 - regression) * (hidden - module.latent(up(visible_again)))  # h₀ − h₁

    share = -1 / len(x)
    changes = [
        (down.weight, share * (left.t() @ hidden)),
        (down.bias, share * left.sum(0)),
        (up.weight, share * (hidden_left.t() @ visible_again)),
        (up.bias, share * hidden_left.sum(0)),
    ]
    return losses, changes
