"""Rolls, notes and MIDI files say the same of a piece."""

from __future__ import annotations

import gzip
import json
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from isthmus import VariationalAutoencoder
from isthmus.applications.generation import (
    Note,
    continue_roll,
    piano_roll,
    read_chorales,
    read_midi,
    roll_notes,
    roll_windows,
    steps_and_history,
    write_midi,
)
from isthmus.applications.generation.midi import decode_midi, encode_midi
from isthmus.errors import InvalidInputError

ROLLS = arrays(
    np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.integers(0, 1)
)


def test_pitches_become_keys_and_rests_are_nothing():
    roll = piano_roll([[60, 64.0], [-1, -1], []], keys=(58, 65))
    assert roll.dtype == np.uint8
    np.testing.assert_array_equal(np.argwhere(roll), [[0, 2], [0, 6]])


@given(ROLLS)
def test_notes_are_the_runs_of_each_key(roll):
    notes = roll_notes(roll, keys=(30, 29 + roll.shape[1]))
    again = np.zeros_like(roll)
    for note in notes:
        assert not again[note.start : note.end, note.pitch - 30].any()  # no two at once
        again[note.start : note.end, note.pitch - 30] = 1
        before, after = note.start - 1, note.end  # neighbours do not sound: a run is one note
        assert before < 0 or not roll[before, note.pitch - 30]
        assert after == len(roll) or not roll[after, note.pitch - 30]
    np.testing.assert_array_equal(again, roll)


@settings(max_examples=60, deadline=None)
@given(ROLLS, st.integers(1, 6), st.sampled_from([(0, 4.0), (19, 80.0), (127, 333.3)]))
def test_a_midi_file_gives_back_what_was_written(tmp_path_factory, roll, steps_per_beat, style):
    program, tempo = style
    path = tmp_path_factory.mktemp("midi") / "piece.mid"
    keys = (127 - roll.shape[1] + 1, 127)
    write_midi(path, roll, keys, steps_per_beat=steps_per_beat, tempo=tempo, program=program)
    np.testing.assert_array_equal(read_midi(path, keys, steps_per_beat=steps_per_beat), roll)


def test_the_bytes_are_those_of_the_specification():
    # Written out by hand after the specification: 480 ticks are 0x83 0x60 as a variable length.
    track = bytes.fromhex("00FF51030B71B0 00C013 00903C50 8360803C50 00FF2F00")
    expected = b"MThd" + bytes.fromhex("00000006 0000 0001 01E0") + b"MTrk"
    assert encode_midi([Note(60, 0, 1)], 1) == expected + struct.pack(">I", len(track)) + track


def test_long_rests_take_more_bytes():
    for steps in (1, 10, 1000, 100_000):
        notes = [Note(50, steps, steps + 1)]
        assert decode_midi(encode_midi(notes, steps + 5)) == (notes, steps + 5)


def file_of(*tracks, kind=1):
    chunks = [b"MTrk" + struct.pack(">I", len(track)) + track for track in tracks]
    return struct.pack(">4sIHHH", b"MThd", 6, kind, len(tracks), 96) + b"".join(chunks)


def test_what_other_programs_write_can_be_read():
    tempo = bytes.fromhex("00 FF 03 03 61 62 63  00 F0 02 01 F7  00 FF 2F 00")  # a name, a message
    # Running status, a note that ends as "on" with no force, a controller, a key nobody lets go.
    notes = bytes.fromhex("00 91 3C 40  60 3C 00  00 B1 07 64  00 91 3E 40  60 40 40  60 FF 2F 00")
    found, length = decode_midi(file_of(tempo, notes))
    assert found == [Note(60, 0, 1), Note(62, 1, 3), Note(64, 2, 3)]
    assert length == 3
    foreign = b"XYZW" + struct.pack(">I", 3) + b"abc"  # a chunk of another kind is passed over
    whole = file_of(notes)
    assert decode_midi(whole[:14] + foreign + whole[14:])[0] == found


GOOD = encode_midi([Note(60, 0, 2), Note(64, 1, 3)], 4)


@pytest.mark.parametrize("size", range(0, len(GOOD), 3))
def test_a_file_that_was_cut_off_is_refused(size):
    with pytest.raises(InvalidInputError, match="not a MIDI file"):
        decode_midi(GOOD[:size])


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_a_changed_byte_is_read_or_refused_in_one_line(place, byte):
    spoilt = bytearray(GOOD)
    spoilt[place] = byte
    try:
        notes, length = decode_midi(bytes(spoilt))
    except InvalidInputError as error:
        assert "\n" not in str(error)
    else:
        assert length >= 0
        assert all(note.start < note.end for note in notes)


def test_windows_come_from_one_piece_each():
    rolls = [np.eye(10, 12, dtype=np.uint8), np.zeros((3, 12), np.uint8), np.ones((7, 12))]
    windows = roll_windows(rolls, 4)
    assert windows.shape == (3, 4, 12)
    np.testing.assert_array_equal(windows[1], rolls[0][4:8])
    assert len(roll_windows(rolls, 4, step=1)) == 7 + 4


def test_the_history_of_a_step_is_what_came_before_it():
    rng = np.random.default_rng(0)
    rolls = [rng.integers(0, 2, size=(n, 5)).astype(np.uint8) for n in (6, 1, 4)]
    steps, history = steps_and_history(rolls, length=3)
    np.testing.assert_array_equal(steps, np.concatenate(rolls))
    row = 0
    for roll in rolls:
        for t in range(len(roll)):
            for back in range(1, 4):  # the oldest step first
                expected = roll[t - back] if t >= back else np.zeros(5)
                found = history[row].reshape(3, 5)[3 - back]
                np.testing.assert_array_equal(found, expected)
            row += 1


