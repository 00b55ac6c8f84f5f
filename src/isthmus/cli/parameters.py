"""The list of a model's constructor parameters, made from its signature and docstrings."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass

__all__ = ["Parameter", "describe_parameters"]

_ENTRY = re.compile(r"^(?P<names>\*{0,2}\w+(?:, \w+)*)\s*(?::(?P<kind>.*))?$")


@dataclass(frozen=True)
class Parameter:
    """One constructor parameter, as the documentation has it."""

    name: str
    default: str
    kind: str
    summary: str


def describe_parameters(estimator: type, *also: type) -> list[Parameter]:
    """Describe every constructor parameter: default, kind, first sentence of its text.

    Parameters
    ----------
    estimator : type
        The class.
    *also : type
        Classes whose docstrings are read as well, after those of the class and its parents: a
        parameter that is inherited is often documented elsewhere.

    Examples
    --------
    >>> class Model:
    ...     '''A model.
    ...
    ...     Parameters
    ...     ----------
    ...     size : int, default=3
    ...         How large it is. More text.
    ...     '''
    ...     def __init__(self, *, size: int = 3): ...
    >>> describe_parameters(Model)
    [Parameter(name='size', default='3', kind='int', summary='How large it is.')]
    """
    documented: dict[str, tuple[str, str]] = {}
    for source in (*reversed(also), *reversed(estimator.__mro__)):
        documented |= _documented(source.__doc__ or "")
    described = []
    for name, parameter in inspect.signature(estimator).parameters.items():
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        kind, summary = documented.get(name, (str(parameter.annotation), ""))
        empty = parameter.default is parameter.empty
        default = "required" if empty else repr(parameter.default)
        described.append(Parameter(name, default, _without_default(kind), summary))
    return described


def _documented(docstring: str) -> dict[str, tuple[str, str]]:
    lines = inspect.cleandoc(docstring).splitlines()
    underlines = [i for i, line in enumerate(lines) if re.fullmatch(r"-{3,}", line.strip())]
    starts = [i for i in underlines if lines[i - 1].strip() in ("Parameters", "Other Parameters")]
    found: dict[str, tuple[str, str]] = {}
    for start in starts:
        end = next((i - 1 for i in underlines if i > start), len(lines))
        names: list[str] = []
        for line in lines[start + 1 : end]:
            if line.strip() and not line.startswith(" "):
                entry = _ENTRY.match(line)
                names = entry["names"].split(", ") if entry else []
                kind = (entry["kind"] or "").strip() if entry else ""
                found |= dict.fromkeys(names, (kind, ""))
            elif line.strip():
                for name in names:
                    stated, text = found[name]
                    found[name] = (stated, f"{text} {line.strip()}".strip())
    return {name: (kind, _first_sentence(text)) for name, (kind, text) in found.items()}


def _first_sentence(text: str) -> str:
    plain = text.replace("``", "").replace("`", "")
    return re.split(r"(?<=\.)(?<!al\.)(?<!e\.g\.)(?<!i\.e\.)\s", plain, maxsplit=1)[0]


def _without_default(kind: str) -> str:
    return re.sub(r",?\s*(default\s*[=:]?.*|optional)$", "", kind).strip()
