"""Two channels of a machine with a daily rhythm, three faults, and what the detector says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from isthmus import Autoencoder
from isthmus.applications.anomaly import AnomalyDetector, SeriesDetector
from isthmus.plotting import plot_series


def machine(n_days: int, seed: int) -> pd.DataFrame:
    """Return load and temperature of a machine every half hour: the second follows the first."""
    rng = np.random.default_rng(seed)
    hour = np.arange(48 * n_days) / 2
    day = 1 + np.clip(np.sin(2 * np.pi * (hour - 8) / 24), -0.3, None)
    load = 50 * day + 3 * rng.normal(size=len(hour))
    heat = np.empty(len(hour))
    state = 40.0
    for i, now in enumerate(load):
        state += 0.3 * (20 + 0.5 * now - state)
        heat[i] = state
    heat += rng.normal(size=len(hour))
    when = pd.date_range("2024-03-04", periods=len(hour), freq="30min")
    return pd.DataFrame({"when": when, "load, %": load, "temperature, °C": heat})


def draw(folder: Path) -> None:
    """Write series.png."""
    new = machine(14, 1)
    new.loc[150:175, "temperature, °C"] += 9  # hotter than the load explains
    new.loc[330:332, "load, %"] = 5  # a short stop
    new.loc[500:540, "temperature, °C"] = new.loc[500, "temperature, °C"]  # a sensor that hangs
    network = Autoencoder(
        network="convolutional", latent_dim=6, max_epochs=60, batch_size=64, learning_rate=2e-3
    )
    detector = SeriesDetector(
        AnomalyDetector(estimator=network, scores="reconstruction"),
        false_alarm_rate=0.01,
        calibration_fraction=0.4,
        random_state=0,
    ).fit(machine(270, 0))
    figure = plot_series(detector, new, title="Two weeks, with three faults")
    figure.savefig(folder / "series.png", dpi=95)
