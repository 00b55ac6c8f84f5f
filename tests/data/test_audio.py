"""Sound: files of every kind of sample, mel bands by their properties, and machines that rattle."""

from __future__ import annotations

import math
import struct
import sys
import wave

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import wavfile
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

from isthmus import Autoencoder
from isthmus.data.audio import Clips, read_audio, read_clips
from isthmus.data.mel import log_mel, mel_filterbank, windows
from isthmus.errors import InvalidInputError, MissingDependencyError

RATE = 16000


def tone(frequency, seconds=0.5, rate=RATE, amplitude=1.0, phase=0.0):
    time = np.arange(round(seconds * rate)) / rate
    return amplitude * np.sin(2 * np.pi * frequency * time + phase)


# Files ---------------------------------------------------------------------------------------


def write_24_bits(path, samples, rate=RATE):
    codes = np.round(samples * (2**23 - 1)).astype(np.int64)
    with wave.open(str(path), "wb") as file:
        file.setparams((samples.shape[1], 3, rate, len(samples), "NONE", ""))
        raw = codes.reshape(-1).astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3]
        file.writeframes(np.ascontiguousarray(raw).tobytes())


@pytest.mark.parametrize("kind", ["uint8", "int16", "24 bits", "int32", "float32", "float64"])
@pytest.mark.parametrize("channels", [1, 2])
def test_every_kind_of_sample_comes_back_within_half_a_step(tmp_path, kind, channels):
    samples = np.column_stack([tone(100 * (c + 1), 0.1, amplitude=0.9) for c in range(channels)])
    path = tmp_path / "sound.wav"
    if kind == "24 bits":
        write_24_bits(path, samples)
        step = 2.0**-23
    elif kind == "uint8":
        wavfile.write(path, RATE, np.round(samples * 127 + 128).astype(np.uint8))
        step = 2.0**-7
    else:
        full = 1 if kind.startswith("float") else np.iinfo(kind).max
        wavfile.write(path, RATE, (samples * full).astype(kind))
        step = 1e-7 if kind.startswith("float") else 2.0 / full
    found, rate = read_audio(path)
    assert rate == RATE
    assert found.dtype == np.float32
    assert found.shape == samples.shape
    # The largest code is one step below full scale; float32 itself has 24 bits.
    assert np.abs(found - samples).max() <= 1.5 * step + 1e-7


def test_what_is_no_sound_is_one_line(tmp_path):
    good = tmp_path / "good.wav"
    wavfile.write(good, RATE, (tone(100) * 1000).astype(np.int16))
    data = good.read_bytes()
    bad = tmp_path / "bad.wav"
    for content in (b"", b"RIFF", b"not a sound at all, but text", data[:30], data[:6] + b"x" * 40):
        bad.write_bytes(content)
        with pytest.raises(InvalidInputError, match=r"bad\.wav") as caught:
            read_audio(bad)
        assert "\n" not in str(caught.value)
    wavfile.write(bad, RATE, np.zeros(0, np.int16))
    with pytest.raises(InvalidInputError, match=r"bad\.wav"):
        read_audio(bad)
    wavfile.write(bad, RATE, np.array([0, np.nan], np.float32))
    with pytest.raises(InvalidInputError, match="NaN or infinite"):
        read_audio(bad)
    with pytest.raises(InvalidInputError, match="no such file"):
        read_audio(tmp_path / "absent.wav")


def test_any_damage_of_the_header_is_an_answer_or_one_line(tmp_path):
    good = tmp_path / "good.wav"
    wavfile.write(good, RATE, (tone(100, 0.02) * 1000).astype(np.int16))
    data = bytearray(good.read_bytes())
    bad = tmp_path / "bad.wav"
    for place in range(44):
        for value in (0, 1, 127, 255):
            spoilt = data.copy()
            spoilt[place] = value
            bad.write_bytes(spoilt)
            try:
                read_audio(bad)
            except InvalidInputError as error:
                assert "\n" not in str(error)


def test_other_formats_say_what_to_install(tmp_path, monkeypatch):
    path = tmp_path / "sound.flac"
    path.write_bytes(b"fLaC")
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'isthmus\[audio\]'"):
        read_audio(path)


