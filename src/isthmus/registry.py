"""Parts by name: what a part is made from, and where the parts of a kind are found.

A part is a class that registers itself under a name. What a model is made of is then written as
`Spec(name, options)`, which JSON can hold, and made again from that::

    @LATENTS.register("grid")
    class GridLatent(Latent):
        def __init__(self, n_points=8): ...

    LATENTS.make(Spec("grid", {"n_points": 4}))
"""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Self, TypeVar, cast

from isthmus.errors import InvalidInputError

__all__ = ["Part", "Registry", "Spec"]

T = TypeVar("T")


@dataclass(frozen=True)
class Spec:
    """A part as data: its name, and the arguments that it is made with.

    Parameters
    ----------
    name : str
        Under which the part is registered.
    options : dict
        Keyword arguments of its constructor: what JSON can hold, and other specs.

    Examples
    --------
    >>> Spec.from_json(Spec("topk", {"k": 3}).to_json())
    Spec(name='topk', options={'k': 3})
    """

    name: str
    options: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {"name": self.name, "options": {k: _plain(v) for k, v in self.options.items()}}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Spec:
        """Return the spec that `to_json` described."""
        name, options = value["name"], value["options"]
        if not isinstance(name, str) or not isinstance(options, dict):
            raise TypeError("a part is described by a name and its options")
        return cls(name, {str(key): _restored(entry) for key, entry in options.items()})

    @classmethod
    def of(cls, value: Any) -> Spec:
        """Return the spec that a parameter stands for: a name, a pair (name, options) or a part.

        Raises
        ------
        InvalidInputError
            If it is none of them.
        """
        if isinstance(value, cls):
            return value
        if isinstance(value, str):
            return cls(value)
        if isinstance(value, Part):
            return value.spec
        if (
            isinstance(value, tuple)
            and len(value) == 2
            and isinstance(value[0], str)
            and isinstance(value[1], Mapping)
        ):
            return cls(value[0], dict(value[1]))
        raise InvalidInputError(
            f"expected a name, a pair (name, options) or an object; got {value!r}"
        )

    def but(self, **options: Any) -> Spec:
        """Return the spec with some options changed."""
        return Spec(self.name, {**self.options, **options})


def _plain(value: Any) -> Any:
    if isinstance(value, Part):
        value = value.spec
    if isinstance(value, Spec):
        return {"part": value.to_json()}
    if hasattr(value, "tolist"):  # numbers of numpy and torch
        return value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    return [_plain(entry) for entry in value] if isinstance(value, tuple | list) else value


