"""Disentanglement on sprites whose factors are known, and on objects of a real turntable."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.datasets import folder, squared_error
from benchmarks.ledger import record
from isthmus import BetaTCVAE, FactorVAE, VariationalAutoencoder
from isthmus.datasets import make_sprites
from isthmus.evaluation import (
    dci,
    factor_vae_score,
    mutual_information_gap,
)
from isthmus.evaluation.codes import fit_pca
from isthmus.models import BaseAutoencoder, untrained

PLAIN, BETA, TC, FACTOR = "VAE", "β-VAE, β = 4", "β-TCVAE, β = 6", "FactorVAE, γ = 10"
BLANK, PCA, TRUE = "untrained VAE", "PCA codes", "the factors themselves"
MEASURES = ("MIG", "FactorVAE score", "DCI disentanglement", "squared error")

FIELD = 300_000 * 64  # images seen by each network of Locatello et al. 2019

Member = tuple[type[BaseAutoencoder], dict[str, Any]]
MEMBERS: dict[str, Member] = {
    PLAIN: (VariationalAutoencoder, {"beta": 1.0}),
    BETA: (VariationalAutoencoder, {"beta": 4.0}),
    FACTOR: (FactorVAE, {"gamma": 10.0}),
    TC: (BetaTCVAE, {"beta": 6.0}),
}


@dataclass(frozen=True)
class Size:
    """How much is learned from, and for how long: the same for all members."""

    n_images: int = 100_000
    n_judged: int = 5_000
    pixels: int = 32
    hidden_layer_sizes: tuple[int, ...] = (256, 256)
    latent_dim: int = 10
    batch_size: int = 256
    max_epochs: int = 20
    learning_rate: float = 1e-3


@dataclass(frozen=True, eq=False)
class Images:
    """Images to learn from, and images to be judged by with their factors; a row an image."""

    name: str
    train: NDArray[np.uint8]
    judged: NDArray[np.uint8]
    factors: NDArray[np.int64]


def sprites(size: Size, seed: int) -> Images:
    """Return a draw of sprites without replacement, those that judge held out of it."""
    images, factors = make_sprites(
        size.n_images + size.n_judged, size=size.pixels, random_state=seed
    )
    n, images = size.n_images, images.reshape(len(images), -1)
    return Images("sprites", images[:n], images[n:], factors[n:])


def turntable() -> Images:
    """Return COIL-20: 20 objects, 50 views each; too few to hold any out."""
    with np.load(folder() / "coil20" / "coil20_32x32_50views.npz", allow_pickle=False) as file:
        images, objects, views = file["images"], file["obj"], file["view"]
    images = images.reshape(len(images), -1)
    return Images("COIL-20", images, images, np.column_stack([objects, views]).astype(np.int64))


def network(name: str, size: Size, seed: int) -> BaseAutoencoder:
    """Return a member, not yet fitted."""
    member, parameters = MEMBERS[name]
    return member(
        latent_dim=size.latent_dim,
        hidden_layer_sizes=size.hidden_layer_sizes,
        batch_size=size.batch_size,
        max_epochs=size.max_epochs,
        activation="relu",
        learning_rate_schedule="cosine",
        learning_rate=size.learning_rate,
        beta_warmup=0,
        early_stopping=False,
        random_state=seed,
        **parameters,
    )


def judge(codes: Any, data: Images, error: float | None, seed: int) -> dict[str, Any]:
    """Return the measures of codes of the judging images."""
    return {
        "MIG": mutual_information_gap(codes, data.factors),
        "FactorVAE score": factor_vae_score(codes, data.factors, random_state=seed),
        "DCI disentanglement": dci(codes, data.factors, random_state=seed).disentanglement,
        "squared error": error,
    }


def of_model(model: BaseAutoencoder, data: Images, seed: int) -> dict[str, Any]:
    """Return the measures of a fitted model's codes; errors are of pixels from 0 to 1."""
    top = float(data.judged.max())
    error = squared_error(data.judged / top, model.reconstruct(data.judged) / top)
    return judge(model.transform(data.judged), data, error, seed)


def fitted(name: str, data: Images, size: Size, seed: int) -> dict[str, Any]:
    """Fit and measure a member, or read what an earlier run found in DISENTANGLEMENT_STORE."""
    store = os.environ.get("DISENTANGLEMENT_STORE")
    path = None if store is None else Path(store) / f"{data.name}-{name.split(',')[0]}-{seed}.json"
    if path is not None and path.exists():
        kept: dict[str, Any] = json.loads(path.read_text())
        return kept
    found = of_model(network(name, size, seed).fit(data.train), data, seed)
    if path is not None:
        path.write_text(json.dumps(found))
    return found


def one_seed(data: Images, size: Size, seed: int, names: Sequence[str]) -> dict[str, Any]:
    """Return the measures by method of one draw of images, the controls included."""
    found: dict[str, dict[str, Any]] = {}
    for name in names:
        found[name] = fitted(name, data, size, seed)
        print(data.name, name, seed, found[name], flush=True)
    blank = untrained(network(PLAIN, size, seed), data.train)
    found[BLANK] = of_model(blank, data, seed)
    top = float(data.train.max())
    rows = data.judged / top
    pca = fit_pca(data.train[:5_000] / top, size.latent_dim)
    codes = pca.transform(rows)
    found[PCA] = judge(codes, data, squared_error(rows, pca.inverse_transform(codes)), seed)
    found[TRUE] = judge(data.factors, data, None, seed)
    return found


