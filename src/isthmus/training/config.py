"""How a module is trained: the settings, and the optimiser they ask for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import nn

from isthmus.errors import InvalidInputError
from isthmus.nn import AutoencoderModule
from isthmus.training.objective import Objective
from isthmus.training.schedule import Annealing, Coefficient, coefficient_at
from isthmus.training.step import TrainingState

__all__ = ["TrainingConfig", "new_state"]


@dataclass(frozen=True)
class TrainingConfig:
    """How a module is trained.

    Parameters
    ----------
    max_epochs : int, default=100
        Passes over the data at most.
    batch_size : int, default=128
        Rows a step.
    learning_rate : float, default=1e-3
        The step size of the optimiser, before the schedule.
    learning_rate_schedule : {"constant", "cosine", "plateau"}, default="plateau"
        "cosine" falls to 0 over `max_epochs`; "plateau" falls to 0.3 of itself whenever the
        monitored loss has not improved for half the patience.
    optimizer : {"adam", "adamw", "sgd"}, default="adam"
        Which.
    momentum : float, default=0.9
        The momentum of "sgd", and the decay of the first moment (β₁) of the others.
    weight_decay : float, default=0.0
        The decay of the weights, not of biases and scales.
    gradient_clip : float, optional
        Largest norm of the whole gradient.
    early_stopping : bool, default=True
        Whether to end after `patience` epochs without an improvement of the monitored loss (held
        out where there are held-out rows), and to go back to the best weights.
    patience : int, default=20
        See there; not counted while a warm-up of a coefficient goes on.
    autocast : bool, default=False
        Whether to compute in bfloat16 where that is safe.
    coefficients : mapping of str to float or callable
        The factor of each term of the loss; 1 where not named. A callable is given the epoch, from
        0.
    unmonitored : tuple of str, default=()
        Terms of the loss that do not count when the best weights are chosen: those that say how the
        autoencoder and its critics stand, and not how good the module is.
    annealing : callable, optional
        Called with the module and the epoch, from 0, before each epoch; its `epochs` says when it
        has come to its end, and early stopping waits until then.
    global_random : bool, default=False
        Whether the networks draw from torch's global generator: it is then set aside, seeded for
        each batch, and put back.
    seed : int, default=0
        The seed of everything random in the fit.
    """

    max_epochs: int = 100
    batch_size: int = 128
    learning_rate: float = 1e-3
    learning_rate_schedule: str = "plateau"
    optimizer: str = "adam"
    momentum: float = 0.9
    weight_decay: float = 0.0
    gradient_clip: float | None = None
    early_stopping: bool = True
    patience: int = 20
    autocast: bool = False
    coefficients: Mapping[str, Coefficient] = field(default_factory=dict)
    unmonitored: tuple[str, ...] = ()
    annealing: Annealing | None = None
    global_random: bool = False
    seed: int = 0

    @property
    def warmup_epochs(self) -> int:
        """Epochs until every coefficient, and the module itself, is as it will be."""
        moving = (*self.coefficients.values(), self.annealing)
        return max(int(getattr(part, "epochs", 0)) for part in moving)

    def coefficients_at(self, epoch: int) -> dict[str, float]:
        """Return the coefficients of an epoch, counted from 0."""
        return {name: coefficient_at(c, epoch) for name, c in self.coefficients.items()}


def new_state(module: AutoencoderModule, config: TrainingConfig) -> TrainingState:
    """Return the state before the first step: a fresh optimiser and nothing learned.

    Parameters
    ----------
    module : AutoencoderModule
        On the device where it is to be trained.
    config : TrainingConfig
        How it is to be trained.
    """
    device = next(module.parameters()).device
    return TrainingState(
        module=module,
        optimizer=_make_optimizer(module, config, device),
        objective=Objective(module),
        seed=config.seed,
        autocast=config.autocast,
        gradient_clip=config.gradient_clip,
    )


def _make_optimizer(
    module: nn.Module, config: TrainingConfig, device: torch.device
) -> torch.optim.Optimizer:
    parameters = [p for p in module.parameters() if p.requires_grad]
    groups = [{"params": parameters, "weight_decay": 0.0}]
    if config.weight_decay:
        groups = [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.weight_decay},
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ]
    fused = device.type in ("cpu", "cuda")  # one kernel for all parameters: 13 % of a step
    if config.optimizer == "sgd":
        rate, momentum = config.learning_rate, config.momentum
        return torch.optim.SGD(groups, lr=rate, momentum=momentum, fused=fused)
    kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    if config.optimizer not in kinds:
        raise InvalidInputError(
            f"optimizer: expected 'adam', 'adamw' or 'sgd'; got {config.optimizer!r}"
        )
    optimizer: torch.optim.Optimizer = kinds[config.optimizer](
        groups, lr=config.learning_rate, betas=(config.momentum, 0.999), fused=fused
    )
    return optimizer
