"""The picture of docs/models/contractive.md: in how many directions does a code move?"""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits

from isthmus import Autoencoder, ContractiveAutoencoder, DenoisingAutoencoder


def spectrum(model, X):
    """Mean singular values of ∂z/∂x of one sigmoid layer: of diag(z(1 − z)) W."""
    z = model.transform(X)
    W = model.module_.encoder.linears[0].weight.detach().numpy()
    jacobians = (z * (1 - z))[:, :, None] * W
    return np.linalg.svd(jacobians, compute_uv=False).mean(axis=0)


def draw(folder: Path) -> None:
    """Train four one-layer models and draw the spectra of their Jacobians."""
    X = load_digits().data / 16
    held_in, held_out = X[:1600], X[1600:]
    common = {
        "latent_dim": 100,
        "hidden_layer_sizes": (),
        "latent_activation": "sigmoid",
        "tied_weights": True,
        "max_epochs": 35,
        "learning_rate": 5e-3,
        "random_state": 0,
    }
    models = {
        "autoencoder": Autoencoder(**common),
        "denoising, masking 0.3": DenoisingAutoencoder(**common),
        "contractive, λ = 0.3": ContractiveAutoencoder(contraction=0.3, **common),
        "contractive, λ = 0.3, γ = 1": ContractiveAutoencoder(
            contraction=0.3, curvature=1.0, curvature_noise=0.3, **common
        ),
    }
    figure = Figure(figsize=(7.2, 3.8), layout="constrained", facecolor="white")
    ax = figure.subplots()
    colours = ("#94a4a2", "#ffa90e", "#3f90da", "#832db6")
    for (name, model), colour in zip(models.items(), colours, strict=True):
        values = spectrum(model.fit(held_in), held_out)
        error = ((model.reconstruct(held_out) - held_out) ** 2).sum(1).mean()
        label = f"{name} (squared error {error:.2f})"
        ax.semilogy(np.arange(1, len(values) + 1), values, color=colour, linewidth=2, label=label)
    ax.set(xlabel="singular value, the largest first", ylabel="mean over held-out digits")
    ax.set(xlim=(1, 64), ylim=(1e-3, None))
    ax.legend(frameon=False, fontsize=9)
    ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(folder / "contractive.png", dpi=110)
