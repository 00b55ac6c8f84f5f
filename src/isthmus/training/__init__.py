"""One training loop, its steps, schedules, checkpoints and history."""

from isthmus.training.adversarial import adversarial
from isthmus.training.binarize import binarized, drawn_binary
from isthmus.training.checkpoint import Checkpoint, fingerprint
from isthmus.training.config import TrainingConfig, new_state
from isthmus.training.history import History
from isthmus.training.loop import EpochHook, batches, evaluate, train
from isthmus.training.progress import EpochProgress
from isthmus.training.recirculation import recirculation
from isthmus.training.schedule import (
    Annealing,
    CapacitySchedule,
    Coefficient,
    SupportSchedule,
    TemperatureSchedule,
    Warmup,
)
from isthmus.training.sparse_inference import sparse_inference
from isthmus.training.step import (
    Batch,
    Objective,
    Step,
    TrainingState,
    backpropagation,
    descend,
)
from isthmus.training.trimmed import trimmed
from isthmus.training.walk_back import walk_back

__all__ = [
    "Annealing",
    "Batch",
    "CapacitySchedule",
    "Checkpoint",
    "Coefficient",
    "EpochHook",
    "EpochProgress",
    "History",
    "Objective",
    "Step",
    "SupportSchedule",
    "TemperatureSchedule",
    "TrainingConfig",
    "TrainingState",
    "Warmup",
    "adversarial",
    "backpropagation",
    "batches",
    "binarized",
    "descend",
    "drawn_binary",
    "evaluate",
    "fingerprint",
    "new_state",
    "recirculation",
    "sparse_inference",
    "train",
    "trimmed",
    "walk_back",
]
