"""Progress of long work: a bar on a terminal, plain lines in a log, nothing unless asked."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

__all__ = ["EpochProgress"]

_LOG_SECONDS = 10.0  # between two lines in a log


class EpochProgress:
    """Show the epochs of a fit on standard error.

    Parameters
    ----------
    name : str
        What is being fitted.
    max_epochs : int
        Epochs at most.
    verbose : int
        0 shows nothing; 1 a bar with the loss and the time left on a terminal, or a line every ten
        seconds where standard error is a file or a pipe; 2 a line every epoch.
    """

    def __init__(self, name: str, max_epochs: int, verbose: int) -> None:
        self.name = name
        self.max_epochs = max_epochs
        self.verbose = verbose
        self._bar: RichProgress | None = None
        self._task: TaskID | None = None
        self._shown = time.monotonic()
        self._unshown: str | None = None  # the last line, if it was not written

    def __enter__(self) -> EpochProgress:
        if self.verbose == 1 and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("epoch {task.completed}/{task.total}"),
                TextColumn("{task.fields[loss]}"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task(self.name, total=self.max_epochs, loss="")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        elif self._unshown is not None and error is None:
            self._write(self._unshown)  # a fit that stopped early says where

    def update(self, record: dict[str, float]) -> None:
        """Show the record of an epoch, see `History`."""
        if not self.verbose:
            return
        loss = f"loss {record['loss']:.4g}"
        if "val_loss" in record:
            loss += f", held out {record['val_loss']:.4g}"
        epoch = int(record["epoch"])
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=epoch, loss=loss)
            return
        left = record["seconds"] / epoch * (self.max_epochs - epoch)
        line = (
            f"{self.name}: epoch {epoch}/{self.max_epochs}, {loss}, "
            f"{record['seconds']:.0f} s, at most {left:.0f} s left\n"
        )
        if self.verbose > 1 or time.monotonic() - self._shown >= _LOG_SECONDS:
            self._write(line)
        else:
            self._unshown = line

    def _write(self, line: str) -> None:
        self._shown, self._unshown = time.monotonic(), None
        sys.stderr.write(line)
        sys.stderr.flush()
