"""Autoencoders on handwritten digits, each beside its controls, and a report: ``isthmus demo``.

    python examples/digits_report.py FOLDER [--quick]

Five models learn scikit-learn's digits (1797 pictures of 8 by 8 pixels; nothing is downloaded).
Each is judged on held-out digits beside PCA with as many codes and the same network untrained.
The folder gets the models, the data, and a page with tables and pictures. The full run takes
under 90 seconds, the quick one (two epochs) shows only that everything works.
"""

from __future__ import annotations

import argparse
import platform
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.table import Table
from sklearn import datasets
from sklearn.model_selection import train_test_split
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

import isthmus
from isthmus.evaluation import (
    active_units,
    linear_probe,
    mean_active_codes,
    pca_codes,
    pca_reconstruction,
    squared_error,
)
from isthmus.evaluation.codes import fit_pca
from isthmus.models import untrained
from isthmus.plotting import Report, image_rows, latent_map, learning_curves, sample_grid, walk
from isthmus.storage.atomic import whole_file

PIXELS: dict[str, Any] = {"image_shape": (8, 8), "value_range": (0.0, 1.0)}  # how to draw a row
PAPER = "#fdfdfe"  # the ground of a figure, which the page exchanges for its own, light or dark
N_TEST = 360
CODES = 8
NOISE = 0.3  # standard deviation, where pixels lie between 0 and 1
ENDS = (1, 0)  # the walk goes from one of these to one of those

# What each model is good for, whatever its row in the table says.
PURPOSES = {
    "undercomplete": "A narrow code and nothing else: keeps the most of a picture for its size.",
    "denoising": "Learns to undo damage: give it noisy digits, see the section on noise.",
    "sparse": "Many codes, few of them in use for one digit: each stands for a part of a picture, "
    "and more of them name the digit.",
    "contractive": "Codes that move little when the pixels do: gives up some accuracy of the "
    "picture for a steady code.",
    "variational": "Codes of a known distribution: the one that can draw new digits and walk "
    "between two. Keeping the codes in that shape costs some accuracy of the picture.",
}

Floats = NDArray[np.float32]


# The study: data, models, measures.


@dataclass(frozen=True)
class Digits:
    """Pictures between 0 and 1, flat, and the digits they show."""

    X_train: Floats
    X_test: Floats
    y_train: NDArray[np.int64]
    y_test: NDArray[np.int64]


@dataclass(frozen=True)
class Trained:
    """A fitted model and its measures on held-out digits, beside those of the controls.

    ``error`` (squared error an image) and ``accuracy`` (share classified correctly by a linear
    classifier on the codes) have the keys ``"model"``, ``"pca"`` and ``"untrained"``.
    """

    name: str
    estimator: Any
    n_codes: int  # length of a code
    n_active: int  # of which are in use for one digit, on average: what PCA is given
    error: dict[str, float]
    accuracy: dict[str, float]

    @property
    def size(self) -> str:
        """Number of codes; of a sparse model, how many are in use out of how many."""
        if self.n_active == self.n_codes:
            return f"{self.n_codes}"
        return f"{self.n_active} of {self.n_codes}"

    @property
    def title(self) -> str:
        """Name and size of the code, as the tables have it."""
        return f"{self.name}, {self.size} codes"

    def cells(self) -> list[tuple[str, bool]]:
        """Return the error and then the accuracy of the three, and whether it is their best."""
        measures = (
            (self.error, min(self.error.values()), "{:.2f}"),
            (self.accuracy, max(self.accuracy.values()), "{:.1%}"),
        )
        return [
            (form.format(value), value == best)
            for values, best, form in measures
            for value in values.values()
        ]


@dataclass(frozen=True)
class Study:
    """Everything that the report shows."""

    digits: Digits
    models: dict[str, Trained]
    flat: Any  # the variational model of two codes, for the map
    noisy: Floats  # X_test with noise
    seed: int