def test_a_piece_goes_on_as_pieces_do():
    # Two keys in turn: what comes next is certain, so that every draw must be that.
    pieces = [np.eye(2, dtype=np.uint8)[(np.arange(12) + start) % 2] for start in (0, 1)] * 10
    model = VariationalAutoencoder(
        conditional=True, latent_dim=1, hidden_layer_sizes=(16,), max_epochs=40, batch_size=16,
        learning_rate=1e-2, random_state=0,
    ).fit(*steps_and_history(pieces, length=2))  # fmt: skip
    longer = continue_roll(model, pieces[0][:3], 9, random_state=0)
    np.testing.assert_array_equal(longer, pieces[0])
    again = continue_roll(model, pieces[0][:3], 9, random_state=0)
    np.testing.assert_array_equal(again, longer)


def test_only_a_model_of_steps_writes_on():
    steps, history = steps_and_history([np.eye(4, dtype=np.uint8)] * 5, length=2)
    plain = VariationalAutoencoder(max_epochs=1, random_state=0).fit(steps)
    other = VariationalAutoencoder(conditional=True, max_epochs=1, random_state=0)
    other.fit(steps, np.arange(20) / 7)
    wider = VariationalAutoencoder(conditional=True, max_epochs=1).fit(steps, history)
    for model, keys in ((plain, 4), (other, 4), (wider, 5), (VariationalAutoencoder(), 4)):
        with pytest.raises(InvalidInputError, match="steps_and_history"):
            continue_roll(model, np.ones((1, keys)), 2)
    with pytest.raises(InvalidInputError, match="n_steps"):
        continue_roll(wider, np.ones((1, 4)), 0)


def test_chorales_are_read_with_and_without_compression(tmp_path):
    pieces = {"train": [[[60, 64.0], [62]], [[70]]], "test": [[[-1, 61]]]}
    (tmp_path / "plain.json").write_text(json.dumps(pieces))
    (tmp_path / "small.json.gz").write_bytes(gzip.compress(json.dumps(pieces).encode()))
    for name in ("plain.json", "small.json.gz"):
        found = read_chorales(tmp_path / name)
        assert [len(piece) for piece in found["train"]] == [2, 1]
        np.testing.assert_array_equal(np.flatnonzero(found["train"][0][0]), [60 - 21, 64 - 21])
        assert found["test"][0].sum() == 1


def test_the_quarter_note_chorales(real_data):
    path = real_data / "jsb_chorales" / "jsb-chorales-quarter.json.gz"
    if not path.exists():
        pytest.skip(f"no chorales at {path}")
    found = read_chorales(path)
    assert {name: len(pieces) for name, pieces in found.items()} == {
        "train": 229, "valid": 76, "test": 77
    }  # fmt: skip
    voices = np.concatenate(found["test"]).sum(1)
    assert voices.max() == 4
    assert 3.8 < voices.mean() < 4  # voices that meet on one key are one


MISTAKES = {
    "no steps": (lambda folder: piano_roll([]), "steps"),
    "a pitch too high": (lambda folder: piano_roll([[60], [109]]), "109 at step 1"),
    "text": (lambda folder: piano_roll([["c"]]), "MIDI numbers"),
    "keys the wrong way": (lambda folder: piano_roll([[60]], keys=(80, 20)), "keys"),
    "keys of another roll": (lambda folder: roll_notes(np.ones((2, 3))), "the roll has 3"),
    "probabilities": (lambda folder: roll_notes(np.full((2, 88), 0.3)), "above 0.5"),
    "a batch": (lambda folder: roll_notes(np.ones((1, 2, 88))), "one piece"),
    "short pieces": (lambda folder: roll_windows([np.ones((3, 4))], 5), "length"),
    "other keys": (lambda folder: roll_windows([np.ones((3, 4)), np.ones((3, 5))], 2), "keys"),
    "no pieces": (lambda folder: steps_and_history([]), "got none"),
    "no tempo": (lambda folder: write_midi(folder / "a", np.ones((2, 88)), tempo=0), "tempo"),
    "program": (lambda folder: write_midi(folder / "a", np.ones((2, 88)), program=128), "program"),
    "fine steps": (
        lambda folder: write_midi(folder / "a", np.ones((2, 88)), steps_per_beat=99),
        "steps_per_beat",
    ),
    "no folder": (lambda folder: write_midi(folder / "no" / "a", np.ones((2, 88))), "folder"),
    "no file": (lambda folder: read_midi(folder / "none.mid"), "none.mid"),
    "no chorales": (lambda folder: read_chorales(folder / "none.json"), "none.json"),
    "not chorales": (lambda folder: read_chorales(folder / "list.json"), "by split"),
    "odd chorales": (lambda folder: read_chorales(folder / "odd.json"), "odd.json: steps"),
    "an empty file": (lambda folder: read_midi(folder / "empty.mid"), "no notes"),
    "a damaged time": (lambda folder: read_midi(folder / "long.mid"), "1000000"),
    "few keys": (lambda folder: read_midi(folder / "good.mid", keys=(60, 62)), "got 64"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_named_in_one_line(tmp_path, name):
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "odd.json").write_text('{"train": [[[200]]]}')
    (tmp_path / "empty.mid").write_bytes(encode_midi([], 0))
    (tmp_path / "good.mid").write_bytes(GOOD)
    long = [Note(60, step, step + 1) for step in range(0, 1_500_000, 500_000)]
    (tmp_path / "long.mid").write_bytes(encode_midi(long, 1_500_000))
    act, expected = MISTAKES[name]
    with pytest.raises(InvalidInputError) as error:
        act(tmp_path)
    assert expected in str(error.value)
    assert "\n" not in str(error.value)
