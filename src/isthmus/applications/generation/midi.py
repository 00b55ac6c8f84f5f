"""Standard MIDI files by hand: the notes of a piece as bytes, and back."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from isthmus.errors import InvalidInputError
from isthmus.storage.atomic import whole_file

__all__ = ["Note", "decode_midi", "encode_midi", "read_bytes", "write_bytes"]

_TICKS = 480  # of the clock, a quarter note
_VELOCITY = 80  # how hard a key is struck: mezzo-forte
_MOST_DELTA = (1 << 28) - 1  # four bytes of seven bits
_DATA_BYTES = {0x80: 2, 0x90: 2, 0xA0: 2, 0xB0: 2, 0xC0: 1, 0xD0: 1, 0xE0: 2}


class Note(NamedTuple):
    """A note.

    Parameters
    ----------
    pitch : int
        MIDI number, 0 to 127; 60 is the middle C, 69 the A of 440 Hz.
    start, end : int
        Steps; it sounds from `start` up to, but not in, `end`.
    """

    pitch: int
    start: int
    end: int


def encode_midi(
    notes: Iterable[Note],
    n_steps: int,
    *,
    steps_per_beat: int = 1,
    tempo: float = 80.0,
    program: int = 19,
) -> bytes:
    """Return a MIDI file of format 0: one track, one channel.

    Parameters
    ----------
    notes : iterable of Note
        The piece.
    n_steps : int
        Its length, rests at the end included.
    steps_per_beat : int, default=1
        1 where a step is a quarter note, 4 where it is a sixteenth.
    tempo : float, default=80.0
        Beats a minute.
    program : int, default=19
        General MIDI instrument, from 0: 0 is a piano, 19 a church organ, 52 a choir.

    Returns
    -------
    bytes

    Examples
    --------
    >>> file = encode_midi([Note(60, 0, 2)], 2)
    >>> file[:4], decode_midi(file)
    (b'MThd', ([Note(pitch=60, start=0, end=2)], 2))
    """
    step = _TICKS // steps_per_beat
    # At one tick notes end (0) before others start (1), so that a key can be struck again.
    events = [(note.start * step, 1, note.pitch) for note in notes]
    events += [(note.end * step, 0, note.pitch) for note in notes]
    track = bytearray(b"\x00\xff\x51\x03" + round(60e6 / tempo).to_bytes(3, "big"))
    track += bytes([0, 0xC0, program])
    now = 0
    for tick, on, pitch in sorted(events):
        track += _variable(tick - now) + bytes([0x90 if on else 0x80, pitch, _VELOCITY])
        now = tick
    track += _variable(n_steps * step - now) + b"\xff\x2f\x00"
    header = struct.pack(">4sIHHH", b"MThd", 6, 0, 1, _TICKS)
    return header + struct.pack(">4sI", b"MTrk", len(track)) + bytes(track)


def decode_midi(data: bytes, *, steps_per_beat: int = 1) -> tuple[list[Note], int]:
    """Read the notes of a MIDI file of format 0 or 1, all tracks and channels together.

    Parameters
    ----------
    data : bytes
        The file.
    steps_per_beat : int, default=1
        Steps a quarter note; starts and ends are rounded to the nearest, and a note is one at
        least.

    Returns
    -------
    notes : list of Note
        By start, then pitch.
    n_steps : int
        Length of the longest track.

    Raises
    ------
    InvalidInputError
        If it is not such a file, or a damaged one.
    """
    try:
        if data[:4] != b"MThd":
            raise ValueError("it does not begin with MThd")
        kind, n_tracks, division = struct.unpack(">HHH", data[8:14])
        if kind > 1 or division & 0x8000 or not division:
            raise ValueError("only formats 0 and 1 with ticks a quarter note can be read")
        place, notes, length = 8 + struct.unpack(">I", data[4:8])[0], [], 0
        while n_tracks:
            name, size = struct.unpack(">4sI", data[place : place + 8])
            chunk = data[place + 8 : place + 8 + size]
            if len(chunk) < size:
                raise ValueError("it ends in the middle of a track")
            place += 8 + size
            if name != b"MTrk":
                continue  # other chunks may stand between tracks
            n_tracks -= 1
            found, end = _track(chunk)
            notes += found
            length = max(length, end)
    except (ValueError, IndexError, struct.error) as error:
        reason = str(error) if type(error) is ValueError else "it ends too early"
        raise InvalidInputError(f"data: not a MIDI file that can be read: {reason}") from None
    scale = steps_per_beat / division
    steps = [(p, round(start * scale), round(end * scale)) for p, start, end in notes]
    rounded = sorted((s, p, max(e, s + 1)) for p, s, e in steps)
    return [Note(p, s, e) for s, p, e in rounded], round(length * scale)


def read_bytes(path: str | Path) -> bytes:
    """Return the content of a file, or say in one line why there is none."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InvalidInputError(f"{path}: cannot be read ({error.strerror}); name a file") from None


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write a file that is whole or absent.

    Parameters
    ----------
    path : str or path
        The file; one that is there is replaced.
    content : bytes
        All of it.
    """
    with whole_file(Path(path)) as temporary:
        temporary.write_bytes(content)


def _variable(number: int) -> bytes:
    """Return a number in groups of seven bits, the highest first; all but the last are marked."""
    if not 0 <= number <= _MOST_DELTA:
        raise InvalidInputError(
            f"notes: expected starts and ends within the piece and not far apart; got {number} "
            "ticks from one to the next"
        )
    groups = [number & 0x7F]
    while number := number >> 7:
        groups.append(number & 0x7F | 0x80)
    return bytes(groups[::-1])


def _track(chunk: bytes) -> tuple[list[tuple[int, int, int]], int]:
    """Return (pitch, start, end) of each note in ticks, and the tick of the track's end."""
    notes: list[tuple[int, int, int]] = []
    sounding: dict[tuple[int, int], list[int]] = {}
    now = 0
    for now, status, values in _events(chunk):
        key = (status & 0x0F, values[0] if values else 0)
        if status & 0xF0 == 0x90 and values[1]:
            sounding.setdefault(key, []).append(now)
        elif status & 0xF0 in (0x80, 0x90) and sounding.get(key):
            notes.append((key[1], sounding[key].pop(0), now))
    for (_, pitch), starts in sounding.items():  # keys that nobody lets go
        notes += [(pitch, start, now) for start in starts]
    return notes, now


def _events(chunk: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Give the tick, the status byte and the data of the messages of a track, the end's too."""
    place = now = status = 0

    def number() -> int:
        nonlocal place
        value = 0
        while True:
            byte = chunk[place]
            place += 1
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value

    while place < len(chunk):
        now += number()
        if chunk[place] >= 0x80:
            status = chunk[place]
            place += 1
        if status in (0xFF, 0xF0, 0xF7):  # meta and system messages: a length, and that many bytes
            kind = chunk[place] if status == 0xFF else 0
            place += status == 0xFF
            size = number()
            place += size
            if kind == 0x2F:
                yield now, 0, b""
                return
            continue
        if status & 0xF0 not in _DATA_BYTES:
            raise ValueError(f"status byte {status:#x} has no meaning in a file")
        size = _DATA_BYTES[status & 0xF0]
        values = chunk[place : place + size]
        if len(values) < size:
            raise ValueError("it ends in the middle of a message")
        place += size
        yield now, status, values
