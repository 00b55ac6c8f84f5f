"""Chains of a generative stochastic network on digits: four starts, every third step."""

from __future__ import annotations

from pathlib import Path

from sklearn.datasets import load_digits

from isthmus import GenerativeStochasticNetwork
from isthmus.plotting import chain_grid


def draw(folder: Path) -> None:
    """Train on digits and write ``gsn.png``."""
    data = load_digits()
    X = data.data / 16
    model = GenerativeStochasticNetwork(
        hidden_layer_sizes=(256,),
        latent_dim=128,
        max_epochs=40,
        learning_rate=3e-3,
        random_state=0,
    ).fit(X)
    start = X[[list(data.target).index(digit) for digit in (0, 3, 4, 6)]]
    chains = model.sample_chain(39, start=start, random_state=0)
    title = "Four chains from four digits, every third step"
    figure = chain_grid(
        chains, start=start, every=3, image_shape=(8, 8), value_range=(0, 1), title=title
    )
    figure.savefig(folder / "gsn.png", dpi=100)
