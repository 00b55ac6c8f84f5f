"""How many functions and files of Isthmus a table of 300 × 6 passes through.

    python -m benchmarks.walk

Counted by `sys.setprofile`, in all threads: the distinct code objects that are called while one
call runs and whose file lies in src/isthmus, and the files that they lie in. Lambdas, generators
and functions inside functions are functions of their own. The bodies of modules and of classes are
not counted, nor what a dataclass generates, which has no file. Each call has been made once before,
so that nothing is imported and what is kept for the next time is there.

`isthmus detect` is the whole of it: fit, score, result.csv, report.html. It is counted a second
way, the first time that it runs in a process in which the calls above have been made: then the
bodies of the modules and classes that only the command line and the report import count as well.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import numpy as np

import isthmus
from isthmus import AnomalyDetector, Autoencoder, load
from isthmus.cli import run

PLACE = str(Path(isthmus.__file__).parent)


def count(call: Callable[[], Any], *, bodies: bool = False) -> tuple[int, int]:
    """Return how many functions and files of Isthmus a call passes through.

    Parameters
    ----------
    call : callable
        What is counted.
    bodies : bool
        Whether the bodies of modules and classes count.
    """
    seen: set[CodeType] = set()

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            seen.add(frame.f_code)

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    # A function has local variables that the compiler knows; the body of a module or a class has
    # a namespace instead.
    ours = [
        code
        for code in seen
        if code.co_filename.startswith(PLACE) and (bodies or code.co_flags & inspect.CO_OPTIMIZED)
    ]
    return len(ours), len({code.co_filename for code in ours})


def counts(folder: Path) -> dict[str, tuple[int, int]]:
    """Return functions and files of each call; files are written in `folder`."""
    X = np.random.default_rng(0).normal(size=(300, 6))
    table, saved = folder / "table.csv", folder / "model.safetensors"
    np.savetxt(table, X, delimiter=",", header="a,b,c,d,e,f", comments="")
    autoencoder = Autoencoder(max_epochs=2, random_state=0)
    detector = AnomalyDetector(random_state=0)

    def detect() -> None:
        result, report = folder / "result.csv", folder / "report.html"
        words = ["detect", table, "--score", table, "-o", result, "--report", report]
        code = run([str(word) for word in words])
        assert code == 0, code

    calls: dict[str, Callable[[], Any]] = {
        "Autoencoder.fit": lambda: autoencoder.fit(X),
        "Autoencoder.transform": lambda: autoencoder.transform(X),
        "AnomalyDetector.fit": lambda: detector.fit(X),
        "AnomalyDetector.predict": lambda: detector.predict(X),
        "save": lambda: autoencoder.save(saved),
        "load": lambda: load(saved),
    }
    found = {}
    for name, call in calls.items():
        call()
        found[name] = count(call)
    first = count(detect, bodies=True)
    return {**found, "isthmus detect": count(detect), "isthmus detect, first": first}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            found = counts(Path(folder))
    print(f"{'':24s} functions  files")
    for name, (functions, files) in found.items():
        print(f"{name:24s} {functions:9d} {files:6d}")


if __name__ == "__main__":
    main()
