"""How well a Markov chain mixes: after how many steps it has forgotten where it was."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from isthmus.errors import InvalidInputError, check_count
from isthmus.evaluation._arrays import as_rows

__all__ = ["autocorrelation_time"]

_WINDOW = 5.0  # lags that count, in autocorrelation times: more adds noise, fewer cuts off a tail


def autocorrelation_time(chains: Any, *, n_projections: int = 5) -> NDArray[np.float64]:
    """Return the integrated autocorrelation time of a chain, in steps, along its main directions.

    τ = 1 + 2 Σₖ ρₖ over the autocorrelations ρₖ at lag k, so that n steps are worth about n/τ
    independent samples for the mean of that projection: 1 for independent samples, below 1 where
    steps alternate. The sum ends at the first lag of five times the τ so far (Sokal 1997).

    Mean and variance are those of all chains together: chains that stay at different modes count
    as slow, as each of them alone would not show.

    Parameters
    ----------
    chains : array-like of shape (n_chains, n_steps, ...)
        States, such as ``sample_chain(..., show="sample")`` gives, without the burn-in.
    n_projections : int, default=5
        Principal directions of the states that are looked at, those of the largest variance first;
        at most the values of a state.

    Returns
    -------
    ndarray of shape (n_projections,), float64
        τ of each; infinite where nothing moves. An estimate of more than a fiftieth of `n_steps` is
        too low rather than too high.

    Raises
    ------
    InvalidInputError
        If there are fewer than two steps, or NaN or infinity among the states.

    References
    ----------
    .. [1] A. Sokal, "Monte Carlo methods in statistical mechanics: foundations and new algorithms",
       in Functional Integration, Springer (1997), 131-192, doi:10.1007/978-1-4899-0319-8_6.

    Examples
    --------
    >>> import numpy as np
    >>> steps = np.random.default_rng(0).normal(size=(4, 5000, 2))
    >>> autocorrelation_time(steps).round()
    array([1., 1.])
    >>> autocorrelation_time(steps.repeat(3, axis=1)).round()
    array([3., 3.])
    """
    shape = np.shape(chains)
    if len(shape) < 2 or shape[1] < 2:
        raise InvalidInputError(
            f"chains: expected (n_chains, n_steps, ...) with at least 2 steps; got shape {shape}"
        )
    check_count("n_projections", n_projections)
    states = as_rows(np.reshape(chains, (shape[0] * shape[1], -1)), "chains")
    count = min(int(n_projections), states.shape[1])
    # A projection of rows that never change still varies by what is rounded off.
    still = float((np.finfo(np.float64).eps * np.linalg.norm(states, axis=1).max()) ** 2)
    states = states - states[0]  # first, so that a mean of equal numbers is not rounded
    states -= states.mean(axis=0)
    if len(states) < states.shape[1]:
        # The same lengths and angles in fewer numbers: no matrix of all pairs of values.
        states = np.linalg.qr(states.T).R.T
    values = states.shape[1]
    found = min(count, values)
    directions = eigh(states.T @ states, subset_by_index=[values - found, values - 1])[1]
    projected = (states @ directions[:, ::-1]).T.reshape(found, *shape[:2])
    times = [_time(column, still) for column in projected]
    return np.array(times + [np.inf] * (count - found))


def _time(chains: NDArray[np.float64], still: float) -> float:
    """Return τ of centred numbers (n_chains, n_steps); infinite up to the variance `still`."""
    n_steps = chains.shape[1]
    # By Fourier transform, with as many zeros behind so that the ends do not meet.
    spectrum = np.abs(np.fft.rfft(chains, 2 * n_steps, axis=1)) ** 2
    covariance = np.fft.irfft(spectrum.mean(axis=0))[:n_steps] / np.arange(n_steps, 0, -1)
    if covariance[0] <= still:
        return float("inf")
    times = 2 * np.cumsum(covariance / covariance[0]) - 1
    enough = np.flatnonzero(np.arange(n_steps) >= _WINDOW * times.clip(min=2))
    return float(times[enough[0] if len(enough) else n_steps - 1])