def load_digits(seed: int) -> Digits:
    """Split scikit-learn's digits into 1437 to learn from and 360 to judge on."""
    pixels, labels = datasets.load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(
        (pixels / 16).astype(np.float32),
        labels.astype(np.int64),
        test_size=N_TEST,
        stratify=labels,
        random_state=seed,
    )
    return Digits(X_train, X_test, y_train, y_test)


def estimators(seed: int, quick: bool) -> dict[str, Any]:
    """Return the models, not yet fitted, by name."""
    common: dict[str, Any] = {
        "latent_dim": CODES,
        "hidden_layer_sizes": (256, 128),
        "network": "dense",
        "max_epochs": 2 if quick else 150,
        "batch_size": 64,
        "learning_rate_schedule": "cosine",
        "random_state": seed,
    }
    # Pixels are between 0 and 1 but not binary: a Gaussian of learned scale weighs picture against
    # prior by how well pictures can be had, where a Bernoulli likelihood blurs them. The slow
    # start keeps the prior from switching codes off before the decoder has learned to use them.
    generative = common | {
        "likelihood": "gaussian_learned_scale",
        "scaling": None,
        "beta_warmup": 1 if quick else 30,
        "max_epochs": 2 if quick else 300,
    }
    return {
        "undercomplete": isthmus.Autoencoder(**common),
        "denoising": isthmus.DenoisingAutoencoder(
            corruption="gaussian", corruption_level=NOISE, **common
        ),
        "sparse": isthmus.SparseAutoencoder(
            sparsity="topk", k=CODES, **(common | {"latent_dim": 8 * CODES})
        ),
        "contractive": isthmus.ContractiveAutoencoder(**common),
        "variational": isthmus.VariationalAutoencoder(**generative),
        "variational-2d": isthmus.VariationalAutoencoder(**(generative | {"latent_dim": 2})),
    }


def measure(name: str, estimator: Any, digits: Digits) -> Trained:
    """Judge a fitted model on the held-out digits, and its two controls with it."""
    train, test = digits.X_train, digits.X_test
    raw = untrained(estimator, train)
    codes = estimator.transform(train), estimator.transform(test)
    n_codes = codes[0].shape[1]
    # Only a sparse code has zeros that mean something; in others a zero is a coincidence.
    n_active = round(mean_active_codes(codes[0])) if name == "sparse" else n_codes
    n_active = min(max(n_active, 1), train.shape[1])

    def accuracy(encoded: Any) -> float:
        return linear_probe(encoded[0], digits.y_train, encoded[1], digits.y_test)

    return Trained(
        name=name,
        estimator=estimator,
        n_codes=n_codes,
        n_active=n_active,
        error={
            "model": squared_error(test, estimator.reconstruct(test)),
            "pca": squared_error(test, pca_reconstruction(train, test, n_active)),
            "untrained": squared_error(test, raw.reconstruct(test)),
        },
        accuracy={
            "model": accuracy(codes),
            "pca": accuracy(pca_codes(train, test, n_active)),
            "untrained": accuracy((raw.transform(train), raw.transform(test))),
        },
    )


def study(seed: int = 0, quick: bool = False, console: Console | None = None) -> Study:
    """Fit and judge all models, one line of progress each on the console, if there is one."""
    console = console or Console(quiet=True)
    digits = load_digits(seed)
    models: dict[str, Trained] = {}
    for name, estimator in estimators(seed, quick).items():
        with console.status(f"training {name} ..."), one_thread():
            estimator.fit(digits.X_train)
            models[name] = measure(name, estimator, digits)
        console.print(
            f"{name:<15}{estimator.n_iter_:>4} epochs {estimator.fit_seconds_:6.1f} s   "
            f"squared error {models[name].error['model']:.2f}"
        )
    noise = np.random.default_rng(seed).normal(0.0, NOISE, digits.X_test.shape)
    return Study(
        digits=digits,
        flat=models.pop("variational-2d").estimator,
        models=models,
        noisy=np.clip(digits.X_test + noise, 0.0, 1.0).astype(np.float32),
        seed=seed,
    )


