"""Music as piano rolls: which keys sound at each step of time."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isthmus.applications.generation.midi import (
    Note,
    decode_midi,
    encode_midi,
    read_bytes,
    write_bytes,
)
from isthmus.errors import InvalidInputError, check_count

__all__ = [
    "PIANO",
    "Roll",
    "as_roll",
    "piano_roll",
    "read_chorales",
    "read_midi",
    "roll_notes",
    "roll_windows",
    "same_keys",
    "write_midi",
]

Roll = NDArray[np.uint8]  # 1 where a key sounds: (n_steps, n_keys)

PIANO = (21, 108)  # MIDI numbers of the lowest and the highest of 88 keys
_MOST_STEPS = 1_000_000  # of a piece that is read: a damaged file must not take all memory


def piano_roll(steps: Iterable[Iterable[float]], keys: tuple[int, int] = PIANO) -> Roll:
    """Turn a piece, the pitches that sound at each step, into a roll.

    Parameters
    ----------
    steps : iterable of iterable of numbers
        MIDI numbers; a negative one is a rest.
    keys : tuple of int, default=(21, 108)
        The lowest and the highest of the roll.

    Returns
    -------
    ndarray of uint8, shape (n_steps, n_keys)
        1 where a key sounds, at pitch − lowest.

    Raises
    ------
    InvalidInputError
        If there are no steps, or a pitch is not among the keys.

    Examples
    --------
    >>> piano_roll([[60, 64], [], [62]], keys=(60, 64))
    array([[1, 0, 0, 0, 1],
           [0, 0, 0, 0, 0],
           [0, 0, 1, 0, 0]], dtype=uint8)
    """
    low, high = _check_keys(keys)
    try:
        pitches = [[int(pitch) for pitch in step if pitch >= 0] for step in steps]
    except (TypeError, ValueError):
        raise InvalidInputError(
            "steps: expected the MIDI numbers of each step, such as [[60, 64], [62]]"
        ) from None
    if not pitches:
        raise InvalidInputError("steps: expected at least one step of time; got none")
    roll = np.zeros((len(pitches), high - low + 1), np.uint8)
    for time, step in enumerate(pitches):
        for pitch in step:
            if not low <= pitch <= high:
                raise InvalidInputError(
                    f"steps: expected pitches {low} to {high}; got {pitch} at step {time}; "
                    "give a wider range of keys"
                )
            roll[time, pitch - low] = 1
    return roll


def read_chorales(path: str | Path, keys: tuple[int, int] = PIANO) -> dict[str, list[Roll]]:
    """Read the JSB chorales from JSON: ``{"train": [piece, ...], "valid": ..., "test": ...}``.

    Parameters
    ----------
    path : path-like
        The file, plain or with gzip (``.gz``). A piece is a list of steps, a step a list of MIDI
        numbers.
    keys : tuple of int, default=(21, 108)
        As in `piano_roll`.

    Returns
    -------
    dict of str to list of ndarray (n_steps, n_keys)
        The rolls of each split.

    Raises
    ------
    InvalidInputError
        If the file is not of that form.

    References
    ----------
    .. [1] N. Boulanger-Lewandowski, Y. Bengio and P. Vincent, "Modeling temporal dependencies in
       high-dimensional sequences: application to polyphonic music generation and transcription",
       ICML 2012, arXiv:1206.6392.
    """
    content = read_bytes(path)
    try:
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
        splits = json.loads(content)
        if not isinstance(splits, dict) or not all(isinstance(s, list) for s in splits.values()):
            raise ValueError
    except (OSError, EOFError, ValueError):
        raise InvalidInputError(
            f"{path}: expected JSON with lists of pieces by split, such as "
            '{"train": [[[60, 64], [62]]]}'
        ) from None
    try:
        return {name: [piano_roll(p, keys) for p in pieces] for name, pieces in splits.items()}
    except InvalidInputError as error:
        raise InvalidInputError(f"{path}: {error}") from None


def roll_windows(rolls: Sequence[ArrayLike], length: int = 16, *, step: int | None = None) -> Roll:
    """Cut rolls into windows.

    Parameters
    ----------
    rolls : sequence of ndarray (n_steps, n_keys)
        One shorter than a window gives none.
    length : int, default=16
        Steps of a window.
    step : int, optional
        Steps from one window to the next; `length` if absent, so that none overlap.

    Returns
    -------
    ndarray of uint8, shape (n_windows, length, n_keys)
        What an estimator takes with ``layout="signal"``: each key is a channel.

    Raises
    ------
    InvalidInputError
        If the rolls do not have the same keys, or none is as long as a window.

    Examples
    --------
    >>> roll_windows([np.zeros((40, 88)), np.zeros((10, 88))], 16).shape
    (2, 16, 88)
    """
    check_count("length", length)
    step = length if step is None else step
    check_count("step", step)
    arrays = same_keys(rolls)
    starts = [(roll, s) for roll in arrays for s in range(0, len(roll) - length + 1, step)]
    if not starts:
        raise InvalidInputError(
            f"length: expected at least one roll of {length} steps; got none; use a smaller length"
        )
    return np.stack([roll[start : start + length] for roll, start in starts])


def roll_notes(roll: ArrayLike, keys: tuple[int, int] = PIANO) -> list[Note]:
    """Return the notes of a roll; a key that sounds in steps one after the other is one note.

    Parameters
    ----------
    roll : array-like of shape (n_steps, n_keys)
        0 and 1.
    keys : tuple of int, default=(21, 108)
        The lowest and the highest.

    Returns
    -------
    list of Note
        By start, then pitch.

    Examples
    --------
    >>> roll_notes([[1, 0], [1, 1]], keys=(60, 61))
    [Note(pitch=60, start=0, end=2), Note(pitch=61, start=1, end=2)]
    """
    low, _ = _check_keys(keys, array := as_roll(roll))
    edges = np.diff(array.astype(np.int8), axis=0, prepend=0, append=0)
    # Key by key, so that the n-th start of a key belongs to its n-th end.
    starts, ends = np.argwhere(edges.T > 0), np.argwhere(edges.T < 0)
    notes = [
        Note(low + int(key), int(start), int(end))
        for (key, start), (_, end) in zip(starts, ends, strict=True)
    ]
    return sorted(notes, key=lambda note: (note.start, note.pitch))


def write_midi(
    path: str | Path,
    roll: ArrayLike,
    keys: tuple[int, int] = PIANO,
    *,
    steps_per_beat: int = 1,
    tempo: float = 80.0,
    program: int = 19,
) -> None:
    """Write a roll as a standard MIDI file, which every player reads.

    Parameters
    ----------
    path : path-like
        Usually ending in ``.mid``; the file is whole or absent.
    roll : array-like of shape (n_steps, n_keys)
        0 and 1.
    keys : tuple of int, default=(21, 108)
        The lowest and the highest.
    steps_per_beat : int, default=1
        1 where a step is a quarter note, 4 where it is a sixteenth.
    tempo : float, default=80.0
        Beats a minute.
    program : int, default=19
        General MIDI instrument, from 0: 0 is a piano, 19 a church organ, 52 a choir.

    Raises
    ------
    InvalidInputError
        If the file cannot be written there, or an argument cannot be used.

    References
    ----------
    .. [1] MIDI Manufacturers Association, "Standard MIDI files 1.0", RP-001, 1996, no DOI.
    """
    check_count("steps_per_beat", steps_per_beat)
    if not 4 <= tempo <= 1000:
        raise InvalidInputError(f"tempo: expected 4 to 1000 beats a minute; got {tempo!r}")
    if isinstance(program, bool) or program not in range(128):
        raise InvalidInputError(f"program: expected a whole number from 0 to 127; got {program!r}")
    if steps_per_beat > 32:
        raise InvalidInputError(f"steps_per_beat: expected at most 32; got {steps_per_beat}")
    array = as_roll(roll)
    notes = roll_notes(array, keys)
    style: dict[str, Any] = {"steps_per_beat": int(steps_per_beat), "tempo": float(tempo)}
    write_bytes(path, encode_midi(notes, len(array), program=int(program), **style))


def read_midi(path: str | Path, keys: tuple[int, int] = PIANO, *, steps_per_beat: int = 1) -> Roll:
    """Read a MIDI file, of format 0 or 1, as a roll; all its tracks and channels together.

    What `write_midi` wrote comes back as it was. Drums, dynamics, pedals and changes of tempo are
    not looked at, and notes are rounded to steps.

    Parameters
    ----------
    path : path-like
        The file.
    keys : tuple of int, default=(21, 108)
        The lowest and the highest of the roll.
    steps_per_beat : int, default=1
        Steps a quarter note.

    Returns
    -------
    ndarray of uint8, shape (n_steps, n_keys)

    Raises
    ------
    InvalidInputError
        If it is no such file, nothing is in it, or a pitch is not among the keys.
    """
    check_count("steps_per_beat", steps_per_beat)
    low, high = _check_keys(keys)
    content = read_bytes(path)
    try:
        notes, length = decode_midi(content, steps_per_beat=int(steps_per_beat))
    except InvalidInputError as error:
        raise InvalidInputError(f"{path}: {str(error).removeprefix('data: ')}") from None
    length = max([length, *(note.end for note in notes)])
    if not length:
        raise InvalidInputError(f"{path}: the file has no notes; give one with some")
    if length > _MOST_STEPS:
        raise InvalidInputError(
            f"{path}: the piece has {length} steps, more than {_MOST_STEPS}; the file is damaged, "
            "or needs fewer steps_per_beat"
        )
    roll = np.zeros((length, high - low + 1), np.uint8)
    for note in notes:
        if not low <= note.pitch <= high:
            raise InvalidInputError(
                f"{path}: expected pitches {low} to {high}; got {note.pitch}; give a wider range "
                "of keys"
            )
        roll[note.start : note.end, note.pitch - low] = 1
    return roll


def same_keys(rolls: Sequence[ArrayLike]) -> list[Roll]:
    """Return pieces as rolls, or say that there are none or that their keys differ."""
    arrays = [as_roll(roll) for roll in rolls]
    if len(widths := {roll.shape[1] for roll in arrays}) != 1:
        raise InvalidInputError(
            f"rolls: expected pieces with the same keys; got {sorted(widths) or 'none'}"
        )
    return arrays


def as_roll(roll: ArrayLike) -> Roll:
    """Return a roll as 0 and 1, or say what is wrong with it."""
    array = np.asarray(roll)
    if array.ndim != 2 or not array.size:
        raise InvalidInputError(
            f"roll: expected shape (n_steps, n_keys); got {array.shape}; give one piece"
        )
    if array.dtype.kind not in "biuf" or not np.isin(array, (0, 1)).all():
        raise InvalidInputError(
            "roll: expected 0 and 1; got other values; of probabilities take those above 0.5, or "
            'draw with sample(n, output="draw")'
        )
    return array.astype(np.uint8)


def _check_keys(keys: tuple[int, int], roll: Roll | None = None) -> tuple[int, int]:
    """Return the lowest and the highest key, or say what is wrong with them."""
    try:
        low, high = keys
        fine = 0 <= low <= high <= 127 and int(low) == low and int(high) == high
    except (TypeError, ValueError):
        fine = False
    if not fine:
        raise InvalidInputError(
            f"keys: expected the lowest and the highest MIDI number, such as (21, 108); got {keys}"
        )
    if roll is not None and roll.shape[1] != high - low + 1:
        raise InvalidInputError(
            f"keys: {low} to {high} are {high - low + 1} keys; the roll has {roll.shape[1]}; "
            "give the range that it was made with"
        )
    return int(low), int(high)
