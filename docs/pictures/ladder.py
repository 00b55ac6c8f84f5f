"""The picture of docs/models/ladder.md: what the upper level of a code says."""

from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits

from isthmus import LadderVAE
from isthmus.plotting import image_rows


def draw(folder: Path) -> None:
    """Write ``ladder.png``."""
    X = load_digits().data / 16
    model = LadderVAE(
        latent_dims=(6, 2),
        likelihood="gaussian_learned_scale",
        learning_rate=4e-3,
        max_epochs=45,
        early_stopping=False,
        random_state=0,
    ).fit(X)
    latent = model.module_.latent
    generator = torch.Generator().manual_seed(4)
    rows = {}
    for number in range(1, 7):
        above = torch.randn(1, 2, generator=generator)
        with torch.no_grad():
            mean, log_variance = latent.down[0](above).chunk(2, dim=1)
        noise = torch.randn(9, 6, generator=generator)
        below = mean + (0.5 * log_variance).exp() * noise
        codes = np.concatenate([below.numpy(), above.expand(9, 2).numpy()], axis=1)
        rows[f"z₂, draw {number}"] = model.inverse_transform(codes)
    used = model.level_divergences(X).mean(0)
    figure = image_rows(
        rows,
        image_shape=(8, 8),
        value_range=(0, 1),
        title=f"Draws of z₁ under one z₂ a row (z₁ says {used[0]:.1f} nats, z₂ {used[1]:.1f})",
    )
    figure.savefig(folder / "ladder.png", dpi=110)
