"""Make the pictures of the documentation again: ``python docs/make_pictures.py [NAME ...]``.

A name is that of a file in ``docs/pictures``, or ``demo``; without one all are made. Each file
there has a function ``draw(folder)`` that trains something small and writes ``NAME.png``. The
picture of the demo trains the models of ``isthmus demo`` (under two minutes on two cores).
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
if str(HERE.parent) not in sys.path:
    sys.path.insert(0, str(HERE.parent))  # where examples/ is: some pictures are of examples


def draw_demo(folder: Path) -> None:
    """Write ``demo.png``."""
    from rich.console import Console

    from examples.digits_report import study

    front_page(study(console=Console(highlight=False))).savefig(folder / "demo.png", dpi=130)


def front_page(results: Any) -> Any:
    """Return one wide figure of what ``examples.digits_report.study`` gives."""
    from matplotlib.figure import Figure

    from examples import digits_report as demo
    from isthmus.plotting import image_rows, sample_grid

    figure = Figure(figsize=(12, 4.45), layout="constrained", facecolor=demo.PAPER)
    grid = figure.add_gridspec(3, 2, width_ratios=(1.5, 1))
    restored, cleaned = demo.reconstructions(results), demo.denoised(results)
    narrow = restored[results.models["undercomplete"].title]
    blocks = {
        f"Compressed to {demo.CODES} numbers": {
            "original": restored["original"],
            "restored": narrow,
        },
        "Cleaned": {"noisy": cleaned["noisy"], "cleaned": cleaned["denoised"]},
    }
    for number, (title, rows) in enumerate(blocks.items()):
        image_rows(rows, title=title, ax=figure.add_subplot(grid[number, 0]), **demo.PIXELS)
    sample_grid(
        demo.samples(results, 20), n_columns=10, title="Digits that nobody wrote",
        ax=figure.add_subplot(grid[2, 0]), **demo.PIXELS,
    )  # fmt: skip
    demo.digit_map(results, title="A map drawn without labels", ax=figure.add_subplot(grid[:, 1]))
    return figure


def load(path: Path) -> Callable[[Path], None]:
    """Return the function ``draw`` of a file."""
    spec = importlib.util.spec_from_file_location(f"pictures_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    draw: Callable[[Path], None] = module.draw
    return draw


def main(names: list[str]) -> None:
    """Draw the pictures of those names, or all."""
    paths = {path.stem: path for path in sorted((HERE / "pictures").glob("*.py"))}
    known = ["demo", *paths]
    if unknown := [name for name in names if name not in known]:
        sys.exit(f"make_pictures: no picture {unknown[0]!r}; there are {', '.join(known)}")
    folder = HERE / "images"
    folder.mkdir(exist_ok=True)
    for name in names or known:
        (draw_demo if name == "demo" else load(paths[name]))(folder)
        print(folder / f"{name}.png")  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
