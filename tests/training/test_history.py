"""The record of a fit, and what is shown of it while it goes on."""

import io
import math

import pytest

from isthmus.errors import InvalidInputError
from isthmus.training import EpochProgress, History

RECORDS = [
    {"epoch": 1, "loss": 3.0, "val_loss": 4.0},
    {"epoch": 2, "loss": 2.0, "val_loss": 3.5, "divergence": 0.5},
    {"epoch": 3, "loss": 1.5, "val_loss": 3.25, "divergence": 0.25},
]


def test_columns_and_names():
    history = History(RECORDS)
    assert history.names == ["epoch", "loss", "val_loss", "divergence"]
    assert history["loss"] == [3.0, 2.0, 1.5]
    assert math.isnan(history["divergence"][0])
    assert history["divergence"][1:] == [0.5, 0.25]
    assert len(history) == 3
    assert "val_loss" in history
    assert "val_los" not in history
    assert repr(history) == "History(3 epochs, loss=1.5, val_loss=3.25)"


def test_an_unknown_column_names_those_there_are():
    with pytest.raises(InvalidInputError, match="epoch, loss, val_loss, divergence; got 'vall'"):
        History(RECORDS)["vall"]


def test_records_are_copies():
    record = dict(RECORDS[0])
    history = History([record])
    history.append(record)
    record["loss"] = 0.0
    assert history["loss"] == [3.0, 3.0]


def test_frame_has_a_row_an_epoch():
    frame = History(RECORDS).to_frame()
    assert list(frame.index) == [1, 2, 3]
    assert frame.index.name == "epoch"
    assert list(frame.columns) == ["loss", "val_loss", "divergence"]
    assert frame["loss"].tolist() == [3.0, 2.0, 1.5]
    assert math.isnan(frame.loc[1, "divergence"])


def test_a_history_of_no_epochs():
    """As an untrained network has it."""
    history = History()
    assert len(history) == 0
    assert history.names == []
    assert repr(history) == "History(0 epochs)"
    assert len(history.to_frame()) == 0


# Progress -----------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self):
        return True


def show(monkeypatch, stream, verbose, records, max_epochs, clock=None):
    monkeypatch.setattr("sys.stderr", stream)
    if clock is not None:
        monkeypatch.setattr("time.monotonic", lambda: clock[0])
    with EpochProgress("Autoencoder", max_epochs, verbose) as progress:
        for record in records:
            progress.update({"seconds": 2.0 * record["epoch"], **record})
            if clock is not None:
                clock[0] += 4.0
    return stream.getvalue()


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_nothing_is_shown_unless_asked(monkeypatch, capfd, stream):
    assert show(monkeypatch, stream(), 0, RECORDS, 3) == ""
    assert capfd.readouterr() == ("", "")


def test_a_log_gets_plain_lines(monkeypatch):
    text = show(monkeypatch, io.StringIO(), 2, RECORDS, 3)
    assert text.splitlines() == [
        "Autoencoder: epoch 1/3, loss 3, held out 4, 2 s, at most 4 s left",
        "Autoencoder: epoch 2/3, loss 2, held out 3.5, 4 s, at most 2 s left",
        "Autoencoder: epoch 3/3, loss 1.5, held out 3.25, 6 s, at most 0 s left",
    ]


def test_a_log_gets_a_line_every_ten_seconds_and_at_the_end(monkeypatch):
    records = [{"epoch": epoch, "loss": 1.0} for epoch in range(1, 9)]
    text = show(monkeypatch, io.StringIO(), 1, records, 8, clock=[100.0])  # four seconds an epoch
    shown = [line.split(",")[0] for line in text.splitlines()]
    assert shown == [f"Autoencoder: epoch {epoch}/8" for epoch in (4, 7, 8)]
    assert "held out" not in text
    assert "\x1b" not in text
    assert "\r" not in text


def test_a_terminal_gets_a_bar_that_goes_away(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    text = show(monkeypatch, Terminal(), 1, RECORDS, 3)
    assert "Autoencoder" in text
    assert "\x1b" in text
    assert "at most" not in text


def test_the_bar_is_put_away_when_the_fit_fails(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    with pytest.raises(RuntimeError), EpochProgress("x", 3, 1) as progress:
        progress.update({**RECORDS[0], "seconds": 1.0})
        raise RuntimeError
    assert stream.getvalue().count("\x1b[?25l") == stream.getvalue().count("\x1b[?25h") > 0
