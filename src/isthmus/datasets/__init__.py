"""Data that are made and not downloaded, in the manner of scikit-learn's ``make_*``."""

from isthmus.datasets.sprites import (
    SPRITE_FACTORS,
    SPRITE_SIZES,
    make_sprites,
    sprite_factors,
    sprite_indices,
)

__all__ = [
    "SPRITE_FACTORS",
    "SPRITE_SIZES",
    "make_sprites",
    "sprite_factors",
    "sprite_indices",
]
