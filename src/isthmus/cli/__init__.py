"""The command line: ``isthmus VERB``.

A verb is a thin function that calls the rooms below. What goes wrong becomes one line on standard
error and an exit code here, in one place: 0 done, 1 it failed, 2 the input was wrong, 130
interrupted.
"""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from isthmus.errors import DivergedError, IsthmusError

__all__ = ["main", "run"]

_COMPLETION = "_ISTHMUS_COMPLETE"


def main() -> None:
    """Run the command line and leave with its exit code (the console script ``isthmus``)."""
    sys.exit(run())


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after ``isthmus``; by default those of this process.

    Returns
    -------
    int
        0 done, 1 failed, 2 wrong input, 130 interrupted, 141 the reader of a pipe went away.
    """
    import typer

    # The root of typer's usage errors. Its place differs between versions (click inside or
    # beside typer); the parents of this public name do not.
    usage_error: type[Exception] = typer.BadParameter.__mro__[2]
    try:
        with _warnings_in_one_line():
            code = _dispatch(sys.argv[1:] if arguments is None else list(arguments))
            sys.stdout.flush()
        return code
    except typer.Exit as leave:
        return leave.exit_code
    except (KeyboardInterrupt, typer.Abort) as stop:
        return _fail(f"interrupted{_hint(stop)}", 130)
    except BrokenPipeError:
        # The reader of the pipe has enough (`| head`). Python would complain at exit as well.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + getattr(signal, "SIGPIPE", 13)
    except usage_error as error:
        return _fail(_usage(error), 2)
    except DivergedError as error:
        return _fail(str(error), 1, error)
    except IsthmusError as error:
        return _fail(str(error), 2, error)
    except OSError as error:
        where = f"{error.filename}: " if error.filename is not None else ""
        return _fail(f"{where}{error.strerror or error}", 2, error)
    except MemoryError as error:
        return _fail("out of memory; give fewer or smaller samples", 1, error)
    except Exception as error:
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        hint = "ISTHMUS_DEBUG=1 in the environment shows where"
        return _fail(f"unexpected {what} ({hint})", 1, error)


def _dispatch(arguments: list[str]) -> int:
    from isthmus.cli.app import command

    verbs: Any = command()
    if _COMPLETION in os.environ:
        verbs.main(args=arguments, prog_name="isthmus")
    # Not verbs.main(): it would turn Ctrl-C into Abort and lose how to resume.
    with verbs.make_context("isthmus", arguments) as context:
        verbs.invoke(context)
    return 0


def _usage(error: Any) -> str:
    context = getattr(error, "ctx", None)
    place = context.command_path if context is not None else "isthmus"
    return f"{error.format_message().rstrip('.')} (see {place} --help)"


def _hint(stop: BaseException) -> str:
    hint = str(stop)
    return f"; {hint}" if hint else ""


def _fail(message: str, code: int, error: BaseException | None = None) -> int:
    if error is not None and os.environ.get("ISTHMUS_DEBUG", "") not in ("", "0"):
        raise error
    line = " ".join(message.split("\n"))
    print(f"isthmus: {line}", file=sys.stderr)  # noqa: T201
    return code


@contextmanager
def _warnings_in_one_line() -> Iterator[None]:
    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        line = " ".join(str(message).split())
        print(f"isthmus: warning: {line}", file=sys.stderr)  # noqa: T201

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield
