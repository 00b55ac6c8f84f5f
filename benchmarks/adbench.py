"""Anomaly detection on the tables of ADBench: our default detector, its peers and its controls."""

from __future__ import annotations

import json
import logging
import os
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.neighbors import LocalOutlierFactor
from sklearn.preprocessing import StandardScaler

from benchmarks.datasets import folder
from benchmarks.ledger import record

SEEDS = (0, 1, 2)
SETTINGS = ("transductive", "inductive")
MOST_ROWS = 10_000  # as ADBench has it
TRAINED = ("PyOD AutoEncoder", "PyOD VAE", "PyOD DeepSVDD", "Isthmus")

# Training rows and rows to score in; a score for each of the second out, higher is odder.
Method = Callable[[NDArray[Any], NDArray[Any], int], NDArray[Any]]


def ours(train: NDArray[Any], new: NDArray[Any], seed: int) -> NDArray[Any]:
    from isthmus import AnomalyDetector

    return -AnomalyDetector(random_state=seed).fit(train).score_samples(new)


def trimmed(train: NDArray[Any], new: NDArray[Any], seed: int) -> NDArray[Any]:
    from isthmus import AnomalyDetector

    return -AnomalyDetector(trim=0.05, random_state=seed).fit(train).score_samples(new)


def untrained(train: NDArray[Any], new: NDArray[Any], seed: int) -> NDArray[Any]:
    from isthmus import AnomalyDetector
    from isthmus.applications.anomaly import untrained_control

    detector = AnomalyDetector(random_state=seed).fit(train)
    return -untrained_control(detector, train).score_samples(new)


def pca(train: NDArray[Any], new: NDArray[Any], seed: int) -> NDArray[Any]:
    model = PCA(0.95, svd_solver="full").fit(train)
    return np.square(new - model.inverse_transform(model.transform(new))).sum(1)


def forest(train: NDArray[Any], new: NDArray[Any], seed: int) -> NDArray[Any]:
    return -IsolationForest(random_state=seed).fit(train).score_samples(new)


def local(train: NDArray[Any], new: NDArray[Any], seed: int) -> NDArray[Any]:
    if new is train:  # the scores of the rows themselves leave each out of its own neighbours
        return -LocalOutlierFactor().fit(train).negative_outlier_factor_
    return -LocalOutlierFactor(novelty=True).fit(train).score_samples(new)


def pyod(name: str) -> Method:
    def method(train: NDArray[Any], new: NDArray[Any], seed: int) -> NDArray[Any]:
        logging.disable(logging.CRITICAL)
        if name == "ECOD":
            from pyod.models.ecod import ECOD

            model = ECOD()
        elif name == "KNN":
            from pyod.models.knn import KNN

            model = KNN()
        elif name == "AutoEncoder":
            from pyod.models.auto_encoder import AutoEncoder

            model = AutoEncoder(random_state=seed, verbose=0)
        elif name == "VAE":
            from pyod.models.vae import VAE

            model = VAE(random_state=seed, verbose=0)
        else:
            from pyod.models.deep_svdd import DeepSVDD

            model = DeepSVDD(n_features=train.shape[1], random_state=seed, verbose=0)
        model.fit(train)
        return model.decision_scores_ if new is train else model.decision_function(new)

    return method


METHODS: dict[str, Method] = {
    "Isthmus": ours,
    "Isthmus trimmed": trimmed,
    "Isthmus untrained": untrained,
    "PCA reconstruction": pca,
    "IsolationForest": forest,
    "LocalOutlierFactor": local,
    "PyOD ECOD": pyod("ECOD"),
    "PyOD KNN": pyod("KNN"),
    "PyOD AutoEncoder": pyod("AutoEncoder"),
    "PyOD VAE": pyod("VAE"),
    "PyOD DeepSVDD": pyod("DeepSVDD"),
}