def compare(
    data: Callable[[Size, int], Images],
    size: Size,
    seeds: Sequence[int],
    names: Sequence[str] = tuple(MEMBERS),
) -> dict[str, dict[str, list[Any]]]:
    """Return for each method and measure a list of values, one a seed."""
    runs = [one_seed(data(size, seed), size, seed, names) for seed in seeds]
    return {
        name: {key: [one[name][key] for one in runs] for key in runs[0][name]} for name in runs[0]
    }


def table(found: dict[str, dict[str, list[Any]]], data: str) -> list[dict[str, Any]]:
    """Return a row for each method: means, and the deviations over the seeds."""
    rows = []
    for name, of in found.items():
        row: dict[str, Any] = {"images": data, "codes of": name}
        for key in MEASURES:
            known = [value for value in of[key] if value is not None]
            row[key] = float(np.mean(known)) if known else None
            if key != "squared error":
                row[f"± {key.split()[0]}"] = float(np.std(known))
        rows.append(row)
    return rows


def run() -> None:
    began = time.perf_counter()
    kept = "DISENTANGLEMENT_STORE" in os.environ
    seeds = [1, 2, 3]
    size = Size()
    seen = size.n_images * size.max_epochs
    found = compare(sprites, size, seeds)
    coil = Size(n_images=1000, batch_size=50, max_epochs=300)
    real = compare(lambda _size, _seed: turntable(), coil, seeds)
    mig = {name: np.array(of["MIG"]) for name, of in found.items()}
    vote = {name: np.array(of["FactorVAE score"]) for name, of in found.items()}
    above = {
        name: f"{int((mig[name] > mig[PLAIN]).sum())} and {int((vote[name] > vote[PLAIN]).sum())}"
        for name in (BETA, TC, FACTOR)
    }
    record(
        "disentanglement",
        claim="On sprites whose factors are known, β-VAE, β-TCVAE and FactorVAE have a higher mean "
        "MIG and a higher mean FactorVAE score than a plain VAE of the same size and training.",
        rows=table(found, "sprites") + table(real, "COIL-20"),
        holds=all(
            of[name].mean() > of[PLAIN].mean() for of in (mig, vote) for name in (BETA, TC, FACTOR)
        ),
        published="Locatello et al. 2019 (arXiv:1811.12359) show scores on dSprites in figures, "
        "as distributions over strengths and seeds. β-VAE, median: MIG 0.10, FactorVAE score 0.66 "
        "(as cited by Klindt et al. 2021, arXiv:2007.10930; quoted from memory, not checked). "
        "Their networks are convolutional, see 64 × 64 pixels and learn for 300,000 steps.",
        seeds=seeds,
        notes=[
            f"Sprites: {size.n_images:,} of 737,280, drawn anew for each seed, of {size.pixels} "
            f"by {size.pixels} pixels; {size.n_judged:,} others judge. Two layers of "
            f"{size.hidden_layer_sizes[0]} rectified units each way, {size.latent_dim} codes, "
            f"{size.max_epochs} epochs in batches of {size.batch_size}: {seen:,} images seen by "
            f"each network, {seen / FIELD:.0%} of what the field's see.",
            "± is the deviation over the seeds. Seeds, of three, with a MIG and with a FactorVAE "
            "score above the plain VAE's of the same seed: "
            + "; ".join(f"{name}: {counts}" for name, counts in above.items())
            + ". Three seeds are few.",
            f"PCA, which knows of no disentanglement, has a MIG of {mig[PCA].mean():.3f} and a "
            f"FactorVAE score of {vote[PCA].mean():.3f}, the untrained network "
            f"{mig[BLANK].mean():.3f} and {vote[BLANK].mean():.3f}: a FactorVAE score should be "
            "read beside them.",
            "Strengths: β = 4 is the usual one of a β-VAE; β = 6 and γ = 10 are the defaults here. "
            "None was tuned. A picture of 32 by 32 pixels has a quarter of the pixels of dSprites, "
            "so that each strength is a larger one.",
            "Size and training were chosen by one fit of each on a draw with the seed 10. A first "
            "run of this table with the same claim, on 16 by 16 pixels with convolutions and "
            "300,000 images seen, did not hold: VAE and β-TCVAE had a MIG of 0.02, and PCA was as "
            "good as any.",
            "The factors themselves do not reach a MIG of 1, because orientation and positions "
            "have more values than there are bins.",
            "COIL-20: object and view as factors; 1,000 images, every pair once, which are both "
            f"learned from ({coil.max_epochs} epochs in batches of {coil.batch_size}) and judged. "
            "Objects are classes without an order and views a circle: no code of one number fits "
            "either. Outside of the claim.",
            "Squared error: of an image, in grey levels from 0 to 1. PCA is of 5,000 images.",
            *["Fits were kept from a run that was stopped; seconds are of its last part."] * kept,
        ],
        seconds=time.perf_counter() - began,
    )


if __name__ == "__main__":
    run()
