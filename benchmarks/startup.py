"""How long `import isthmus` and `isthmus --help` take."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np

from benchmarks.ledger import record


def seconds(*arguments: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - start


def run() -> None:
    began = time.perf_counter()
    commands = {
        "empty interpreter": ("-c", "pass"),
        "import isthmus": ("-c", "import isthmus"),
        "isthmus --help": ("-m", "isthmus", "--help"),
    }
    times = np.array([[seconds(*c) for c in commands.values()] for _ in range(21)])
    empty, imported, helped = np.median(times, axis=0)
    over = float(np.median(times[:, 1] - times[:, 0]))
    rows = [
        {"command": name, "median, ms": float(1000 * median), "over empty, ms": float(1000 * more)}
        for name, median, more in zip(
            commands, (empty, imported, helped), (0.0, over, helped - empty), strict=True
        )
    ]
    record(
        "startup",
        claim="`import isthmus` takes at most 150 ms over an empty interpreter, and "
        "`isthmus --help` less than 0.5 s.",
        rows=rows,
        holds=over <= 0.150 and helped < 0.5,
        notes=["21 runs of each, in turn; torch and scikit-learn load when they are first needed."],
        seconds=time.perf_counter() - began,
    )