def tables(place: Path) -> dict[str, tuple[NDArray[Any], NDArray[Any]]]:
    """Read each .npz with X and y of a folder."""
    found = {}
    for path in sorted(place.glob("*.npz"), key=lambda p: p.stat().st_size):
        with np.load(path, allow_pickle=False) as z:
            found[path.stem] = z["X"].astype(np.float64), z["y"].ravel().astype(int)
    return found


def case(
    X: NDArray[Any], y: NDArray[Any], setting: str, seed: int
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return training rows, rows to score and their labels, standardised by the training rows."""
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(X))
    if len(X) > MOST_ROWS:  # as many of each as there were, in proportion; three anomalies at least
        share = MOST_ROWS / len(X)
        odd, usual = rows[y[rows] == 1], rows[y[rows] == 0]
        n_odd = max(round(share * len(odd)), min(3, len(odd)))
        rows = rng.permutation(np.concatenate([odd[:n_odd], usual[: MOST_ROWS - n_odd]]))
    X, y = X[rows], y[rows]
    if setting == "transductive":
        scaled = StandardScaler().fit_transform(X)
        return scaled, scaled, y
    usual = np.flatnonzero(y == 0)
    seen = usual[: len(usual) // 2]
    rest = np.setdiff1d(np.arange(len(y)), seen)
    scaler = StandardScaler().fit(X[seen])
    return scaler.transform(X[seen]), scaler.transform(X[rest]), y[rest]


def measure(
    name: str, X: NDArray[Any], y: NDArray[Any], setting: str, seed: int
) -> dict[str, float]:
    """Return AUROC, average precision and processor seconds of one method on one case."""
    train, new, labels = case(X, y, setting, seed)
    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scores = np.asarray(METHODS[name](train, new, seed), dtype=float)
    seconds = time.process_time() - began
    scores = np.nan_to_num(scores, nan=0.0, posinf=1e30, neginf=-1e30)
    return {
        "auroc": float(roc_auc_score(labels, scores)),
        "ap": float(average_precision_score(labels, scores)),
        "seconds": seconds,
    }


def collect(
    data: dict[str, tuple[NDArray[Any], NDArray[Any]]],
    methods: list[str],
    seeds: tuple[int, ...] = SEEDS,
    store: Path | None = None,
) -> dict[str, dict[str, float]]:
    """Measure all of it; what is in `store` already, from a run that was stopped, is kept."""
    done: dict[str, dict[str, float]] = {}
    if store is not None and store.exists():
        for line in store.read_text().splitlines():
            entry = json.loads(line)
            done[entry.pop("key")] = entry
    for seed in seeds:
        for setting in SETTINGS:
            for name, (X, y) in data.items():
                for method in methods:
                    key = f"{setting}|{name}|{seed}|{method}"
                    if key in done:
                        continue
                    done[key] = measure(method, X, y, setting, seed)
                    print(key, done[key], flush=True)
                    if store is not None:
                        with store.open("a") as file:
                            file.write(json.dumps({"key": key, **done[key]}) + "\n")
    return done


def summarise(
    done: dict[str, dict[str, float]], setting: str, methods: list[str]
) -> list[dict[str, Any]]:
    """Return a row a method: means over sets and seeds, the median over sets, the mean ranks.

    A second form of ours is not ranked: it would stand between ours and the others.
    """
    ranked = [m for m in methods if m != "Isthmus trimmed"]
    cases = sorted({tuple(key.split("|")[1:3]) for key in done if key.startswith(f"{setting}|")})
    names = sorted({name for name, _ in cases})
    found = {m: {c: done[f"{setting}|{c[0]}|{c[1]}|{m}"] for c in cases} for m in methods}
    ranks: dict[str, dict[str, list[float]]] = {k: {m: [] for m in ranked} for k in ("auroc", "ap")}
    for kind, places_of in ranks.items():
        for c in cases:
            # Ties share the mean of their places.
            places = rankdata([-found[m][c][kind] for m in ranked])
            for m, place in zip(ranked, places, strict=True):
                places_of[m].append(float(place))
    rows = []
    for m in methods:
        by_set = {
            measure: [
                float(np.mean([found[m][c][measure] for c in cases if c[0] == name]))
                for name in names
            ]
            for measure in ("auroc", "ap")
        }
        rows.append(
            {
                "setting": setting,
                "method": m,
                "AUROC, mean": float(np.mean(by_set["auroc"])),
                "AUROC, median": float(np.median(by_set["auroc"])),
                "average precision, mean": float(np.mean(by_set["ap"])),
                "average precision, median": float(np.median(by_set["ap"])),
                "mean rank by AUROC": float(np.mean(ranks["auroc"][m])) if m in ranked else None,
                "by average precision": float(np.mean(ranks["ap"][m])) if m in ranked else None,
                "processor seconds": float(sum(found[m][c]["seconds"] for c in cases)),
            }
        )
    return rows


def run(place: Path | None = None) -> None:
    began = time.perf_counter()
    torch.set_num_threads(1)  # processor seconds of one thread compare
    data = tables(folder() / "adbench" if place is None else place)
    methods = list(METHODS)
    store = Path(os.environ["ADBENCH_STORE"]) if "ADBENCH_STORE" in os.environ else None
    done = collect(data, methods, store=store)
    rows = [row for setting in SETTINGS for row in summarise(done, setting, methods)]
    by_auroc = {(r["setting"], r["method"]): r["mean rank by AUROC"] for r in rows}
    ranked = [m for m in methods if by_auroc["inductive", m] is not None]
    seconds = {m: sum(r["processor seconds"] for r in rows if r["method"] == m) for m in methods}
    inductive, transductive = (
        {m: by_auroc[setting, m] for m in ranked} for setting in ("inductive", "transductive")
    )
    best = min(ranked, key=lambda m: inductive[m])
    first = min(TRAINED, key=lambda m: transductive[m])
    ratio = seconds["PyOD AutoEncoder"] / seconds["Isthmus"]
    record(
        "adbench",
        claim="On the tables of ADBench the default detector has the best mean rank by AUROC of "
        "all methods if fitted on normal rows "
        f"({inductive['Isthmus']:.2f}; best is {best}, {inductive[best]:.2f}), the best of the "
        f"trained neural ones if fitted on all rows ({transductive['Isthmus']:.2f}; best is "
        f"{first}), and takes at most a third of the processor time of PyOD's AutoEncoder "
        f"({ratio:.1f} times as fast).",
        rows=rows,
        holds=best == first == "Isthmus" and ratio >= 3,
        published="PyOD "
        + version("pyod")
        + " and scikit-learn, each with its defaults, in the same run",
        seeds=list(SEEDS),
        notes=[
            f"{len(data)} sets; those above 10,000 rows are reduced to as many, in proportion (at "
            "least 3 anomalies). All methods get the same standardised rows.",
            "Transductive: fitted on all rows and scored on the same. Inductive: fitted on half of "
            "the normal rows, scored on all others.",
            "The default detector was designed on these sets (architectures, scores and their "
            "combination, among some forty variants on seeds 0 to 2); it is no blind comparison. "
            "Its last change (the local score, two members in place of three) was chosen on seeds "
            "3 to 5, among several hundred combinations of scores, beside KNN, LocalOutlierFactor, "
            "ECOD, IsolationForest and PCA. Another form was run on seeds 0 to 2 before it (mean "
            "rank 2.4 if fitted on normal rows); it was given up because it found made rows off a "
            "plane less often.",
            "Seconds are of the processor, one thread, fitting and scoring together; those of the "
            "untrained control include the fit of the detector that it is made from. Ours and "
            "PyOD's AutoEncoder were timed in turn, case by case, some hours after the others.",
            "Fitted on all rows the untrained networks rank above the trained ones: there the "
            "distance in code does the work, and training learns the anomalies, too.",
        ],
        # A run that went on from a store counts what was spent before.
        seconds=max(time.perf_counter() - began, sum(seconds.values())),
    )