def gaussian_samples(results: Study, count: int) -> Any:
    """Draw from the Gaussian that PCA fits: the linear control of a generative model."""
    pca = fit_pca(results.digits.X_train, CODES)
    draws = np.random.default_rng(results.seed).normal(size=(count, CODES))
    return pca.inverse_transform(draws * np.sqrt(pca.explained_variance_))


def nearest(X: Any, others: Any) -> float:
    """Return the squared distance from a row of `X` to the nearest of `others`, averaged."""
    distances, _ = NearestNeighbors(n_neighbors=1).fit(others).kneighbors(X)
    return float(np.square(distances).mean())


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch and linear algebra use one thread each, and set them back afterwards.

    For arrays this small, more threads only wait for each other: on a machine that has other work
    to do, a PCA takes thirty times as long with two.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)


# What the figures show.


def one_of_each(results: Study) -> list[int]:
    """Return the row of the first held-out picture of each digit."""
    labels = results.digits.y_test
    return [int(np.flatnonzero(labels == digit)[0]) for digit in np.unique(labels)]


def reconstructions(results: Study) -> dict[str, Any]:
    """Return one picture of each digit, and what each model and PCA restore of it."""
    test = results.digits.X_test[one_of_each(results)]
    rows: dict[str, Any] = {"original": test}
    for trained in results.models.values():
        rows[trained.title] = trained.estimator.reconstruct(test)
    rows[f"PCA, {CODES} codes"] = pca_reconstruction(results.digits.X_train, test, CODES)
    return rows


def denoised(results: Study) -> dict[str, Any]:
    """Return one picture of each digit: clean, with noise, and cleaned."""
    chosen = one_of_each(results)
    return {
        "original": results.digits.X_test[chosen],
        "noisy": results.noisy[chosen],
        "denoised": results.models["denoising"].estimator.reconstruct(results.noisy[chosen]),
    }


def samples(results: Study, count: int = 48) -> Any:
    """Draw digits from the variational model."""
    return results.models["variational"].estimator.sample(count, random_state=results.seed)


