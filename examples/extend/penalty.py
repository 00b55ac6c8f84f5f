"""A penalty of one's own, with a threshold that is learned: codes are to be zero or beyond it."""

import torch

from isthmus.nn import PENALTIES
from isthmus.registry import Part


@PENALTIES.register("gap")
class Gap(Part, torch.nn.Module):
    """Σⱼ relu(θ − |zⱼ|) |zⱼ|, less a reward for a wide gap θ."""

    def __init__(self, reward: float = 0.01) -> None:
        super().__init__()
        self.reward, self.threshold = reward, torch.nn.Parameter(torch.tensor(0.1))

    def forward(self, module, x, z, generator):
        inside = torch.relu(self.threshold - z.abs()) * z.abs()
        return inside.sum(1).mean() - self.reward * self.threshold.clamp(max=1)
