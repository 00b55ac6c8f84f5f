"""Numenta Anomaly Benchmark: streaming detection on its two folders of real data, its own rules."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr

from benchmarks.datasets import folder
from benchmarks.ledger import record
from isthmus import Autoencoder
from isthmus.applications.anomaly import AnomalyDetector
from isthmus.applications.anomaly.scores import TailScale
from isthmus.applications.anomaly.series import SeriesDetector
from isthmus.evaluation import nab_score
from isthmus.evaluation.nab import nab_probation

Array = NDArray[np.float64]
Corpus = dict[str, tuple[Array, list[tuple[int, int]]]]

SEEDS = [0, 1, 2]
RANDOM_SEEDS = 50
RANDOM_PUBLISHED = 11.0
NAMES = ["dense", "linear", "untrained"]
EPOCHS = 12
WINDOW = 32
GROWTH = 2  # fitted again whenever the stream has become so many times as long

# Raw scores of each file, in the order of the label file, from results/*/*_standard_scores.csv of
# numenta/NAB, rounded to four digits; thresholds chosen on the whole corpus of 58 files.
PUBLISHED: dict[str, list[float]] = {
    "ARTime": [
        1.6317, 0.3980, 1.6977, 0.2501, 0.8196, 0.6242, -0.11, -0.3338, 0.4673, 0.2811, 0.7649,
        1.0348, 1.3636, 2.2307, -2.33, 1.4900, 1.4060, 1.6577, -0.2575, 1.3906, 2.5563, 3.7752,
        -1.2809, -2.5677,
    ],
    "Numenta HTM": [
        1.2796, 1.3415, 1.7231, 0.8554, 0.8465, 0.8757, -0.33, 0.7443, 0.5945, 0.5568, 0.8607,
        1.4316, 1.6060, 2.0919, -2.0, -0.1384, 1.7123, -0.7586, -0.2557, 1.7059, 1.3601, 2.4357,
        -1.1137, -1.2958,
    ],
    "contextOSE": [
        1.7231, 1.1227, 1.5140, 0.4633, 0.8111, 0.8607, -0.22, 0.2039, 0.4607, 0.3370, 0.8571,
        1.5438, 1.7160, 0.6291, -2.11, 1.7231, 1.5071, -0.4286, -0.1930, 1.9906, 1.6383, -1.4298,
        -0.9593, -2.22,
    ],
    "KNN-CAD": [
        -0.4684, -1.1570, 1.6234, 0.5966, 0.8640, 0.7673, -0.33, 0.4217, 0.6962, 0.3375, 0.5307,
        1.6126, 1.7965, 0.6393, -2.55, -0.4684, 1.5031, -0.7676, -1.1060, 1.9259, -2.8564, 0.2651,
        0.3005, 0.4300,
    ],
    "random cut forest": [
        0.5245, -0.6913, 1.7231, -1.0, 0.9565, 0.8607, -1.43, -1.3576, -1.9548, 0.3223, 0.8607,
        1.0626, 1.6060, 1.7195, -2.0, 1.7231, 1.6131, 1.7622, 0.6664, 1.8463, -2.1186, -3.1846,
        -1.5274, -0.0742,
    ],
    "relative entropy": [
        -0.2484, 1.4599, -0.1180, 0.2313, 0.9211, 0.6407, 0.0, 0.2940, 0.4317, 0.2835, 0.8215,
        -2.44, -0.1384, -1.3770, -2.22, -0.2481, 1.7196, -1.3998, 0.4242, 2.0359, -0.9161, 3.8334,
        -1.5158, -2.4877,
    ],
    "Skyline (earthgecko)": [
        -1.2667, -0.1906, -0.3510, 0.3352, 0.9565, 0.8589, -1.32, -0.4016, -0.2708, -0.1053, 0.8607,
        0.9938, 1.5867, 2.0721, -2.11, 1.5596, 1.6625, 1.7311, 0.0607, 0.0969, 1.3999, -5.0,
        -2.33, -2.4483,
    ],
    "Twitter ADVec": [
        -0.6067, -0.3616, -0.3510, -0.3723, 0.6308, 0.7995, -0.88, -1.7925, -1.8998, -1.7605,
        0.7507, 0.9500, 1.4960, -2.1310, -2.0, 1.4106, -0.7937, -2.0, -0.0232, 2.0215, -0.2372,
        -5.0, -2.22, -1.3965,
    ],
    "windowed Gaussian": [
        -1.2667, -0.1414, -2.0, -1.0, 0.9565, 0.8607, -1.32, 0.6388, -4.1909, -1.0960, 0.8607,
        -3.5219, -0.1384, 2.3794, -2.0, -0.1384, -0.1384, -2.0, -1.11, 2.0215, -4.0, -5.0,
        -2.44, -1.3965,
    ],
    "EXPoSE": [
        -2.0, -2.0, -0.1384, -3.3829, 0.3926, 0.7673, 0.0, -3.6520, -6.9269, -8.0969, -1.0,
        0.0185, -2.0, 0.0390, -2.0, -0.1420, 1.4996, -2.0, -1.9955, 0.7264, -3.1073, -5.0,
        -2.0, -0.4837,
    ],
}  # fmt: skip


def corpus() -> Corpus:
    """Return values and labelled windows of each file, in the order of the label file."""
    base = folder() / "nab"
    labels = json.loads((base / "combined_windows.json").read_text("utf-8"))
    found: Corpus = {}
    for name, windows in labels.items():
        frame = pd.read_csv(base / name)
        stamps = frame["timestamp"].tolist()
        steps = [(stamps.index(first[:19]), stamps.index(last[:19])) for first, last in windows]
        found[name] = (frame["value"].to_numpy(np.float64), steps)
    return found


def windowed_gaussian(values: Array, most: int = 6400, step: int = 100) -> Array:
    """Score values as NAB's detector of that name: 1 − the tail of a Gaussian of the past."""
    n = len(values)
    # While the window fills it ends just before the value; then it moves on in steps.
    end = np.arange(n)
    full = end >= most
    end[full] = most + (end[full] - most) // step * step
    begin = np.maximum(end - most, 0)
    scores = np.zeros(n)
    for t in range(1, n):
        past = values[begin[t] : end[t]]
        scores[t] = 1 - ndtr(-abs(values[t] - past.mean()) / (past.std() or 1e-6))
    return scores


