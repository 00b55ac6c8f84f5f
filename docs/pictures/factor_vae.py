"""Codes of data with two factors: by a variational autoencoder and by FactorVAE."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from isthmus import FactorVAE, VariationalAutoencoder

INK, PAPER = "#1d2127", "#fdfdfe"
MIXING = np.random.default_rng(5).normal(size=(2, 24))


def rows(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return 24 values a row, and the two independent factors that they are made of."""
    factors = rng.uniform(-1, 1, size=(n, 2))
    return np.tanh(factors @ MIXING) + 0.05 * rng.normal(size=(n, 24)), factors


def draw(folder: Path) -> None:
    """Write ``factor_vae.png``."""
    rng = np.random.default_rng(0)
    X, _ = rows(1500, rng)
    test, factors = rows(900, rng)
    style = {
        "latent_dim": 2,
        "hidden_layer_sizes": (64,),
        "batch_size": 100,
        "learning_rate": 5e-3,
        "max_epochs": 50,
        "early_stopping": False,
        "random_state": 0,
    }
    models = {
        "variational": VariationalAutoencoder(**style),
        "FactorVAE, γ = 15": FactorVAE(gamma=15.0, **style),
    }
    figure = Figure(figsize=(8.4, 4.3), layout="constrained", facecolor=PAPER)
    for axes, (name, model) in zip(figure.subplots(1, 2), models.items(), strict=True):
        codes = model.fit(X).transform(test)
        axes.scatter(*codes.T, c=factors[:, 0], s=9, cmap="viridis", linewidths=0)
        likeness = np.abs(np.corrcoef(codes.T, factors.T)[:2, 2:])
        axes.set_title(
            f"{name}: |correlation| of the codes with the factors\n"
            + "   ".join("  ".join(f"{value:.2f}" for value in row) for row in likeness),
            fontsize=9,
            color=INK,
        )
        axes.set_facecolor("none")
        axes.set_aspect("equal")
        axes.tick_params(colors=INK, labelsize=8)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    figure.savefig(folder / "factor_vae.png", dpi=88)
