"""Public names are documented: what each of them is, and what each of its arguments means.

The rules hold for the functions and classes of the modules of `isthmus` that have no underscore in
their path: the names in ``__all__``, or those without an underscore where there is no ``__all__``,
that are defined in the module; and for the public methods and properties of such classes.

1. Every one of them has a docstring. A method may leave it to the class that it overrides.
2. A function or method of two or more arguments (``self`` and ``cls`` aside) has a numpydoc section
   "Parameters" that names each of them. ``*args`` and ``**kwargs`` are not asked for, and an
   argument that an overridden method documents need not be documented a second time.
3. The text of a parameter says what the parameter is: it does not begin with "Of ", which leaves
   the reader to guess the noun.

Left out are the verbs of the command line: typer makes their help from the annotations of their
arguments, and their docstrings are what ``isthmus VERB --help`` prints, where a numpydoc section
would be noise.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

import isthmus

VERBS = "isthmus.cli"


@dataclass(frozen=True)
class Documented:
    """A public name, the docstrings that count for it (the nearest first), and its arguments."""

    name: str
    docs: tuple[str, ...]
    arguments: tuple[str, ...]


def modules() -> Iterator[str]:
    yield "isthmus"
    for module in pkgutil.walk_packages(isthmus.__path__, "isthmus."):
        if not any(part.startswith("_") for part in module.name.split(".")):
            yield module.name


def public_names(module: Any) -> list[str]:
    listed = getattr(module, "__all__", None)
    names = listed if listed is not None else [n for n in vars(module) if not n.startswith("_")]
    return [n for n in names if getattr(vars(module).get(n), "__module__", None) == module.__name__]


def arguments_of(function: Any, bound: bool) -> tuple[str, ...]:
    parameters = list(inspect.signature(function).parameters.values())[1 if bound else 0 :]
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return tuple(p.name for p in parameters if p.kind not in variadic)


def own_docstring(thing: Any) -> str:
    function = getattr(thing, "__func__", getattr(thing, "fget", thing))
    return inspect.cleandoc(getattr(function, "__doc__", None) or "")


def members(cls: type) -> Iterator[Documented]:
    """The public methods and properties that a class defines itself."""
    for name, thing in vars(cls).items():
        function = getattr(thing, "__func__", getattr(thing, "fget", thing))
        if name.startswith("_") or not inspect.isfunction(function):
            continue
        if function.__module__ != cls.__module__:  # made by a decorator, or borrowed
            continue
        inherited = [vars(base)[name] for base in cls.__mro__[1:] if name in vars(base)]
        docs = tuple(own_docstring(each) for each in (thing, *inherited))
        bound = not isinstance(thing, staticmethod)
        arguments = () if isinstance(thing, property) else arguments_of(function, bound)
        yield Documented(f"{cls.__module__}.{cls.__qualname__}.{name}", docs, arguments)


def documented(module_name: str) -> Iterator[Documented]:
    module = importlib.import_module(module_name)
    for name in public_names(module):
        thing = getattr(module, name)
        label = f"{module_name}.{name}"
        if inspect.isclass(thing):
            doc = inspect.cleandoc(vars(thing).get("__doc__") or "")
            yield Documented(label, (doc,), ())
            yield from members(thing)
        elif inspect.isfunction(thing) and not module_name.startswith(VERBS):
            yield Documented(label, (own_docstring(thing),), arguments_of(thing, bound=False))


def parameter_texts(doc: str) -> dict[str, str]:
    """Return the parameters of a numpydoc docstring with their texts."""
    section = re.search(r"^Parameters\n-{3,}\n(.*?)(?=^\S[^\n]*\n-{3,}$|\Z)", doc, re.M | re.S)
    found: dict[str, str] = {}
    current: list[str] = []
    for line in section.group(1).splitlines() if section else ():
        if line and not line[0].isspace():
            current = re.split(r",\s*", line.split(" : ")[0].strip())
            found |= {name.lstrip("*"): "" for name in current}
        else:
            found |= {
                name.lstrip("*"): f"{found[name.lstrip('*')]} {line.strip()}".strip()
                for name in current
            }
    return found


PUBLIC = [each for name in modules() for each in documented(name)]
IDS = [each.name for each in PUBLIC]


@pytest.mark.parametrize("public", PUBLIC, ids=IDS)
def test_a_public_name_has_a_docstring(public):
    assert any(public.docs), "write what it is"


@pytest.mark.parametrize(
    "public", [e for e in PUBLIC if len(e.arguments) >= 2], ids=lambda e: e.name
)
def test_the_arguments_are_documented(public):
    named = {name for doc in public.docs for name in parameter_texts(doc)}
    missing = [name for name in public.arguments if name not in named]
    assert missing == [], "name them under Parameters"


def test_no_parameter_text_begins_with_of():
    found = [
        f"{public.name}: {name}"
        for public in PUBLIC
        for name, text in parameter_texts(public.docs[0]).items()
        if text.startswith("Of ")
    ]
    assert found == []