def surprises(values: Array, estimator: Autoencoder, seed: int) -> Array:
    """Return how surprising each value of a stream is, given its past alone; NaN at the beginning.

    A network is fitted to the windows of the probationary period, and again whenever the stream has
    become twice as long, always on all that has been seen, without labels.
    """
    n, now = len(values), nab_probation(len(values))
    found = np.full(n, np.nan)
    while now < n:
        inner = AnomalyDetector(
            estimator=estimator, scores="reconstruction", trim=0, random_state=seed
        )
        detector = SeriesDetector(
            inner, window=WINDOW, stride=4, causal=True, calibration_fraction=0
        ).fit(values[:now])
        if np.isnan(found).all():  # for want of others, those that were learned from
            found[:now] = -detector.score_samples(values[:now])
        until = min(n, GROWTH * now)
        part = detector.score_samples(values[now - WINDOW + 1 : until])
        found[now:until] = -part[WINDOW - 1 :]
        now = until
    return found


def beginnings(surprise: Array) -> Array:
    """Return scores in which an alarm is raised where it begins, and not again at every step.

    A step's surprise is put in nats of the tail of all the surprises before it; what is not the
    largest of a window's length of steps is set to 0.
    """
    n = len(surprise)
    scores = np.zeros(n)
    for start in range(nab_probation(n), n, WINDOW):
        past = surprise[WINDOW - 1 : start]
        scores[start : start + WINDOW] = TailScale.fit(past)(surprise[start : start + WINDOW])
    recent = np.array([scores[max(0, t - WINDOW) : t].max(initial=0.0) for t in range(n)])
    return np.where(scores > recent, scores, 0.0)


def make(name: str, max_epochs: int) -> Autoencoder:
    """Return the network of a row of the table."""
    network = Autoencoder(
        network="dense",
        hidden_layer_sizes=() if name == "linear" else (64, 32),
        latent_dim=4,
        likelihood="gaussian",
        batch_size=32,
        max_epochs=max_epochs,
        early_stopping=False,
    )
    if name == "untrained":
        network.set_params(learning_rate=1e-9, max_epochs=1)
    return network


