"""What ``isthmus demo`` does: trains; writes models, data and a report; says what to try next."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.cli.demo_study import N_TEST, one_thread, study
from isthmus.errors import InvalidInputError

if TYPE_CHECKING:
    from isthmus.cli.demo_study import Study

__all__ = ["next_commands", "run"]


def run(folder: Path, seed: int = 0, quick: bool = False) -> None:
    """Train, print a table, and write models, data and a report into `folder`.

    Parameters
    ----------
    folder : path-like
        Made if it does not exist; files of an earlier demonstration in it are replaced.
    seed : int, default 0
        Another seed, other initial weights and another split.
    quick : bool, default False
        Train for two epochs only.

    Raises
    ------
    InvalidInputError
        If `folder` cannot be made or written to.
    MissingDependencyError
        If matplotlib, which draws the report, is not installed.
    """
    from rich.console import Console

    from isthmus.atomic import check_place, whole_file
    from isthmus.cli.demo_report import report
    from isthmus.errors import require

    require("matplotlib", "plot")  # said before the training, not after it
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInputError(
            f"folder: expected a folder, or a name for a new one, got {folder} "
            f"({error.strerror}); name another"
        ) from error
    check_place(folder / "report.html")

    console = Console()
    console.print(
        f"Training on {1797 - N_TEST} handwritten digits, judging on {N_TEST} others.",
        highlight=False,
    )
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
    console.print(_table(results))
    console.print(
        "On held-out digits. Squared error: summed over an image, smaller is better. Linear "
        "accuracy: of logistic regression on the codes. Beside each stand PCA with as many codes "
        "and the same network untrained; [bold]bold[/] is the best of the three.\n",
        highlight=False,
    )
    console.print("Pictures, and what each model is good for:", highlight=False)
    console.print(f"  {folder / 'report.html'}", highlight=False, markup=False, soft_wrap=True)
    console.print("Try next:", highlight=False)
    for line in commands:
        console.print(f"  {line}", highlight=False, markup=False, soft_wrap=True)


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


def _table(results: Study) -> Any:
    """Return the measures as a table for the terminal, 80 columns wide at most."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=0, show_edge=False)
    table.add_column("\nmodel", no_wrap=True)
    for header in ("\ncodes", "squared\nerror", "of\n  PCA", "un-\ntrained", "linear\naccuracy",
                   "of\n  PCA", "un-\ntrained", "\nseconds"):  # fmt: skip
        table.add_column(header, justify="right", no_wrap=True)
    for trained in results.models.values():
        cells = [trained.name, trained.size]
        for values, best, form in (
            (trained.error, min(trained.error.values()), "{:.2f}"),
            (trained.accuracy, max(trained.accuracy.values()), "{:.1%}"),
        ):
            for value in values.values():
                text = form.format(value)
                cells.append(f"[bold]{text}[/]" if value == best else text)
        table.add_row(*cells, f"{trained.estimator.fit_seconds_:.1f}")
    return table
