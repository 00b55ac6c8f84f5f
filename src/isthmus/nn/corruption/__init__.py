"""C(x̃|x): the corruptions, and how one of your own is written (`isthmus.nn.corruption.base`)."""

from isthmus.nn.corruption.base import CORRUPTIONS, AnyCorruption, Corruption
from isthmus.nn.corruption.elementwise import GaussianNoise, Masking, SaltAndPepper
from isthmus.nn.corruption.resolution import Downsampling, Grey

__all__ = [
    "CORRUPTIONS",
    "AnyCorruption",
    "Corruption",
    "Downsampling",
    "GaussianNoise",
    "Grey",
    "Masking",
    "SaltAndPepper",
]
