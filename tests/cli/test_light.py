"""The command line starts fast: nothing heavy is imported before it is needed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

HEAVY = ("torch", "sklearn", "pandas", "scipy", "numpy", "matplotlib", "PIL", "pyarrow")
CHECK = f"import sys; print([m for m in {HEAVY!r} if m in sys.modules])"


@pytest.mark.parametrize(
    "statement",
    [
        "import isthmus",
        "import isthmus.cli",
        "import isthmus.cli.app",
        "import isthmus.cli; isthmus.cli.run(['--version'])",
        "import isthmus.cli; isthmus.cli.run(['--help'])",
        "import isthmus.cli; isthmus.cli.run(['fit', '--help'])",
        "import isthmus.cli; isthmus.cli.run(['detect', '--help'])",
        "import isthmus.cli; isthmus.cli.run(['detect', 'x.csv', '--top', '0'])",
        "import isthmus.cli; isthmus.cli.run(['encode'])",
        "import isthmus.cli; isthmus.cli.run(['fit', '--image-size', '3', 'x.csv'])",
    ],
)
def test_nothing_heavy_is_imported(statement):
    done = subprocess.run(
        [sys.executable, "-c", f"{statement}\n{CHECK}"], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_help_is_quick():
    best = min(seconds_of([sys.executable, "-m", "isthmus", "--help"]) for _ in range(3))
    assert 0 <= best < 0.5


def seconds_of(command):
    """Return the processor time, which does not depend on what else the machine does."""
    before = os.times()
    subprocess.run(command, capture_output=True, check=True)
    after = os.times()
    return sum(getattr(after, n) - getattr(before, n) for n in ("children_user", "children_system"))
