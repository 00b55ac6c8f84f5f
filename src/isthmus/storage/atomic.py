"""Files that are either whole or absent: a temporary name in the same folder, then a rename."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import stat
import tempfile
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

    The temporary file is new, under a name that nobody can foresee, which ends like the final one,
    because writers look at the suffix. A link is followed: its target is what is replaced. What
    stands there keeps its permissions, and only a regular file is ever replaced. What writers left
    behind that were killed goes.

    Parameters
    ----------
    path : Path
        The file; it may exist.

    Raises
    ------
    InvalidInputError
        If there is something else than a file, or nothing can be written there.
    """
    path = _target(path)
    check_place(path)
    mode = _mode_of(path)
    _remove_leftovers(path)
    try:
        handle, name = tempfile.mkstemp(_ending(path), _beginning(path), path.parent)
    except OSError as error:
        raise _refused(path, error) from error
    temporary = Path(name)
    try:
        os.close(handle)
        temporary.chmod(mode)
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


def _target(path: Path) -> Path:
    """Return the file that a path stands for, through links."""
    try:
        return path.resolve() if path.is_symlink() else path
    except (OSError, RuntimeError, ValueError) as error:  # a circle of links, or a NUL
        raise InvalidInputError(f"{str(path)!r} is no path to write to ({error})") from error


def _mode_of(path: Path) -> int:
    """Return the permissions that a file gets: those of the one that is replaced."""
    try:
        found = path.stat().st_mode
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"{str(path)!r} is no path to write to ({error})") from error
    if stat.S_ISDIR(found):
        raise InvalidInputError(f"{path}: a file is expected, this is a folder; name another")
    if not stat.S_ISREG(found):
        raise InvalidInputError(
            f"{path}: a file is expected, this is a device or a pipe, which is not replaced; name "
            "another"
        )
    return stat.S_IMODE(found)


def _beginning(path: Path) -> str:
    """Return how temporary names for a path begin: with its digest, and whose they are."""
    digest = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:12]
    return f".isthmus-{digest}-{os.getpid()}-"


def _ending(path: Path) -> str:
    return "".join(path.suffixes[-2:])[-32:]


def _remove_leftovers(path: Path) -> None:
    """Remove the temporary files for a path of processes that are no more."""
    begin = _beginning(path).rpartition(f"{os.getpid()}-")[0]
    for entry in path.parent.glob(f"{begin}*"):
        owner = entry.name.removeprefix(begin).partition("-")[0]
        if owner.isdigit() and not _is_alive(int(owner)):
            with contextlib.suppress(OSError):
                entry.unlink()


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # it is another user's, or no number of a process
        return True
    return True


def _temporary(path: Path) -> Path:
    """Return a name beside `path` for a folder that no other process or thread writes to."""
    return path.with_name(f"{_beginning(path)}{secrets.token_hex(8)}")


def _refused(path: Path, error: OSError) -> InvalidInputError:
    reason = (error.strerror or str(error)).lower()
    return InvalidInputError(f"{path}: cannot be written ({reason}); choose another place")