def curves(results: Study) -> Figure:
    """Return the loss of each model over the epochs."""
    columns = 3
    lines = -(-len(results.models) // columns)
    figure = Figure(figsize=(9.4, 2.6 * lines), layout="constrained", facecolor=PAPER)
    for number, trained in enumerate(results.models.values()):
        axes = figure.add_subplot(lines, columns, number + 1)
        learning_curves(trained.estimator.history_, title=trained.name, ax=axes)
        if number % columns:
            axes.set_ylabel("")
        legend = axes.get_legend()
        if legend is not None and number:
            legend.remove()
    return figure


def digit_map(results: Study, **how: Any) -> Figure:
    """Return all digits as points in the plane; `how` goes to `isthmus.plotting.latent_map`."""
    digits = results.digits
    codes = results.flat.transform(np.concatenate([digits.X_train, digits.X_test]))
    return latent_map(codes, np.concatenate([digits.y_train, digits.y_test]), **how)


# The page: its sections, each with its text, tables and figures.


def report(results: Study, commands: list[str]) -> Report:
    """Put the page together, with command lines that go on from here at its end."""
    digits = results.digits
    page = Report(
        "Autoencoders on handwritten digits",
        lead=f"{len(results.models)} autoencoders learned from {len(digits.X_train)} pictures of "
        f"8 by 8 pixels, without their labels, and are judged here on {len(digits.X_test)} others.",
        footer=f"Made by `isthmus demo`, seed {results.seed}. Isthmus {isthmus.__version__}, "
        f"torch {torch.__version__}, scikit-learn {sklearn.__version__}, "
        f"Python {platform.python_version()}. Digits: E. Alpaydin and C. Kaynak, Optical "
        "Recognition of Handwritten Digits (1998), as scikit-learn has them.",
    )
    add_measures(page, results)
    page.heading("How they learned")
    page.paragraph(
        "A tenth of the training pictures is set aside to validate on; the ring marks the epoch "
        "whose weights are kept. Heights cannot be compared between models whose likelihood or "
        "penalty differs."
    )
    page.figure(
        curves(results),
        alt="Training and validation loss of each model over the epochs",
        caption="Loss in nats a picture, on the training pictures and on those set aside.",
    )
    page.heading("Originals and reconstructions")
    page.figure(
        image_rows(reconstructions(results), **PIXELS),
        alt="Ten held-out digits, and the same digits from the codes of each model and of PCA",
        caption="One held-out picture of each digit, and what each model restores from its code.",
    )
    add_noise(page, results)
    page.heading("A map of the digits")
    page.paragraph(
        "A variational autoencoder with a code of two numbers, so that the code is a place on a "
        "map. It never saw a label: the colours were added afterwards."
    )
    page.figure(
        digit_map(results),
        alt="Held-out and training digits as points in the plane, coloured by the digit",
        caption=f"All {len(digits.X_train) + len(digits.X_test)} digits, learned from or held "
        "out. Each name stands where its digit is densest.",
    )
    add_samples(page, results)
    add_walk(page, results)
    page.heading("What to try next")
    page.paragraph(
        "On the command line, where `isthmus demo` was run: look into a model, draw digits, "
        "encode held-out ones, clean the noisy ones, score how unusual they are, fit a model of "
        "your own. `digits.npy` is what was learned from, `digits-test.npy` what was held out, "
        "`digits-noisy.npy` the same with noise."
    )
    page.code("\n".join(commands))
    return page


def add_measures(page: Report, results: Study) -> None:
    """Put every model beside its controls."""
    page.heading("What was trained, and how good it is")
    page.paragraph(
        "Each model stands beside two controls: PCA with as many codes, which is the best a linear "
        "model can do on its training data, and the same network with the random weights that its "
        "training began with. A model that does not beat them has learned nothing useful for that "
        "measure."
    )
    models = list(results.models.values())
    beside = ["trained", "PCA", "untrained"]
    page.table(
        ["model", *beside, *beside, "epochs", "seconds"],
        [
            [one.title, *(text for text, _ in one.cells()), f"{one.estimator.n_iter_}",
             f"{one.estimator.fit_seconds_:.1f}"]
            for one in models
        ],
        groups=[("", 1), ("squared error", 3), ("linear accuracy", 3), ("fit", 2)],
        caption="Held-out digits. Squared error: summed over the 64 pixels of an image, smaller is "
        "better. Linear accuracy: digits that logistic regression on the codes names correctly. "
        "Bold: best of the three.",
        bold=[
            (row, 1 + column)
            for row, one in enumerate(models)
            for column, (_, best) in enumerate(one.cells())
            if best
        ],
    )  # fmt: skip
    page.bullets([verdict(trained) for trained in models])


def verdict(trained: Trained) -> str:
    """Say what a model is for, and how it does beside PCA, in its own numbers."""
    ratio = trained.error["model"] / trained.error["pca"]
    beside = f"{abs(1 - ratio):.0%} {'less' if ratio < 1 else 'more'} squared error than PCA"
    points = 100 * (trained.accuracy["model"] - trained.accuracy["pca"])
    names = f"{abs(points):.1f} points {'more' if points > 0 else 'less'} linear accuracy"
    size = ""
    if trained.n_active != trained.n_codes:
        size = (
            f" PCA has {trained.n_active} codes here, as many as the model has in use for one "
            f"digit on average; the classifier of the model sees all {trained.n_codes}."
        )
    return f"**{trained.name}**: {PURPOSES[trained.name]} Here {beside}, {names}.{size}"


def add_noise(page: Report, results: Study) -> None:
    """Compare what models and PCA make of noisy pictures."""
    train, test, noisy = results.digits.X_train, results.digits.X_test, results.noisy
    page.heading("Noise, removed")
    page.paragraph(
        f"The held-out pictures with Gaussian noise of standard deviation {NOISE}, cut off at "
        "black and white. The denoising model has seen such noise in its training, never these "
        "pictures. PCA of every size from 1 to 64 was tried, and the best one on these very "
        "pictures is shown, which favours it."
    )
    sizes = range(1, min(train.shape) + 1)
    errors = {k: squared_error(test, pca_reconstruction(train, noisy, k)) for k in sizes}
    best = min(errors, key=lambda k: errors[k])
    table = {
        "noisy pictures as they are": squared_error(test, noisy),
        f"PCA, {CODES} codes": errors[CODES],
        f"PCA, {best} codes, its best": errors[best],
    }
    for model in (results.models[name] for name in ("undercomplete", "denoising")):
        table[model.title] = squared_error(test, model.estimator.reconstruct(noisy))
    smallest = min(table.values())
    page.table(
        ["", "squared error to the clean picture"],
        [[name, f"{value:.2f}"] for name, value in table.items()],
        caption=f"Average of {len(test)} held-out pictures.",
        bold=[(r, 1) for r, value in enumerate(table.values()) if value == smallest],
    )
    rows = denoised(results)
    rows[f"PCA, {best} codes"] = pca_reconstruction(train, rows["noisy"], best)
    page.figure(
        image_rows(rows, **PIXELS),
        alt="Ten digits: clean, with noise, cleaned by the denoising model, cleaned by PCA",
        caption="Clean, noisy, and cleaned in two ways.",
    )


def add_samples(page: Report, results: Study) -> None:
    """Show draws from the prior, and measure how near to real digits they are."""
    train, test = results.digits.X_train, results.digits.X_test
    model = results.models["variational"].estimator
    used = active_units(model.transform(test))
    page.heading("Digits that nobody wrote")
    page.paragraph(
        f"Codes drawn from the prior of the variational model, decoded. It uses {used} of its "
        f"{model.latent_dim_} codes (variance over the pictures above 0.01). The table asks "
        "whether the draws are pictures like those that people wrote, neither copies nor far off: "
        "near to real ones, as near as real held-out ones are."
    )
    page.figure(
        sample_grid(samples(results), n_columns=12, **PIXELS),
        alt="Forty-eight digits drawn by the variational model",
        caption="Not chosen: the first 48 draws.",
    )
    drawn = {
        "held-out digits": test,
        "drawn by the variational model": samples(results, len(test)),
        f"drawn by a Gaussian on {CODES} codes of PCA": gaussian_samples(results, len(test)),
    }
    clipped = {name: np.clip(X, 0.0, 1.0) for name, X in drawn.items()}
    page.table(
        ["pictures", "to the nearest training picture", "from a training picture to the nearest"],
        [[name, f"{nearest(X, train):.2f}", f"{nearest(train, X):.2f}"]
         for name, X in clipped.items()],
        caption=f"Squared distance, averaged; {len(test)} pictures of each kind. The first number "
        "is small if the pictures look real, the second if they cover all that is real.",
    )  # fmt: skip


def add_walk(page: Report, results: Study) -> None:
    """Walk between two digits by their codes, beside a cross-fade of their pixels."""
    start, end = ENDS
    train, test = results.digits.X_train, results.digits.X_test
    model = results.models["variational"].estimator
    first, last = (test[one_of_each(results)[digit]] for digit in ENDS)
    # One pair may be luck: the middles of many pairs, by either way.
    order = np.random.default_rng(results.seed).permutation(len(test))
    coded = model.transform(test)
    decoded = nearest(np.clip(model.inverse_transform((coded + coded[order]) / 2), 0.0, 1.0), train)
    faded = nearest((test + test[order]) / 2, train)
    page.heading("A walk between two digits")
    page.paragraph(
        f"From the code of a held-out {start} straight to that of a held-out {end}, in twelve "
        "steps, each of them decoded. Below it the control: the same two pictures cross-faded "
        f"pixel by pixel. Half-way between {len(test)} pairs of held-out digits, drawn at random, "
        f"the decoded picture is {decoded:.2f} away from the nearest training picture "
        f"(squared distance, averaged) and the cross-faded one {faded:.2f}."
    )
    codes = model.transform(np.stack([first, last]))
    for steps, alt, caption in (
        (
            model.inverse_transform(np.linspace(codes[0], codes[1], 12)),
            "decoded steps",
            "Walk in the codes.",
        ),
        (np.linspace(first, last, 12), "cross-faded pixels", "Cross-fade of the pixels."),
    ):
        page.figure(
            walk(steps, ends=(f"{start}", f"{end}"), **PIXELS),
            alt=f"From a {start} to a {end} in twelve pictures: {alt}",
            caption=caption,
        )


# The run: files, and what is said on the terminal.


def main(folder: Path, seed: int = 0, quick: bool = False) -> None:
    """Train, print a table, and write models, data and a report into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    console = Console(highlight=False)
    console.print(f"Training on {1797 - N_TEST} handwritten digits, judging on {N_TEST} others.")
    results = study(seed, quick, console)
    for name, trained in results.models.items():
        trained.estimator.save(folder / f"{name}.safetensors")
    results.flat.save(folder / "variational-2d.safetensors")
    for name, array in (
        ("digits.npy", results.digits.X_train),
        ("digits-test.npy", results.digits.X_test),
        ("digits-noisy.npy", results.noisy),
    ):
        with whole_file(folder / name) as draft, draft.open("wb") as stream:
            np.save(stream, array, allow_pickle=False)
    commands = next_commands(folder)
    with one_thread():
        page = report(results, commands)
    page.write(folder / "report.html")
    console.print()
    console.print(terminal_table(results))
    console.print(
        "On held-out digits. Squared error: summed over an image, smaller is better. Linear "
        "accuracy: of logistic regression on the codes. Beside each stand PCA with as many codes "
        "and the same network untrained; [bold]bold[/] is the best of the three.\n"
    )
    console.print("Pictures, and what each model is good for:")
    console.print(f"  {folder / 'report.html'}", markup=False, soft_wrap=True)
    console.print("Try next:")
    for line in commands:
        console.print(f"  {line}", markup=False, soft_wrap=True)


def next_commands(folder: Path) -> list[str]:
    """Return command lines that go on from the files of the demonstration."""

    def name(file: str) -> str:
        return shlex.quote(str(folder / file))

    return [
        f"isthmus info {name('variational.safetensors')}",
        f"isthmus sample {name('variational.safetensors')} -n 16 -o {name('samples.csv')}",
        f"isthmus encode {name('undercomplete.safetensors')} {name('digits-test.npy')} "
        f"-o {name('codes.csv')}",
        f"isthmus reconstruct {name('denoising.safetensors')} {name('digits-noisy.npy')} "
        f"-o {name('denoised.npy')}",
        f"isthmus score {name('undercomplete.safetensors')} {name('digits-noisy.npy')} "
        f"-o {name('scores.csv')}",
        f"isthmus fit {name('digits.npy')} --model sparse --set max_epochs=20 "
        f"-o {name('mine.safetensors')}",
    ]


def terminal_table(results: Study) -> Table:
    """Return the measures as a table for the terminal, 80 columns wide at most."""
    table = Table(box=box.SIMPLE_HEAD, padding=0, show_edge=False)
    table.add_column("\nmodel", no_wrap=True)
    for header in ("\ncodes", "squared\nerror", "of\n  PCA", "un-\ntrained", "linear\naccuracy",
                   "of\n  PCA", "un-\ntrained", "\nseconds"):  # fmt: skip
        table.add_column(header, justify="right", no_wrap=True)
    for trained in results.models.values():
        measures = [f"[bold]{text}[/]" if best else text for text, best in trained.cells()]
        seconds = f"{trained.estimator.fit_seconds_:.1f}"
        table.add_row(trained.name, trained.size, *measures, seconds)
    return table


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Autoencoders on handwritten digits.")
    parser.add_argument("folder", type=Path, help="where to write")
    parser.add_argument("--quick", action="store_true", help="two epochs only")
    parser.add_argument("--seed", type=int, default=0)
    main(**vars(parser.parse_args()))
