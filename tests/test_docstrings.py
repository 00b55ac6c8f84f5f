"""Public names are documented: what each of them is, and what each of its arguments means.

The rules hold for the modules of `isthmus` that have no underscore in their path, and there for the
functions and classes that are defined in the module and stand in its ``__all__`` (or have no
underscore, where there is no ``__all__``), with the public methods and properties of the classes.

1. Each has a docstring. A method may leave it to the one that it overrides.
2. A function, method or written-out constructor of two or more arguments (besides ``self`` and
   ``cls``) has a numpydoc section "Parameters" that names each of them; for a constructor it stands
   in the docstring of the class. ``*args`` and ``**kwargs`` are not asked for. An argument that the
   overridden method, or the constructor of a base class, documents is not documented again.
   Constructors that ``dataclass`` makes are left out: estimators refer to `Autoencoder` for what
   they inherit, and results document their fields as attributes.
3. The text of a parameter or attribute says what it is. It does not begin with "Of ", which leaves
   the reader to guess the noun.

Functions of the command line are left out of rule 2: typer makes the help of their arguments from
the annotations, and prints their docstrings, in which a numpydoc section would be noise.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

import isthmus

COMMAND_LINE = "isthmus.cli"
VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class Documented(NamedTuple):
    """A public name, its docstring and those that it may rely on, and its arguments."""

    name: str
    doc: str
    inherited: tuple[str, ...]
    arguments: tuple[str, ...]
    kind: str


def public_modules() -> list[str]:
    found = pkgutil.walk_packages(isthmus.__path__, "isthmus.")
    return ["isthmus"] + [m.name for m in found if "._" not in m.name]


def public_names(module: Any) -> list[str]:
    listed = getattr(module, "__all__", None) or [n for n in vars(module) if n[0] != "_"]
    return [
        n for n in listed if getattr(vars(module).get(n), "__module__", None) == module.__name__
    ]


def function_of(attribute: Any) -> Any:
    """Return what a method, class method, static method or property is made from."""
    return getattr(attribute, "__func__", getattr(attribute, "fget", attribute))


def doc_of(thing: Any) -> str:
    return inspect.cleandoc(getattr(thing, "__doc__", None) or "")


def arguments_of(function: Any, *, bound: bool) -> tuple[str, ...]:
    parameters = list(inspect.signature(function).parameters.values())[bound:]
    return tuple(p.name for p in parameters if p.kind not in VARIADIC)


def of_class(cls: type) -> Iterator[Documented]:
    name, bases = f"{cls.__module__}.{cls.__qualname__}", cls.__mro__[1:]
    own_constructor = "__init__" in vars(cls) and not dataclasses.is_dataclass(cls)
    arguments = arguments_of(cls.__init__, bound=True) if own_constructor else ()
    doc = inspect.cleandoc(vars(cls).get("__doc__") or "")
    yield Documented(name, doc, tuple(doc_of(base) for base in bases), arguments, "class")
    for method, attribute in vars(cls).items():
        function = function_of(attribute)
        if method.startswith("_") or not inspect.isfunction(function):
            continue
        if function.__module__ == cls.__module__:  # neither borrowed nor made by a decorator
            overridden = [vars(base)[method] for base in bases if method in vars(base)]
            inherited = tuple(doc_of(function_of(each)) for each in overridden)
            bound = not isinstance(attribute, staticmethod)
            arguments = arguments_of(function, bound=bound)
            yield Documented(f"{name}.{method}", doc_of(function), inherited, arguments, "method")


def of_module(module: Any) -> list[Documented]:
    found: list[Documented] = []
    for name in public_names(module):
        thing = getattr(module, name)
        if inspect.isclass(thing):
            found.extend(of_class(thing))
        elif inspect.isfunction(thing):
            arguments = arguments_of(thing, bound=False)
            label = f"{module.__name__}.{name}"
            found.append(Documented(label, doc_of(thing), (), arguments, "function"))
    return found


def texts(doc: str, section: str) -> dict[str, str]:
    """Return the entries of a section of a numpydoc docstring, with their texts."""
    body = re.search(rf"^{section}\n-+\n(.*?)(?=^\S[^\n]*\n-+$|\Z)", doc, flags=re.M | re.S)
    found: dict[str, str] = {}
    names: list[str] = []
    for line in body.group(1).splitlines() if body else ():
        if line[:1].strip():
            names = [name.strip(" *") for name in line.partition(" : ")[0].split(",")]
        for name in names:
            found[name] = f"{found.get(name, '')} {line.strip() if line[:1] == ' ' else ''}".strip()
    return found


def is_bare(public: Documented) -> bool:
    """Tell whether there is no docstring; a class needs one of its own."""
    return not public.doc and (public.kind != "method" or not any(public.inherited))


def undocumented(public: Documented) -> list[str]:
    """Return the arguments that nobody documents."""
    if len(public.arguments) < 2 or public.name.startswith(COMMAND_LINE):
        return []
    named = {name for doc in (public.doc, *public.inherited) for name in texts(doc, "Parameters")}
    return [name for name in public.arguments if name not in named]


def without_a_noun(public: Documented) -> list[str]:
    """Return the parameters and attributes whose text begins with "Of "."""
    entries = texts(public.doc, "Parameters") | texts(public.doc, "Attributes")
    return [name for name, text in entries.items() if text.startswith("Of ")]


@pytest.mark.parametrize("name", public_modules())
def test_public_names_are_documented(name):
    found = of_module(importlib.import_module(name))
    bare = [public.name for public in found if is_bare(public)]
    assert bare == [], "these need a docstring"
    gaps = {public.name: undocumented(public) for public in found}
    assert {n: gap for n, gap in gaps.items() if gap} == {}, "name these under Parameters"
    vague = {public.name: without_a_noun(public) for public in found}
    assert {n: v for n, v in vague.items() if v} == {}, "say what these are"


# The rules themselves, on classes that break them -----------------------------------------------


class Base:
    """A base.

    Parameters
    ----------
    size, shape : int
        Of the thing.
    """

    def __init__(self, size: int, shape: int) -> None: ...

    def scale(self, x: float, factor: float) -> None:
        """Scale.

        Parameters
        ----------
        x : float
            What is scaled.

        Returns
        -------
        factor
            Not a parameter.
        """


class Derived(Base):
    """One more.

    Attributes
    ----------
    colour : str
        Of it.
    """

    def __init__(self, size: int, shape: int, colour: str, *more: int) -> None: ...

    def scale(self, x: float, factor: float, **options: int) -> None: ...

    @staticmethod
    def bare(a: int, b: int) -> None: ...

    @property
    def plain(self) -> int: ...


class Bare(Base): ...


def test_the_rules_see_what_is_missing():
    classes = (Base, Derived, Bare)
    found = {p.name.rpartition("test_docstrings.")[2]: p for cls in classes for p in of_class(cls)}
    assert {name: undocumented(public) for name, public in found.items()} == {
        "Base": [],
        "Base.scale": ["factor"],
        "Derived": ["colour"],  # size and shape are the base's
        "Derived.scale": ["factor"],  # x is the overridden method's; options are not asked for
        "Derived.bare": ["a", "b"],
        "Derived.plain": [],
        "Bare": [],
    }
    bare = [name for name, public in found.items() if is_bare(public)]
    assert bare == ["Derived.bare", "Derived.plain", "Bare"]
    vague = {name: without_a_noun(public) for name, public in found.items()}
    assert vague["Base"] == ["size", "shape"]
    assert vague["Derived"] == ["colour"]


def test_the_rules_reach_the_library():
    found = [p for name in public_modules() for p in of_module(importlib.import_module(name))]
    names = {public.name for public in found}
    assert {
        "isthmus.models.autoencoder.Autoencoder",
        "isthmus.models.base.estimator.BaseAutoencoder.transform",
        "isthmus.nn.networks.dense.Dense.forward",
        "isthmus.evaluation.diagnosis.diagnose",
    } <= names
    assert sum(len(public.arguments) >= 2 for public in found) > 400
