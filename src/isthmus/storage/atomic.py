"""Files that are either whole or absent: a temporary name in the same folder, then a rename."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from isthmus.errors import InvalidInputError

__all__ = ["check_place", "check_vacant_folder", "whole_file", "whole_folder"]


def check_place(path: Path) -> None:
    """Refuse a path whose folder is missing or cannot be written to.

    The folder is tried with a real file, since permissions alone do not tell (read-only disks,
    full quotas, an administrator's account).

    Raises
    ------
    InvalidInputError
        In one line, with what to do.
    """
    parent = path.parent
    if not parent.exists():
        raise InvalidInputError(
            f"{path}: the folder {parent} does not exist; create it first, or write elsewhere"
        )
    if not parent.is_dir():
        raise InvalidInputError(f"{path}: {parent} is a file, not a folder; write elsewhere")
    try:
        handle, name = tempfile.mkstemp(prefix=".isthmus-", dir=parent)
        os.close(handle)
        Path(name).unlink()
    except OSError as error:
        raise _refused(path, error) from error


def check_vacant_folder(path: Path) -> None:
    """Refuse a folder that could not be written without mixing with what is there."""
    check_place(path)
    if path.is_dir():
        if any(path.iterdir()):
            raise InvalidInputError(
                f"{path}: the folder is not empty, and old files would mix with new ones; "
                "empty it or name another"
            )
    elif path.exists():
        raise InvalidInputError(f"{path}: a folder is expected, this is a file; name another")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path` to write to, renamed at the end, removed on failure.

    The temporary name ends like the final one, because writers look at the suffix.
    """
    check_place(path)
    if path.is_dir():
        raise InvalidInputError(f"{path}: a file is expected, this is a folder; name another")
    temporary = _temporary(path)
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise _refused(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder beside `path` to fill, renamed at the end, removed on failure."""
    check_vacant_folder(path)
    temporary = _temporary(path)
    try:
        temporary.mkdir()
        yield temporary
        if path.is_dir():
            path.rmdir()
        temporary.replace(path)
    except OSError as error:
        raise _refused(path, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _temporary(path: Path) -> Path:
    """Return a name beside `path` that no other process or thread writes to."""
    return path.with_name(f".{os.getpid()}-{threading.get_ident()}.tmp-{path.name}")


def _refused(path: Path, error: OSError) -> InvalidInputError:
    reason = (error.strerror or str(error)).lower()
    return InvalidInputError(f"{path}: cannot be written ({reason}); choose another place")
