"""The picture of docs/models/disentangling.md: what codes of digits have to do with each other."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits

from isthmus import DIPVAE, Autoencoder, BetaTCVAE, VariationalAutoencoder


def draw(folder: Path) -> None:
    """Write ``disentangling.png``."""
    X = load_digits().data / 16
    common = {
        "latent_dim": 6,
        "hidden_layer_sizes": (64,),
        "learning_rate": 5e-3,
        "max_epochs": 30,
        "likelihood": "gaussian_learned_scale",
        "random_state": 0,
    }
    models = {
        "Autoencoder": Autoencoder(**common),
        "VariationalAutoencoder": VariationalAutoencoder(**common),
        "BetaTCVAE, β = 6": BetaTCVAE(**common),
        "DIPVAE, type I, λₒ = 3": DIPVAE(covariance="means", off_diagonal=3.0, **common),
    }
    figure = Figure(figsize=(9.6, 3.1), layout="constrained", facecolor="white")
    axes = figure.subplots(1, 4)
    for ax, (name, model) in zip(axes, models.items(), strict=True):
        codes = model.fit(X[:1400]).transform(X[1400:])
        used = codes.std(0) > 0.1 * codes.std(0).max()
        correlation = np.abs(np.corrcoef(codes.T))
        correlation[~used] = correlation[:, ~used] = np.nan
        image = ax.imshow(correlation, vmin=0, vmax=1, cmap="magma_r")
        error = ((model.reconstruct(X[1400:]) - X[1400:]) ** 2).sum(1).mean()
        off = correlation[np.triu_indices(6, 1)]
        ax.set_title(f"{name}\nsquared error {error:.2f}", fontsize=9)
        ax.set_xlabel(f"mean off the diagonal {np.nanmean(off):.2f}", fontsize=9)
        ax.set(xticks=[], yticks=[])
    figure.colorbar(image, ax=axes, shrink=0.8, label="|correlation|")
    figure.savefig(folder / "disentangling.png", dpi=110)
