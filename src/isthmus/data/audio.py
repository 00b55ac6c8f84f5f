"""Sound as rows of numbers: files, log-mel frames, and windows of frames.

``WAV → samples → short-time spectra → mel bands → decibels → windows of a few frames``

Windows of log-mel frames are what autoencoders that listen to machines are trained on. A recording
has many windows; its score is the mean over them (`Clips.mean`).
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.data.mel import log_mel, mel_filterbank, to_mono, windows
from isthmus.errors import InvalidInputError, check_count, require

__all__ = [
    "AUDIO_SUFFIXES",
    "Clips",
    "log_mel",
    "mel_filterbank",
    "read_audio",
    "read_clips",
    "windows",
]

AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".aiff", ".aif")


@dataclass(frozen=True)
class Clips:
    """Windows of several recordings.

    Parameters
    ----------
    X : ndarray of shape (n, n_frames · n_mels) or (n, n_frames, n_mels), float32
        The windows, in decibels.
    clip : ndarray of shape (n,), int64
        Which recording each is from.
    names : list of str
        The recordings.
    seconds : ndarray of shape (n,), float64
        Where in its recording each window begins.

    Examples
    --------
    >>> clips = Clips(np.zeros((3, 2)), np.array([0, 0, 1]), ["a.wav", "b.wav"], np.zeros(3))
    >>> clips.mean(np.array([1.0, 3.0, 5.0]))
    array([2., 5.])
    """

    X: NDArray[np.float32]
    clip: NDArray[np.int64]
    names: list[str]
    seconds: NDArray[np.float64]

    def mean(self, scores: Any) -> NDArray[np.float64]:
        """Return the mean of the scores (n,) of its windows for each recording, (n_clips,)."""
        values = np.asarray(scores, dtype=np.float64)
        if values.shape != self.clip.shape:
            raise InvalidInputError(
                f"scores: expected one a window, shape {self.clip.shape}; got {values.shape}"
            )
        total = np.bincount(self.clip, weights=values, minlength=len(self.names))
        mean: NDArray[np.float64] = total / np.bincount(self.clip, minlength=len(self.names))
        return mean


def read_audio(path: str | os.PathLike[str]) -> tuple[NDArray[np.float32], int]:
    """Read a sound file: PCM of 8 to 32 bits and float WAV; other formats with soundfile.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    samples : ndarray of shape (n, channels), float32
        Full scale is −1 to 1.
    sample_rate : int
        Samples a second.

    Raises
    ------
    InvalidInputError
        If there is no such file, it is damaged, or there is no sound in it.
    MissingDependencyError
        If it is no WAV file and soundfile is not installed.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from scipy.io import wavfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "tone.wav"
    >>> wavfile.write(path, 8000, np.array([0, 16384, -32768], dtype=np.int16))
    >>> read_audio(path)
    (array([[ 0. ],
           [ 0.5],
           [-1. ]], dtype=float32), 8000)
    """
    path = Path(path)
    if not path.is_file():
        raise InvalidInputError(f"{path}: there is no such file; check the name")
    if path.suffix.lower() == ".wav":
        samples, rate = _read_wav(path)
    else:
        soundfile = require("soundfile", "audio")
        try:
            samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        except RuntimeError as error:
            raise InvalidInputError(f"{path}: not a sound file that can be read") from error
    if not len(samples):
        raise InvalidInputError(f"{path}: there is no sound in this file; leave it out")
    if not np.isfinite(samples).all():
        raise InvalidInputError(f"{path}: has samples that are NaN or infinite; leave it out")
    return samples, int(rate)


def _read_wav(path: Path) -> tuple[NDArray[np.float32], int]:
    from scipy.io import wavfile

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", wavfile.WavFileWarning)  # chunks that are no sound
            rate, raw = wavfile.read(path)
    # What a damaged header comes to, in scipy: it unpacks, divides and reshapes what it finds.
    except (ValueError, EOFError, OSError, TypeError, ArithmeticError, LookupError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise InvalidInputError(
            f"{path}: not a WAV file that can be read ({reason}); write it as 16-bit PCM"
        ) from error
    except Exception as error:  # struct.error is no ValueError; a header may ask for terabytes
        raise InvalidInputError(f"{path}: damaged WAV file; replace it") from error
    raw = raw[:, None] if raw.ndim == 1 else raw
    if raw.dtype.kind == "f":
        return raw.astype(np.float32), rate
    if raw.dtype == np.uint8:  # 8 bits are without a sign
        return (raw.astype(np.float32) - 128) / 128, rate
    # 24 bits come in the upper part of 32.
    full = float(2 ** (8 * raw.dtype.itemsize - 1))
    return (raw / full).astype(np.float32), rate


def read_clips(
    source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    sample_rate: int | None = None,
    n_mels: int = 64,
    frame: float = 0.064,
    overlap: float = 0.5,
    n_frames: int = 5,
    step: int = 1,
    flat: bool = True,
) -> Clips:
    """Read recordings as windows of log-mel frames.

    Parameters
    ----------
    source : path-like or sequence of them
        A folder (its sound files, sorted by name), a file, or several files.
    sample_rate : int, optional
        What all are resampled to; without it they must have the same rate. Pass the rate of the
        training data for new data.
    n_mels, frame, overlap
        See `log_mel`.
    n_frames, step, flat
        See `windows`.

    Returns
    -------
    Clips

    Raises
    ------
    InvalidInputError
        If there is no sound file, one is damaged or too short, the rates differ, or an argument
        cannot be used.
    """
    if sample_rate is not None:
        check_count("sample_rate", sample_rate)
    paths = _paths(source)
    rate, parts = sample_rate, []
    for path in paths:
        samples, own = read_audio(path)
        mono = to_mono(samples)
        rate = own if rate is None else rate
        if own != rate and sample_rate is None:
            raise InvalidInputError(
                f"{path}: has {own} samples a second and {paths[0].name} {rate}; pass sample_rate="
                f"{min(own, rate)} to resample"
            )
        if own != rate:
            mono = _resample(mono, own, rate)
        try:
            frames = log_mel(mono, rate, n_mels=n_mels, frame=frame, overlap=overlap)
            parts.append(windows(frames, n_frames, step=step, flat=flat))
        except InvalidInputError as error:
            raise InvalidInputError(f"{path}: {error}") from None
    assert rate is not None
    counts = [len(part) for part in parts]
    n_fft = round(frame * rate)
    hop = (n_fft - min(round(overlap * n_fft), n_fft - 1)) * step / rate
    return Clips(
        np.concatenate(parts),
        np.repeat(np.arange(len(parts)), counts),
        [path.name for path in paths],
        np.concatenate([np.arange(count) * hop for count in counts]),
    )


def _resample(mono: NDArray[np.float64], own: int, rate: int) -> NDArray[np.float64]:
    from scipy.signal import resample_poly

    common = math.gcd(own, rate)
    resampled: NDArray[np.float64] = resample_poly(mono, rate // common, own // common)
    return resampled


def _paths(source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> list[Path]:
    if not isinstance(source, str | os.PathLike):
        paths = [Path(path) for path in source]
    elif Path(source).is_dir():
        paths = sorted(p for p in Path(source).iterdir() if p.suffix.lower() in AUDIO_SUFFIXES)
    else:
        paths = [Path(source)]
    if not paths:
        raise InvalidInputError(
            f"source: no sound file ({', '.join(AUDIO_SUFFIXES)}) in {source}; name the folder "
            "that holds the recordings"
        )
    return paths
