"""Sprites along each of their factors, and what the codes of a β-TCVAE have made of them."""

from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt

from isthmus import BetaTCVAE
from isthmus.datasets import SPRITE_FACTORS, SPRITE_SIZES, make_sprites, sprite_indices
from isthmus.geometry import traversals
from isthmus.plotting import image_rows, traversal_grid

STEPS = 7


def factor_walks() -> dict[str, np.ndarray]:
    """Return sprites of which one factor changes, the others stay."""
    walks = {}
    for position, (name, size) in enumerate(zip(SPRITE_FACTORS, SPRITE_SIZES, strict=True)):
        rows = np.tile([2, 4, 3, 16, 16], (STEPS if size >= STEPS else size, 1))
        rows[:, position] = np.linspace(0, size - 1, len(rows)).round()
        walks[name.replace("_", " ")] = make_sprites(indices=sprite_indices(rows))[0]
    return walks


def draw(folder: Path) -> None:
    """Write ``disentanglement.png``."""
    images, _ = make_sprites(20_000, size=32, random_state=0)
    model = BetaTCVAE(
        latent_dim=6,
        channels=(8, 16, 32),
        beta=6.0,
        beta_warmup=0,
        batch_size=64,
        learning_rate=2e-3,
        max_epochs=5,
        early_stopping=False,
        random_state=0,
    ).fit(images)
    walks = traversals(model, images[:2000], n_steps=STEPS, span=2.0)
    figure = plt.figure(figsize=(10.4, 3.5))
    left = figure.add_axes((0.08, 0.01, 0.385, 0.9))
    right = figure.add_axes((0.635, 0.01, 0.36, 0.9))
    image_rows(
        factor_walks(), n_images=STEPS, value_range=(0, 1), title="The factors of a sprite", ax=left
    )
    traversal_grid(walks, value_range=(0, 1), title="The codes of a β-TCVAE", ax=right)
    figure.savefig(folder / "disentanglement.png", dpi=110)
