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

HERE = Path(__file__).resolve().parent


def draw_demo(folder: Path) -> None:
    """Write ``demo.png``."""
    from rich.console import Console

    from isthmus.cli.demo_figures import picture
    from isthmus.cli.demo_study import study

    picture(study(console=Console())).savefig(folder / "demo.png", dpi=130)


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
