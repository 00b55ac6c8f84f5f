"""Make the pictures of the documentation again: ``python docs/make_pictures.py``.

Trains the models of ``isthmus demo`` (under two minutes on two cores) and writes
``docs/images/demo.png``.
"""

from pathlib import Path

from rich.console import Console

from isthmus.cli.demo import study
from isthmus.cli.demo_report import picture


def main() -> None:
    """Train and draw."""
    folder = Path(__file__).parent / "images"
    folder.mkdir(exist_ok=True)
    picture(study(console=Console())).savefig(folder / "demo.png", dpi=130)


if __name__ == "__main__":
    main()
