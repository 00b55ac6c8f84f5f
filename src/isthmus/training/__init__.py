"""One training loop, its steps, schedules, checkpoints and history."""

from isthmus.training.checkpoint import Checkpoint, fingerprint
from isthmus.training.config import TrainingConfig, new_state
from isthmus.training.history import History
from isthmus.training.loop import EpochHook, batches, evaluate, train
from isthmus.training.progress import EpochProgress
from isthmus.training.schedule import Annealing, Coefficient, Warmup
from isthmus.training.step import Batch, Step, TrainingState, backpropagation

__all__ = [
    "Annealing",
    "Batch",
    "Checkpoint",
    "Coefficient",
    "EpochHook",
    "EpochProgress",
    "History",
    "Step",
    "TrainingConfig",
    "TrainingState",
    "Warmup",
    "backpropagation",
    "batches",
    "evaluate",
    "fingerprint",
    "new_state",
    "train",
]
