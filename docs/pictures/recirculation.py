"""The picture of docs/models/recirculation.md: errors beside back-propagation's, and cosines."""

from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from sklearn.datasets import load_digits

from isthmus.nn import AutoencoderModule, Bernoulli, Dense, Deterministic
from isthmus.training import TrainingConfig, backpropagation, recirculation, train
from isthmus.training.recirculation import alignment

EPOCHS = 40


def fit(rule, x, held_out):
    """Train the same network with a rule; return the errors and the cosines after each epoch."""
    generator = torch.Generator().manual_seed(0)
    module = AutoencoderModule(
        Dense((64,), (32,), generator=generator),
        Dense((32,), (64,), generator=generator),
        Deterministic("sigmoid"),
        Bernoulli(),
    )
    errors, cosines = [], []

    def look(state=None, record=None):
        with torch.no_grad():
            errors.append(float((module(held_out) - held_out).square().sum(1).mean()))
        cosines.append(alignment(module, x))

    look()
    config = TrainingConfig(
        max_epochs=EPOCHS,
        batch_size=32,
        learning_rate=0.01,
        learning_rate_schedule="cosine",
        early_stopping=False,
    )
    train(module, x, config=config, step=rule, after_epoch=[look])
    return errors, cosines


def draw(folder: Path) -> None:
    """Train with both rules and write ``recirculation.png``."""
    X = torch.from_numpy((load_digits().data / 16).astype(np.float32))
    held_in, held_out = X[:1500], X[1500:]
    figure = Figure(figsize=(8.4, 3.4), layout="constrained", facecolor="white")
    left, right = figure.subplots(1, 2)
    epochs = np.arange(EPOCHS + 1)
    for name, rule, colour in (
        ("recirculation", recirculation(), "#e76300"),
        ("back-propagation", backpropagation, "#3f90da"),
    ):
        errors, cosines = fit(rule, held_in, held_out)
        left.semilogy(epochs, errors, color=colour, linewidth=2, label=name)
        if name == "recirculation":
            for part, what, shade in (
                ("decoder", "V, the decoder", "#94a4a2"),
                ("all", "all weights together", "#e76300"),
                ("encoder", "W, the encoder", "#832db6"),
            ):
                values = [cosine[part] for cosine in cosines]
                right.plot(epochs, values, color=shade, linewidth=2, label=what)
    left.set(xlabel="epoch", ylabel="squared error of held-out digits", xlim=(0, EPOCHS))
    right.set(xlabel="epoch", ylabel="cosine with the negative gradient", xlim=(0, EPOCHS))
    right.set_ylim(-0.45, 1.08)
    right.axhline(0, color="#94a4a2", linewidth=0.8)
    for ax in (left, right):
        ax.legend(frameon=False, fontsize=9)
        ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(folder / "recirculation.png", dpi=110)