# Bands ---------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    n_mels=st.integers(2, 40),
    rate=st.sampled_from([8000, 16000, 44100, 48000]),
    low=st.floats(0, 300),
    share=st.floats(0.5, 1),
)
def test_filters_sum_to_one_between_the_outer_centres(n_mels, rate, low, share):
    n_fft, high = 4096, share * rate / 2
    filters = mel_filterbank(n_mels, n_fft, rate, low=low, high=high)
    mel = np.linspace(*(2595 * np.log10(1 + np.array([low, high]) / 700)), n_mels + 2)
    centres = 700 * (10 ** (mel[1:-1] / 2595) - 1)
    bins = np.arange(n_fft // 2 + 1) * rate / n_fft
    inside = (bins >= centres[0]) & (bins <= centres[-1])
    np.testing.assert_allclose(filters.sum(0)[inside], 1, atol=1e-9)
    assert ((filters >= 0) & (filters <= 1)).all()
    # Zero but for the rounding of a bin that lies within one of the limits.
    assert (filters[:, (bins < low) | (bins > high)] < 1e-12).all()
    # Each is largest at the bin next to its centre, and the centres rise.
    peaks = bins[filters.argmax(1)]
    assert np.abs(peaks - centres).max() <= rate / n_fft
    assert (np.diff(peaks) >= 0).all()


def test_the_mel_scale_has_a_thousand_at_a_thousand_hertz():
    # Its definition: 1000 mel at 1000 Hz, to the precision of the constant 2595.
    assert 2595 * np.log10(1 + 1000 / 700) == pytest.approx(1000, abs=0.05)
    # One band from 0 to 8000 Hz has its peak at half of the mel of 8000 Hz.
    filters = mel_filterbank(1, 16000, 16000)
    half = 2595 * np.log10(1 + 8000 / 700) / 2
    assert filters[0].argmax() == pytest.approx(700 * (10 ** (half / 2595) - 1), abs=1)


@pytest.mark.parametrize("frequency", [120.0, 440.0, 1000.0, 3333.0, 6000.0])
def test_a_tone_is_in_its_band_and_its_power_is_kept(frequency):
    decibels = log_mel(tone(frequency, amplitude=0.25), RATE)
    power = 10 ** (decibels.astype(float) / 10)
    np.testing.assert_allclose(power.sum(1), 0.25**2, rtol=0.02)
    mel = np.linspace(0, 2595 * np.log10(1 + 8000 / 700), 66)
    band = int(np.abs(mel[1:-1] - 2595 * np.log10(1 + frequency / 700)).argmin())
    assert (decibels.argmax(1) == band).all()


def test_frames_against_a_slow_reference():
    samples = np.random.default_rng(0).normal(size=3000) * 0.1
    n_fft, hop = 512, 128
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
    filters = mel_filterbank(20, n_fft, 8000)
    rows = []
    for start in range(0, len(samples) - n_fft + 1, hop):
        part = samples[start : start + n_fft] * window
        turns = np.exp(-2j * np.pi * np.outer(np.arange(n_fft // 2 + 1), np.arange(n_fft)) / n_fft)
        density = np.abs(turns @ part) ** 2 / np.square(window).sum()
        rows.append(10 * np.log10(filters @ density * 4 / n_fft))
    found = log_mel(samples, 8000, n_mels=20, frame=n_fft / 8000, overlap=0.75)
    np.testing.assert_allclose(found, np.array(rows), atol=1e-3)


def test_silence_is_the_floor_and_louder_is_more():
    assert (log_mel(np.zeros(RATE), RATE) == -100).all()
    noise = np.random.default_rng(0).normal(size=RATE) * 0.01
    difference = log_mel(10 * noise, RATE) - log_mel(noise, RATE)
    np.testing.assert_allclose(difference, 20, atol=1e-3)
    stereo = np.column_stack([noise, noise])
    np.testing.assert_allclose(log_mel(stereo, RATE), log_mel(noise, RATE), atol=1e-4)


def test_windows_are_stretches_of_frames():
    frames = np.random.default_rng(0).normal(size=(9, 3))
    stacked = windows(frames, 4, step=2, flat=False)
    assert stacked.shape == (3, 4, 3)
    for i in range(3):
        np.testing.assert_array_equal(stacked[i], frames[2 * i : 2 * i + 4])
    np.testing.assert_array_equal(windows(frames, 4, step=2), stacked.reshape(3, 12))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: log_mel(np.zeros(100), RATE), "^samples: expected at least one frame"),
        (lambda: log_mel(np.zeros((2, 3, 4)), RATE), "^samples: expected shape"),
        (lambda: log_mel(np.full(RATE, np.nan), RATE), "^samples: expected finite"),
        (lambda: log_mel(["a"], RATE), "^samples: expected numbers"),
        (lambda: log_mel(np.zeros(RATE), 0), "^sample_rate: expected"),
        (lambda: log_mel(np.zeros(RATE), math.inf), "^sample_rate: expected"),
        (lambda: log_mel(np.zeros(RATE), "16000"), "^sample_rate: expected"),
        (lambda: log_mel(np.zeros(RATE), RATE, frame=math.nan), "^frame: expected"),
        (lambda: log_mel(np.zeros(RATE), RATE, frame=-1), "^frame: expected"),
        (lambda: log_mel(np.zeros(RATE) + 1j, RATE), "^samples: expected real"),
        (lambda: log_mel([1j] * RATE, RATE), "^samples: expected real"),
        (lambda: read_clips(".", sample_rate=16000.0), "^sample_rate: expected a whole number"),
        (lambda: read_clips(".", sample_rate=0), "^sample_rate: expected a whole number"),
        (lambda: read_clips(".", sample_rate=-1), "^sample_rate: expected a whole number"),
        (lambda: log_mel(np.zeros(RATE), RATE, overlap=1), "^overlap: expected"),
        (lambda: log_mel(np.zeros(RATE), RATE, n_mels=0), "^n_mels: expected"),
        (lambda: log_mel(np.zeros(RATE), RATE, n_mels=500), "^n_mels: .* lie between two bins"),
        (lambda: mel_filterbank(4, 512, 8000, high=5000), "^high: expected"),
        (lambda: windows(np.zeros((3, 2)), 4), "^frames: expected"),
        (lambda: windows(np.zeros((3, 2)), 0), "^n_frames: expected"),
        (
            lambda: Clips(np.zeros((2, 1)), np.zeros(2, int), ["a"], np.zeros(2)).mean([1.0]),
            "^scores: expected one a window",
        ),
    ],
)
def test_mistakes_are_one_line(call, message):
    with pytest.raises(InvalidInputError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


# Recordings ----------------------------------------------------------------------------------


def hum(seed, seconds=2.0, rattle=False):
    """A machine: a hum with harmonics, a little out of tune each time, in noise."""
    rng = np.random.default_rng(seed)
    base = 50 * (1 + 0.01 * rng.normal())
    sound = sum(
        tone(base * k, seconds, amplitude=0.2 / k, phase=rng.uniform(0, 6.3)) for k in range(1, 8)
    )
    sound = sound + 0.01 * rng.normal(size=len(sound))
    if rattle:  # short bursts of ringing, a dozen a second, far below the hum in power
        for start in rng.integers(0, len(sound) - 800, round(12 * seconds)):
            time = np.arange(800) / RATE
            sound[start : start + 800] += (
                0.05 * np.sin(2 * np.pi * 3000 * time) * np.exp(-time * 200)
            )
    return sound


def write(path, sound, rate=RATE):
    wavfile.write(path, rate, np.round(sound * 32767).astype(np.int16))


def test_a_rattle_is_heard_in_a_folder_of_recordings(tmp_path):
    train, new = tmp_path / "train", tmp_path / "new"
    train.mkdir()
    new.mkdir()
    for i in range(8):
        write(train / f"hum{i}.wav", hum(i))
        write(new / f"machine{i}.wav", hum(100 + i, rattle=i == 5))
    (new / "notes.txt").write_text("not a sound")
    normal, clips = read_clips(train), read_clips(new)
    assert clips.names == [f"machine{i}.wav" for i in range(8)]
    assert clips.X.shape == (len(clips.clip), 5 * 64)
    model = Autoencoder(latent_dim=8, hidden_layer_sizes=(64,), max_epochs=40, random_state=0)
    scores = clips.mean(model.fit(normal.X).score_samples(clips.X))
    assert scores.argmin() == 5
    rest = np.delete(scores, 5)
    assert rest.min() - scores[5] > 3 * rest.std()
    # The control does not hear it: the rattle changes the loudness less than chance does.
    loudness = [np.sqrt(np.mean(read_audio(new / name)[0] ** 2)) for name in clips.names]
    assert np.argmax(np.abs(loudness - np.median(loudness))) != 5


def test_the_windows_know_their_recording_and_their_time(tmp_path):
    first, second = tmp_path / "a.wav", tmp_path / "b.wav"
    write(first, hum(0, 1.0))
    write(second, hum(1, 0.5))
    clips = read_clips([first, second], n_mels=20, n_frames=3, step=2, flat=False)
    assert clips.X.shape[1:] == (3, 20)
    assert np.bincount(clips.clip).tolist() == [14, 6]
    assert clips.seconds[:3].tolist() == [0, 0.064, 0.128]
    assert clips.seconds[clips.clip == 1][0] == 0
    frames = log_mel(read_audio(second)[0], RATE, n_mels=20)
    np.testing.assert_array_equal(clips.X[clips.clip == 1], windows(frames, 3, step=2, flat=False))
    means = clips.mean(np.arange(20.0))
    np.testing.assert_allclose(means, [np.arange(14).mean(), np.arange(14, 20).mean()])
    one = read_clips(first, n_mels=20, n_frames=3, step=2, flat=False)
    np.testing.assert_array_equal(one.X, clips.X[clips.clip == 0])


def test_rates_must_agree_or_are_resampled(tmp_path):
    slow, fast = tmp_path / "a.wav", tmp_path / "b.wav"
    write(slow, tone(440, 1.0, 8000, 0.5), 8000)
    write(fast, tone(440, 1.0, 16000, 0.5), 16000)
    with pytest.raises(InvalidInputError, match=r"b\.wav.*sample_rate=8000"):
        read_clips(tmp_path)
    clips = read_clips(tmp_path, sample_rate=8000, n_mels=32)
    parts = [clips.X[clips.clip == i] for i in range(2)]
    assert len(parts[0]) == len(parts[1])
    # The tone is the same; what lies 60 dB below it is the filter's.
    loud = parts[0][5] > -40
    assert np.abs(parts[0][5] - parts[1][5])[loud].max() < 0.5


def test_short_and_absent_recordings_are_named(tmp_path):
    with pytest.raises(InvalidInputError, match="^source: no sound file"):
        read_clips(tmp_path)
    write(tmp_path / "short.wav", tone(100, 0.1))
    with pytest.raises(InvalidInputError, match=r"short\.wav.*n_frames=5"):
        read_clips(tmp_path)
    with pytest.raises(InvalidInputError, match=r"short\.wav: frame: expected"):
        read_clips(tmp_path, frame=math.nan)
    write(tmp_path / "short.wav", tone(100, 0.01))
    with pytest.raises(InvalidInputError, match=r"short\.wav.*at least one frame"):
        read_clips(tmp_path)


def test_a_header_with_a_chunk_of_notes_is_read(tmp_path):
    path = tmp_path / "a.wav"
    write(path, tone(100, 0.1))
    data = path.read_bytes() + b"note" + struct.pack("<I", 4) + b"abcd"
    path.write_bytes(data[:4] + struct.pack("<I", len(data) - 8) + data[8:])
    assert len(read_audio(path)[0]) == 1600


# Real vibration ------------------------------------------------------------------------------


def test_faulty_bearings_are_heard_beside_a_control(real_data):
    """Trained on the first half of the healthy recording, tested on the second and on 8 faults."""
    path = real_data / "cwru_bearing" / "cwru_de_48k_load0.npz"
    if not path.exists():
        pytest.skip("no recordings of bearings in the folder of real data")
    stored = np.load(path, allow_pickle=False)
    names = list(stored["names"])
    recordings = {n: stored[n] * stored["lsb"][i] for i, n in enumerate(names)}
    cut = len(recordings["normal"]) // 2
    healthy, held_out = recordings["normal"][:cut], recordings["normal"][cut:]
    # Quarters of a second, each scaled to the same loudness, so that loudness cannot tell.
    train, normal = segments(healthy), segments(held_out)
    faulty = np.concatenate([segments(recordings[n][:cut]) for n in names if n != "normal"])
    labels = np.r_[np.ones(len(normal)), np.zeros(len(faulty))]
    X = as_frames(train)
    model = Autoencoder(
        latent_dim=8, hidden_layer_sizes=(64,), max_epochs=30, batch_size=64, random_state=0
    ).fit(X.reshape(-1, X.shape[-1]))
    test = as_frames(np.concatenate([normal, faulty]))
    scores = model.score_samples(test.reshape(-1, test.shape[-1])).reshape(test.shape[:2]).mean(1)
    ours = roc_auc_score(labels, scores)
    every = np.concatenate([normal, faulty])
    kurtosis = (every**4).mean(1) / np.square(every).mean(1) ** 2
    control = roc_auc_score(labels, -kurtosis)
    assert ours > 0.99
    assert ours >= control
    pca = PCA(8, random_state=0).fit(X.reshape(-1, X.shape[-1]))
    flat = test.reshape(-1, test.shape[-1])
    residual = np.square(flat - pca.inverse_transform(pca.transform(flat))).sum(1)
    assert ours >= roc_auc_score(labels, -residual.reshape(test.shape[:2]).mean(1)) - 0.01


def segments(signal, length=12000):
    parts = signal[: len(signal) // length * length].reshape(-1, length)
    parts = parts - parts.mean(1, keepdims=True)
    return 0.1 * parts / parts.std(1, keepdims=True)


def as_frames(parts):
    return np.stack([windows(log_mel(part, 48000, n_mels=32)) for part in parts])
