"""The picture of docs/models/predictive_sparse.md: atoms, and one digit's two codes."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits

from isthmus import PredictiveSparseDecomposition


def draw(folder: Path) -> None:
    """Train one dictionary and write ``predictive_sparse.png``."""
    X = load_digits().data / 16
    train, held_out = X[:1500], X[1500:]
    model = PredictiveSparseDecomposition(
        latent_dim=64, learning_rate=5e-3, max_epochs=40, random_state=0
    ).fit(train)
    fast, best = model.transform(held_out), model.sparse_encode(held_out)

    def objective(codes):
        squared = ((held_out - model.inverse_transform(codes)) ** 2).sum(1)
        return float((squared / 2 + model.sparsity_weight * np.abs(codes).sum(1)).mean())

    figure = Figure(figsize=(8.4, 3.9), layout="constrained", facecolor="white")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.35))
    # The atoms that are used most first, each in a frame of its own.
    order = np.argsort(-np.abs(best).mean(0))
    atoms = model.module_.dictionary.detach().numpy().T[order]
    mosaic = np.full((8 * 9 + 1, 8 * 9 + 1), np.nan)
    for i, atom in enumerate(atoms):
        row, column = (1 + 9 * part for part in divmod(i, 8))
        mosaic[row : row + 8, column : column + 8] = atom.reshape(8, 8) / np.abs(atom).max()
    left.imshow(mosaic, cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest")
    left.set_title("the 64 atoms, the most used first", fontsize=10)
    left.axis("off")

    shown = 3
    place = np.arange(64)
    right.vlines(place, 0, best[shown][order], color="#3f90da", linewidth=3.5)
    right.plot(place, fast[shown][order], "o", color="#e76300", markersize=3.5)
    right.axhline(0, color="#94a4a2", linewidth=0.8)
    right.plot([], [], color="#3f90da", linewidth=3.5, label=_label("optimised", best, objective))
    right.plot([], [], "o", color="#e76300", markersize=3.5,
               label=_label("predicted", fast, objective))  # fmt: skip
    right.legend(frameon=False, fontsize=9, loc="upper right")
    right.set(xlabel="atom", xlim=(-1, 64))
    low, high = best[shown].min(), best[shown].max()
    right.set_ylim(low - 0.15 * (high - low), high + 0.5 * (high - low))
    right.set_title("the code of one held-out digit", fontsize=10)
    right.spines[["top", "right"]].set_visible(False)
    figure.savefig(folder / "predictive_sparse.png", dpi=110)


def _label(name, codes, objective):
    zeros = (codes == 0).mean()
    return f"{name}: objective {objective(codes):.2f} in the mean, {zeros:.0%} zeros"