def _restored(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {"part"}:
            return Spec.from_json(value["part"])
        return {key: _restored(entry) for key, entry in value.items()}
    return [_restored(entry) for entry in value] if isinstance(value, list) else value


# Arguments that are not a choice but come from where a part is put.
_OF_THE_PLACE = ("latent_dim", "feature_shape", "in_shape", "out_shape", "generator")


@functools.cache  # looking at a signature takes as long as making a layer
def _signature(function: Any) -> inspect.Signature:
    return inspect.signature(function)


class Part:
    """Base of whatever registers itself: it remembers the arguments that it was made with."""

    part_name: str = ""
    _arguments: dict[str, Any]

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Remember the arguments; everything else is for `__init__`."""
        self = super().__new__(cls)
        try:
            bound = _signature(cls.__init__).bind_partial(self, *args, **kwargs).arguments
        except TypeError:
            bound = {}  # `__init__` says it better
        given = dict(list(bound.items())[1:])
        for name, parameter in _signature(cls.__init__).parameters.items():
            if parameter.kind is parameter.VAR_KEYWORD:
                given |= given.pop(name, {})
        object.__setattr__(self, "_arguments", given)
        return self

    @property
    def spec(self) -> Spec:
        """The name and the options that make this part again, without what it has learned."""
        options = {k: v for k, v in self._arguments.items() if k not in _OF_THE_PLACE}
        options = {k: v.spec if isinstance(v, Part) else v for k, v in options.items()}
        return Spec(self.part_name or type(self).__qualname__, options)


def _options_of(make: Any) -> Mapping[str, inspect.Parameter]:
    """Return the parameters of a class or a function; a class without a constructor has none."""
    if not isinstance(make, type):
        return _signature(make).parameters
    if all("__init__" not in vars(cls) for cls in _own_bases(make)):
        return {}
    constructor = cast("Any", make).__init__  # the signature of the class is that of `__new__`
    return _signature(constructor).parameters


def _own_bases(cls: type) -> list[type]:
    """Return a class and its bases, without those whose constructors take anything."""
    return [base for base in cls.__mro__ if (base.__module__, base.__name__) not in _OPEN_BASES]


_OPEN_BASES = {("builtins", "object"), ("torch.nn.modules.module", "Module")}


class Registry(Generic[T]):
    """The parts of one kind by name.

    Parameters
    ----------
    kind : str
        What error messages call it, such as "latent".

    Examples
    --------
    >>> shapes = Registry("shape")
    >>> @shapes.register("square")
    ... class Square(Part):
    ...     def __init__(self, side=1):
    ...         self.side = side
    >>> shapes.make(Spec("square", {"side": 2})).spec
    Spec(name='square', options={'side': 2})
    >>> shapes["sqare"]
    Traceback (most recent call last):
    ...
    isthmus.errors.InvalidInputError: shape: there is none called 'sqare'; did you mean 'square'?
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._parts: dict[str, Any] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """Return a decorator that puts a class, or a function, under a name.

        Raises
        ------
        InvalidInputError
            If the name is taken by another one.
        """

        def put(part: T) -> T:
            old = self._parts.get(name)
            where = (getattr(part, "__module__", ""), getattr(part, "__qualname__", ""))
            if old is not None and (old.__module__, old.__qualname__) != where:
                raise InvalidInputError(
                    f"{self.kind}: {name!r} is the name of {old.__qualname__} already; choose "
                    "another one"
                )
            self._parts[name] = part
            if isinstance(part, type) and issubclass(part, Part):
                part.part_name = name
            return part

        return put

    def __getitem__(self, name: str) -> T:
        """Return the part of a name.

        Raises
        ------
        InvalidInputError
            If there is none; the nearest name is given.
        """
        if name in self._parts:
            part: T = self._parts[name]
            return part
        near = difflib.get_close_matches(str(name), self._parts, n=1, cutoff=0.5)
        remedy = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(self._parts)}"
        raise InvalidInputError(f"{self.kind}: there is none called {name!r}; {remedy}")

    def __contains__(self, name: object) -> bool:
        return name in self._parts

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def name_of(self, part: Any) -> str | None:
        """Return the name of a class, or of the class of an object; None if it has none."""
        cls = part if isinstance(part, type) or not isinstance(part, Part) else type(part)
        return next((name for name, entry in self._parts.items() if entry is cls), None)

    def has_option(self, spec: Spec, name: str) -> bool:
        """Return whether the part of a spec has an option.

        Parameters
        ----------
        spec : Spec
            Which part.
        name : str
            The option.
        """
        return name in _options_of(self[spec.name])

    def make(self, spec: Spec, *, place: Mapping[str, Any] | None = None) -> Any:
        """Make the part that a spec describes.

        Parameters
        ----------
        spec : Spec
            Its options are keyword arguments; specs among them are for the class to make.
        place : mapping, optional
            What is known where the part is put (`latent_dim`, `generator`, …): given to those
            that have a parameter of that name.

        Raises
        ------
        InvalidInputError
            If there is no such part, or it has no such option.
        """
        make: Any = self[spec.name]
        known = _options_of(make)
        given = {name: value for name, value in (place or {}).items() if name in known}
        open_ended = any(p.kind is p.VAR_KEYWORD for p in known.values())
        for name in spec.options:
            if name not in known and not open_ended:
                options = [each for each in known if each not in ("self", *_OF_THE_PLACE)]
                near = difflib.get_close_matches(name, options, n=1, cutoff=0.5)
                there = f"it has {', '.join(options)}" if options else "it has none"
                remedy = f"did you mean {near[0]!r}?" if near else there
                raise InvalidInputError(
                    f"{self.kind}: {spec.name!r} has no option {name!r}; {remedy}"
                )
        return make(**{**given, **spec.options})
