"""Registries of the classes that a file can hold; each room above adds its own."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeAlias, TypeVar

from isthmus.errors import InvalidInputError, ModelFileError
from isthmus.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["CLASSES", "FORMS", "Contents", "Form", "Stored", "class_of", "form_in", "form_of"]

T = TypeVar("T")

Contents: TypeAlias = "tuple[dict[str, Any], dict[str, Tensor]]"


@dataclass(frozen=True)
class Stored:
    """What a file holds of one object, with what the caller of `load` brings along.

    Parameters
    ----------
    header : mapping
        What JSON holds of it.
    tensors : mapping of str to Tensor
        On the CPU.
    path : path-like
        The file, for messages.
    parts : mapping of str to object
        Parts of the user's own by the name of the parameter, `network` among them.
    estimator : type, optional
        A class of the user's own.
    """

    header: Mapping[str, Any]
    tensors: Mapping[str, Tensor]
    path: str | os.PathLike[str]
    parts: Mapping[str, Any] = field(default_factory=dict)
    estimator: type[Any] | None = None

    def part(self, header: Mapping[str, Any], prefix: str = "") -> Stored:
        """Return what the file holds of an object inside this one.

        Parameters
        ----------
        header : mapping
            The header of that object.
        prefix : str, default=""
            How the names of its tensors begin; it is taken off.
        """
        return replace(self, header=header, tensors=self.below(prefix))

    def below(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors whose names begin with a prefix, by the rest of their names."""
        return {k.removeprefix(prefix): v for k, v in self.tensors.items() if k.startswith(prefix)}

    def damaged(self, what: str) -> ModelFileError:
        """Return the error that says what in the file is not as it was written."""
        return ModelFileError(f"{self.path} is damaged: {what}")


class Form(ABC, Generic[T]):
    """How the objects of a class become a header and tensors, and come back.

    A header has `format`, `class`, `parameters` and `versions` besides what is its own. The form
    also serves the classes that are derived from its own, unless they have one.
    """

    holds: ClassVar[type[Any]]
    # The entry of the header that only files of this form have; "" if there is none.
    section: ClassVar[str]

    @abstractmethod
    def contents(self, thing: T) -> Contents:
        """Return the header and the tensors of a fitted object."""

    @abstractmethod
    def rebuild(self, stored: Stored) -> T:
        """Return the object that `contents` described, its networks on the CPU.

        Raises
        ------
        ModelFileError
            If the parts do not fit together.
        """

    @abstractmethod
    def networks(self, thing: T) -> list[nn.Module]:
        """Return the networks that a device is chosen for."""


# Estimators that may be named in a file, by the name of the class: as the class of an autoencoder,
# or as a parameter of another object.
CLASSES: Registry[type[Any]] = Registry("estimator")
FORMS: Registry[type[Form[Any]]] = Registry("form")


def class_of(name: str, own: type[Any] | None = None) -> type[Any]:
    """Return the class that a file names: one that is registered, or the one handed in.

    Parameters
    ----------
    name : str
        From the file.
    own : type, optional
        A class of the user's own.

    Raises
    ------
    InvalidInputError
        If it is neither.
    """
    if own is not None and own.__name__ == name:
        return own
    if name not in CLASSES:
        known = [*CLASSES] if own is None else [*CLASSES, own.__name__]
        raise InvalidInputError(
            f"estimator: the file holds a {name}, which is none of {', '.join(known)}; if it is a "
            "class of your own, pass it: load(path, estimator=THE_CLASS)"
        )
    return CLASSES[name]


def form_of(thing: Any) -> Form[Any]:
    """Return the form of an object, by the nearest of its classes that has one.

    Raises
    ------
    InvalidInputError
        If it has none.
    """
    forms = {FORMS[name].holds: FORMS[name] for name in FORMS}
    for cls in type(thing).__mro__:
        if cls in forms:
            return forms[cls]()
    raise InvalidInputError(
        f"estimator: a {type(thing).__name__} cannot be saved; expected one of "
        f"{', '.join(cls.__name__ for cls in forms)}"
    )


def form_in(header: Mapping[str, Any]) -> Form[Any]:
    """Return the form that a header was written in, by the entry that only this form has."""
    forms = [FORMS[name] for name in FORMS]
    # Those without an entry of their own come last.
    forms.sort(key=lambda form: form.section == "")
    return next(form for form in forms if form.section in ("", *header))()
