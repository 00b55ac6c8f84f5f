"""`import isthmus` is light, and its names are loaded when they are first used."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.resources
import statistics
import subprocess
import sys
import time

import pytest

import isthmus

HEAVY = ("torch", "sklearn", "numpy", "pandas", "scipy", "safetensors", "rich", "typer")


def output(done):
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def python(code):
    command = [sys.executable, "-c", code]
    return output(subprocess.run(command, capture_output=True, text=True, check=False))


@pytest.mark.parametrize(
    "statement",
    [
        "import isthmus",
        "import isthmus; dir(isthmus); isthmus.__version__",
        "from isthmus import __version__, errors",
        "import isthmus; hasattr(isthmus, 'no_such_thing')",
    ],
)
def test_nothing_heavy_comes_with_it(statement):
    check = f"import sys; print([m for m in {HEAVY!r} if m in sys.modules])"
    assert python(f"{statement}\n{check}") == "[]"


def test_it_takes_less_than_150_milliseconds():
    commands = {"empty": "pass", "import": "import isthmus"}
    times = {name: [] for name in commands}
    for _ in range(7):  # in turns, so that a busy moment of the machine hits both
        for name, code in commands.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            times[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(values) for name, values in times.items()}
    assert medians["import"] - medians["empty"] < 0.15


def test_a_fit_brings_nothing_optional_of_its_own(forks):
    # scikit-learn itself imports pandas and rich where they are installed.
    optional = ("matplotlib", "polars", "PIL", "yaml", "typer", "isthmus.cli", "isthmus.plotting")
    fit = (
        "import numpy, isthmus; X = numpy.random.rand(20, 3)\n"
        "m = isthmus.Autoencoder(max_epochs=1).fit(X); m.transform(X); m.score(X); repr(m)\n"
    )
    check = f"import sys; print([m for m in {optional!r} if m in sys.modules])"
    assert output(forks.python(fit + check)) == "[]"


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="module 'isthmus' has no attribute 'Autencoder'"):
        isthmus.Autencoder  # noqa: B018
    with pytest.raises(ImportError):
        from isthmus import NoSuchThing  # noqa: F401
    assert not hasattr(isthmus, "torch")


def test_dir_lists_what_there_is_and_all_of_it_can_be_had():
    listed = dir(isthmus)
    assert listed == sorted(listed)
    assert set(isthmus.__all__) <= set(listed)
    for name in isthmus.__all__:
        assert getattr(isthmus, name) is not None
    for room in ("models", "nn", "training", "persistence", "errors", "data"):
        assert room in listed
        assert getattr(isthmus, room).__name__ == f"isthmus.{room}"


def test_all_names_of_all_modules_exist():
    for name in ("models", "nn", "training", "persistence", "errors", "evaluation", "storage"):
        module = importlib.import_module(f"isthmus.{name}")
        missing = [public for public in module.__all__ if not hasattr(module, public)]
        assert missing == []


def test_a_star_import_gives_the_public_names(forks):
    code = "from isthmus import *\nprint(sorted(n for n in dir() if n[0].isupper()))"
    names = output(forks.python(code))
    assert names == str(sorted(n for n in isthmus.__all__ if n[0].isupper()))


def test_the_version_is_that_of_the_installed_package():
    assert importlib.metadata.version("isthmus") == isthmus.__version__


def test_types_are_shipped():
    assert importlib.resources.files("isthmus").joinpath("py.typed").is_file()


def test_importing_takes_no_random_numbers(forks):
    code = """
import random, numpy, torch, sklearn.base, sklearn.callback
def states():
    return (random.getstate(), numpy.random.get_state()[1].tobytes(),
            torch.get_rng_state().numpy().tobytes())
before = states()
import isthmus, isthmus.models
isthmus.VariationalAutoencoder()
print(states() == before)
"""
    assert output(forks.python(code)) == "True"


def test_the_class_is_the_same_wherever_it_comes_from():
    from isthmus.models import Autoencoder
    from isthmus.models.autoencoder import Autoencoder as Deep

    assert isthmus.Autoencoder is Autoencoder is Deep