def table(
    files: Corpus, names: list[str], seeds: list[int], max_epochs: int, random_seeds: int
) -> list[dict[str, Any]]:
    """Return the rows of the table: no alarms, random numbers, a windowed Gaussian, and ours.

    Parameters
    ----------
    files : dict of str to (ndarray, list)
        See `corpus`.
    names : list of str
        Rows of `make`.
    seeds : list of int
        Of the networks.
    max_epochs : int
        Of each fit.
    random_seeds : int
        How many draws of random numbers.
    """
    windows = [labelled for _, labelled in files.values()]
    streams = [values for values, _ in files.values()]

    def row(name: str, score: Callable[[int], list[Array]], seeds: list[int]) -> dict[str, Any]:
        start = time.perf_counter()
        found = []
        for seed in seeds:
            found.append(nab_score(score(seed), windows).score)
            if len(seeds) < 10:
                print(name, seed, round(found[-1], 2), flush=True)
        return {
            "detector": name,
            "score": float(np.mean(found)),
            "± seeds": float(np.std(found)) if len(seeds) > 1 else None,
            "threshold chosen on": "these files",
            "seconds": (time.perf_counter() - start) / len(seeds),
        }

    def noise(seed: int) -> list[Array]:
        rng = np.random.default_rng(seed)
        return [rng.random(len(values)) for values in streams]

    def network(name: str) -> Callable[[int], list[Array]]:
        estimator = make(name, max_epochs)
        return lambda seed: [beginnings(surprises(values, estimator, seed)) for values in streams]

    return [
        row("no alarms", lambda seed: [np.zeros(len(values)) for values in streams], [0]),
        row("random numbers", noise, list(range(random_seeds))),
        row("windowed Gaussian", lambda seed: [windowed_gaussian(v) for v in streams], [0]),
        *(row(f"autoencoder, {name}", network(name), seeds) for name in names),
    ]


def published_rows(files: Corpus) -> list[dict[str, Any]]:
    """Return the published results, restricted to the files that are here."""
    n_windows = sum(len(labelled) for _, labelled in files.values())
    return [
        {
            "detector": f"{name} (published)",
            "score": 100 * (sum(raw) + n_windows) / (2 * n_windows),
            "± seeds": None,
            "threshold chosen on": "58 files",
            "seconds": None,
        }
        for name, raw in PUBLISHED.items()
    ]


def run() -> None:
    began = time.perf_counter()
    files = corpus()
    rows = table(files, NAMES, SEEDS, EPOCHS, RANDOM_SEEDS)
    score = {row["detector"]: row["score"] for row in rows}
    ours = score[f"autoencoder, {NAMES[0]}"]
    spread = next(row["± seeds"] for row in rows if row["detector"] == "random numbers")
    record(
        "nab",
        claim="By NAB's rules the detector that never alarms has 0, and random numbers have on "
        "average what is published for them (11.0), within two standard deviations of the draws; "
        "a streaming autoencoder is above both, and above a windowed Gaussian. It is below the "
        "best published detectors, and the same network untrained stands beside it.",
        rows=[*rows, *published_rows(files)],
        holds=score["no alarms"] == 0
        and abs(score["random numbers"] - RANDOM_PUBLISHED) < 2 * spread
        and ours > max(score["random numbers"], score["windowed Gaussian"]),
        published="standard profile, all 58 files: null 0.0, random 11.0, windowed Gaussian 39.6, "
        "Twitter ADVec 47.1, Numenta HTM 70.1, ARTime 74.9 (numenta/NAB). The rows marked "
        "published are its per-file scores, summed over the 24 files that are here",
        seeds=SEEDS,
        notes=[
            "24 files, 49 labelled windows: realAWSCloudwatch and realKnownCause. The threshold is "
            "the best for all files, as NAB's rules have it. To choose it on 24 files flatters "
            "more than to choose it on 58, so ours and the published rows compare only roughly.",
            f"Random numbers: {RANDOM_SEEDS} draws; the best of all thresholds is not 0 even for "
            "them. One draw is published.",
            f"Ours: windows of {WINDOW} steps, a dense network with a code of 4, fitted to the "
            "probationary period and again at each doubling of the stream, on the past alone and "
            "without labels; the mean surprise of the last quarter of the trailing window, in nats "
            "of the tail of its past; an alarm counts where it begins. One setting for all files. "
            "15 epochs with refits at each 1.5-fold were tried before (33.8, seed 0); of 24 other "
            "memories for tail and beginning, tried once on seed 0, 22 gave 28 to 40, and the two "
            "in which not only the beginning of an alarm counts gave 7 and 13.",
            "The claim first asked for more: above the untrained and the linear network as well; "
            "after a trial it was taken back, and learning adds nothing here.",
            "What lies between the trained and the untrained row is all that learning adds; the "
            "rest is the tail, and that alarms count where they begin.",
            "The scoring rules reproduce NAB's published scores of single files to 12 digits "
            "(tests/evaluation/test_nab.py).",
        ],
        seconds=time.perf_counter() - began,
    )
