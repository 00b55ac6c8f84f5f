"""Log-mel frames: the power of sound in bands that are spaced as hearing spaces them.

``samples → short-time spectra → mel bands → decibels → windows of a few frames``
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.errors import InvalidInputError, check_count

__all__ = ["log_mel", "mel_filterbank", "to_mono", "windows"]

_UNLIMITED = 1e12  # samples a second, or seconds: not meant
_QUIETEST = 1e-10  # of a square of full scale: −100 dB, below the noise of 16 bits


def mel_filterbank(
    n_mels: int, n_fft: int, sample_rate: float, *, low: float = 0.0, high: float | None = None
) -> NDArray[np.float64]:
    """Return triangular filters that are evenly spaced in mel, mel = 2595 log₁₀(1 + f / 700).

    Each rises from 0 at the centre of the one before to 1 at its own and falls to 0 at the next, so
    that between the first and the last centre they sum to 1 at every frequency.

    Parameters
    ----------
    n_mels : int
        Filters.
    n_fft : int
        Samples a frame.
    sample_rate : float
        Samples a second.
    low, high : float, default=0.0 and half the sample rate
        Where the first begins and the last ends, in hertz.

    Returns
    -------
    ndarray of shape (n_mels, n_fft // 2 + 1), float64

    Raises
    ------
    InvalidInputError
        If the edges are not in order, or a filter is so narrow that no bin of the spectrum lies in
        it.

    Examples
    --------
    >>> mel_filterbank(4, 512, 8000).shape
    (4, 257)
    """
    check_count("n_mels", n_mels)
    check_count("n_fft", n_fft)
    high = sample_rate / 2 if high is None else high
    if not 0 <= low < high <= sample_rate / 2:
        raise InvalidInputError(
            f"high: expected 0 <= low < high <= {sample_rate / 2:g} Hz, half the sample rate; got "
            f"low={low!r}, high={high!r}"
        )
    first, last = (2595 * float(np.log10(1 + edge / 700)) for edge in (low, high))
    edges = 700 * (10 ** (np.linspace(first, last, n_mels + 2) / 2595) - 1)
    bins = np.arange(n_fft // 2 + 1) * (sample_rate / n_fft)
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (bins - left) / (centre - left), (right - bins) / (right - centre)
    filters: NDArray[np.float64] = np.maximum(0, np.minimum(rising, falling))
    if empty := int((filters.sum(1) == 0).sum()):
        raise InvalidInputError(
            f"n_mels: {empty} of {n_mels} bands lie between two bins of the spectrum, which are "
            f"{sample_rate / n_fft:.3g} Hz apart; use fewer bands or longer frames"
        )
    return filters


def log_mel(
    samples: Any,
    sample_rate: float,
    *,
    n_mels: int = 64,
    frame: float = 0.064,
    overlap: float = 0.5,
    low: float = 0.0,
    high: float | None = None,
) -> NDArray[np.float32]:
    """Return the power in mel bands of overlapping frames, in decibels of full scale.

    The powers of a sine whose amplitude is full scale sum to 1, 0 dB, over the bands, if its
    frequency is between the centres of the first and the last band; beyond them it fades. Silence
    has −100 dB in each band.

    Parameters
    ----------
    samples : array-like of shape (n,) or (n, channels)
        Several channels are averaged.
    sample_rate : float
        Samples a second.
    n_mels : int, default=64
        Bands.
    frame : float, default=0.064
        Seconds a frame.
    overlap : float, default=0.5
        Share of a frame that the next one shares with it.
    low, high
        See `mel_filterbank`.

    Returns
    -------
    ndarray of shape (frames, n_mels), float32

    Raises
    ------
    InvalidInputError
        If there is less than one frame, or an argument cannot be used.

    Examples
    --------
    >>> time = np.arange(16000) / 16000
    >>> log_mel(np.sin(2 * np.pi * 440 * time), 16000).shape
    (30, 64)
    """
    from scipy.signal import stft

    mono = to_mono(samples)
    numbers: dict[str, Any] = {"sample_rate": sample_rate, "frame": frame}
    for name, number in numbers.items():
        real = isinstance(number, int | float | np.integer | np.floating)
        if not real or not 0 < number < _UNLIMITED:
            raise InvalidInputError(f"{name}: expected a number above 0; got {number!r}")
    if not 0 <= overlap < 1:
        raise InvalidInputError(f"overlap: expected a share from 0 to below 1; got {overlap!r}")
    n_fft = round(frame * sample_rate)
    if n_fft < 2 or len(mono) < n_fft:
        raise InvalidInputError(
            f"samples: expected at least one frame of {n_fft} samples ({frame:g} s); got "
            f"{len(mono)}; use a shorter frame or leave the recording out"
        )
    filters = mel_filterbank(n_mels, n_fft, sample_rate, low=low, high=high)
    shared = min(round(overlap * n_fft), n_fft - 1)
    _, _, spectra = stft(
        mono,
        fs=sample_rate,
        window="hann",
        nperseg=n_fft,
        noverlap=shared,
        detrend=False,
        boundary=None,
        padded=False,
        scaling="psd",
    )
    # Twice for the negative frequencies, and twice since a sine of amplitude 1 has a power of 1/2.
    power = np.square(np.abs(spectra)) * (4 * sample_rate / n_fft)
    bands = filters @ power
    decibels: NDArray[np.float32] = (10 * np.log10(np.maximum(bands, _QUIETEST))).T
    return np.ascontiguousarray(decibels, dtype=np.float32)


def to_mono(samples: Any) -> NDArray[np.float64]:
    """Return the mean of the channels of samples (n,) or (n, channels), (n,).

    Raises
    ------
    InvalidInputError
        If they are no such array, complex, or not finite.

    Examples
    --------
    >>> to_mono([[1.0, 3.0], [0.0, 0.5]])
    array([2.  , 0.25])
    """
    try:
        real = not np.iscomplexobj(samples)
        array = np.asarray(samples, dtype=np.float64) if real else np.empty(0)
    except (TypeError, ValueError):
        raise InvalidInputError("samples: expected numbers, (n,) or (n, channels)") from None
    if not real:
        raise InvalidInputError(
            "samples: expected real numbers; got complex ones; give the sound, not its spectrum"
        )
    if array.ndim not in (1, 2):
        raise InvalidInputError(f"samples: expected shape (n,) or (n, channels); got {array.shape}")
    if not np.isfinite(array).all():
        raise InvalidInputError("samples: expected finite numbers; got NaN or infinity")
    return array if array.ndim == 1 else array.mean(1)


def windows(
    frames: NDArray[Any], n_frames: int = 5, *, step: int = 1, flat: bool = True
) -> NDArray[Any]:
    """Return stretches of frames that follow one another.

    Parameters
    ----------
    frames : ndarray of shape (frames, bands)
        As `log_mel` gives them.
    n_frames : int, default=5
        Frames a window.
    step : int, default=1
        Frames from the beginning of one window to that of the next.
    flat : bool, default=True
        Whether a window is a row, its frames one after the other, for dense networks; otherwise it
        is a signal whose channels are the bands.

    Returns
    -------
    ndarray of shape (n, n_frames · bands) or (n, n_frames, bands)

    Raises
    ------
    InvalidInputError
        If there are fewer frames than a window has.

    Examples
    --------
    >>> windows(np.arange(8).reshape(4, 2), 3)
    array([[0, 1, 2, 3, 4, 5],
           [2, 3, 4, 5, 6, 7]])
    """
    check_count("n_frames", n_frames)
    check_count("step", step)
    if frames.ndim != 2 or len(frames) < n_frames:
        raise InvalidInputError(
            f"frames: expected at least n_frames={n_frames} of them, (frames, bands); got shape "
            f"{frames.shape}"
        )
    view = np.lib.stride_tricks.sliding_window_view(frames, n_frames, axis=0)[::step]
    stacked = np.ascontiguousarray(np.moveaxis(view, -1, 1))
    return stacked.reshape(len(stacked), -1) if flat else stacked
