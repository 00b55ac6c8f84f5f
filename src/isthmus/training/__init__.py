"""One training loop, its steps, schedules, checkpoints and history."""

from isthmus.training.adversarial import adversarial
from isthmus.training.batches import Batches, TensorBatches
from isthmus.training.binarize import binarized, drawn_binary
from isthmus.training.checkpoint import Checkpoint, fingerprint
from isthmus.training.config import TrainingConfig, new_state
from isthmus.training.device import choose_device
from isthmus.training.history import History
from isthmus.training.loop import EpochHook, evaluate, train
from isthmus.training.objective import Objective
from isthmus.training.progress import EpochProgress
from isthmus.training.recirculation import recirculation
from isthmus.training.rules import RULES
from isthmus.training.schedule import (
    Annealing,
    CapacitySchedule,
    Coefficient,
    SupportSchedule,
    TemperatureSchedule,
    Warmup,
)
from isthmus.training.seed import draw_seed
from isthmus.training.sparse_inference import sparse_inference
from isthmus.training.split import held_out, held_out_by_hash
from isthmus.training.step import (
    Batch,
    Step,
    TrainingState,
    backpropagation,
    descend,
)
from isthmus.training.trimmed import trimmed
from isthmus.training.walk_back import walk_back

__all__ = [
    "RULES",
    "Annealing",
    "Batch",
    "Batches",
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
    "TensorBatches",
    "TrainingConfig",
    "TrainingState",
    "Warmup",
    "adversarial",
    "backpropagation",
    "binarized",
    "choose_device",
    "descend",
    "draw_seed",
    "drawn_binary",
    "evaluate",
    "fingerprint",
    "held_out",
    "held_out_by_hash",
    "new_state",
    "recirculation",
    "sparse_inference",
    "train",
    "trimmed",
    "walk_back",
]
