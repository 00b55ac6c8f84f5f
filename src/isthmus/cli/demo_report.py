"""The page of the demonstration: its sections, each with its text, tables and figures."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from isthmus.cli.demo_figures import (
    curves,
    denoised,
    digit_map,
    one_of_each,
    reconstructions,
    samples,
)
from isthmus.cli.demo_study import CODES, IMAGE, NOISE, RANGE, gaussian_samples, nearest
from isthmus.evaluation import active_units, pca_reconstruction, squared_error
from isthmus.plotting import Report, image_rows, sample_grid, walk

if TYPE_CHECKING:
    from isthmus.cli.demo_study import Study, Trained

__all__ = ["report"]

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


def report(results: Study, commands: Sequence[str]) -> Report:
    """Put the page together.

    Parameters
    ----------
    results : Study
        What was fitted and measured.
    commands : sequence of str
        Command lines that go on from here, for the end.

    Returns
    -------
    Report
        Not yet written.
    """
    digits = results.digits
    page = Report(
        "Autoencoders on handwritten digits",
        lead=f"{len(results.models)} autoencoders learned from {len(digits.X_train)} pictures of "
        f"8 by 8 pixels, without their labels, and are judged here on {len(digits.X_test)} others.",
        footer=_footer(results),
    )
    _add_measures(page, results)
    _add_learning(page, results)
    _add_reconstructions(page, results)
    _add_noise(page, results)
    _add_map(page, results)
    _add_samples(page, results)
    _add_walk(page, results)
    page.heading("What to try next")
    page.paragraph(
        "On the command line, where `isthmus demo` was run: look into a model, draw digits, "
        "encode held-out ones, clean the noisy ones, score how odd they are, fit a model of your "
        "own. `digits.npy` is what was learned from, `digits-test.npy` what was held out, "
        "`digits-noisy.npy` the same with noise."
    )
    page.code("\n".join(commands))
    return page


def _add_measures(page: Report, results: Study) -> None:
    page.heading("What was trained, and how good it is")
    page.paragraph(
        "Each model stands beside two controls: PCA with as many codes, which is the best a linear "
        "model can do on its training data, and the same network with the random weights that its "
        "training began with. A model that does not beat them has learned nothing useful for that "
        "measure."
    )
    rows: list[list[str]] = []
    bold: list[tuple[int, int]] = []
    for r, trained in enumerate(results.models.values()):
        row = [trained.title]
        measures = (
            (trained.error, min(trained.error.values()), "{:.2f}"),
            (trained.accuracy, max(trained.accuracy.values()), "{:.1%}"),
        )
        for values, best, form in measures:
            for value in values.values():
                if value == best:
                    bold.append((r, len(row)))
                row.append(form.format(value))
        rows.append([*row, f"{trained.estimator.n_iter_}", f"{trained.estimator.fit_seconds_:.1f}"])
    beside = ["trained", "PCA", "untrained"]
    page.table(
        ["model", *beside, *beside, "epochs", "seconds"],
        rows,
        groups=[("", 1), ("squared error", 3), ("linear accuracy", 3), ("fit", 2)],
        caption="Held-out digits. Squared error: summed over the 64 pixels of an image, smaller is "
        "better. Linear accuracy: digits that logistic regression on the codes names correctly. "
        "Bold: best of the three.",
        bold=bold,
    )
    page.bullets([_verdict(trained) for trained in results.models.values()])


def _verdict(trained: Trained) -> str:
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


def _add_learning(page: Report, results: Study) -> None:
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


def _add_reconstructions(page: Report, results: Study) -> None:
    page.heading("Originals and reconstructions")
    page.figure(
        image_rows(reconstructions(results), image_shape=IMAGE, value_range=RANGE),
        alt="Ten held-out digits, and the same digits from the codes of each model and of PCA",
        caption="One held-out picture of each digit, and what each model restores from its code.",
    )


def _add_noise(page: Report, results: Study) -> None:
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
    models = results.models
    table = {
        "noisy pictures as they are": squared_error(test, noisy),
        f"PCA, {CODES} codes": errors[CODES],
        f"PCA, {best} codes, its best": errors[best],
    }
    for name in ("undercomplete", "denoising"):
        table[models[name].title] = squared_error(test, models[name].estimator.reconstruct(noisy))
    smallest = min(table.values())
    page.table(
        ["", "squared error to the clean picture"],
        [[name, f"{value:.2f}"] for name, value in table.items()],
        caption=f"Average of {len(test)} held-out pictures.",
        bold=[(r, 1) for r, value in enumerate(table.values()) if value == smallest],
    )
    chosen = one_of_each(results)
    rows = denoised(results)
    rows[f"PCA, {best} codes"] = pca_reconstruction(train, noisy[chosen], best)
    page.figure(
        image_rows(rows, image_shape=IMAGE, value_range=RANGE),
        alt="Ten digits: clean, with noise, cleaned by the denoising model, cleaned by PCA",
        caption="Clean, noisy, and cleaned in two ways.",
    )


def _add_map(page: Report, results: Study) -> None:
    page.heading("A map of the digits")
    page.paragraph(
        "A variational autoencoder with a code of two numbers, so that the code is a place on a "
        "map. It never saw a label: the colours were added afterwards."
    )
    page.figure(
        digit_map(results),
        alt="Held-out and training digits as points in the plane, coloured by the digit",
        caption=f"All {len(results.digits.X_train) + len(results.digits.X_test)} digits, "
        "learned from or held out. Each name stands where its digit is densest.",
    )


def _add_samples(page: Report, results: Study) -> None:
    page.heading("Digits that nobody wrote")
    train, test = results.digits.X_train, results.digits.X_test
    model = results.models["variational"].estimator
    used = active_units(model.transform(test))
    page.paragraph(
        f"Codes drawn from the prior of the variational model, decoded. It uses {used} of its "
        f"{model.latent_dim_} codes (variance over the pictures above 0.01). The table asks "
        "whether the draws are pictures like those that people wrote, neither copies nor far off: "
        "near to real ones, as near as real held-out ones are."
    )
    page.figure(
        sample_grid(samples(results), image_shape=IMAGE, value_range=RANGE, n_columns=12),
        alt="Forty-eight digits drawn by the variational model",
        caption="Not chosen: the first 48 draws.",
    )
    drawn = {
        "held-out digits": test,
        "drawn by the variational model": samples(results, len(test)),
        f"drawn by a Gaussian on {CODES} codes of PCA": gaussian_samples(results, len(test)),
    }
    page.table(
        ["pictures", "to the nearest training picture", "from a training picture to the nearest"],
        [
            [name, f"{nearest(np.clip(X, *RANGE), train):.2f}",
             f"{nearest(train, np.clip(X, *RANGE)):.2f}"]
            for name, X in drawn.items()
        ],
        caption=f"Squared distance, averaged; {len(test)} pictures of each kind. The first number "
        "is small if the pictures look real, the second if they cover all that is real.",
    )  # fmt: skip


def _add_walk(page: Report, results: Study) -> None:
    page.heading("A walk between two digits")
    start, end = ENDS
    train, test = results.digits.X_train, results.digits.X_test
    model = results.models["variational"].estimator
    first, last = (test[one_of_each(results)[digit]] for digit in ENDS)
    codes = model.transform(np.stack([first, last]))
    # One pair may be luck: the middles of many pairs, by either way.
    order = np.random.default_rng(results.seed).permutation(len(test))
    coded = model.transform(test)
    middles = {
        "decoded": model.inverse_transform((coded + coded[order]) / 2),
        "cross-faded": (test + test[order]) / 2,
    }
    distance = {name: nearest(np.clip(X, *RANGE), train) for name, X in middles.items()}
    page.paragraph(
        f"From the code of a held-out {start} straight to that of a held-out {end}, in twelve "
        "steps, each of them decoded. Below it the control: the same two pictures cross-faded "
        f"pixel by pixel. Half-way between {len(test)} pairs of held-out digits, drawn at random, "
        f"the decoded picture is {distance['decoded']:.2f} away from the nearest training picture "
        f"(squared distance, averaged) and the cross-faded one {distance['cross-faded']:.2f}."
    )
    ends = (f"{start}", f"{end}")
    between = model.inverse_transform(np.linspace(codes[0], codes[1], 12))
    faded = np.linspace(first, last, 12)
    for steps, alt, caption in (
        (between, "decoded steps", "Walk in the codes."),
        (faded, "cross-faded pixels", "Cross-fade of the pixels."),
    ):
        page.figure(
            walk(steps, ends=ends, image_shape=IMAGE, value_range=RANGE),
            alt=f"From a {start} to a {end} in twelve pictures: {alt}",
            caption=caption,
        )


def _footer(results: Study) -> str:
    import sklearn
    import torch

    import isthmus

    return (
        f"Made by `isthmus demo`, seed {results.seed}. Isthmus {isthmus.__version__}, "
        f"torch {torch.__version__}, scikit-learn {sklearn.__version__}, "
        f"Python {platform.python_version()}. "
        "Digits: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits (1998), "
        "as scikit-learn has them."
    )
