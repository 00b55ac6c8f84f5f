"""A loaded model is its own, and writing replaces regular files alone."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from isthmus import Autoencoder, load
from isthmus.errors import InvalidInputError, ModelFileError
from isthmus.storage.atomic import whole_file

X = np.random.default_rng(0).normal(size=(60, 4))


def model(seed=0):
    return Autoencoder(latent_dim=2, max_epochs=2, random_state=seed).fit(X)


def test_a_model_does_not_change_with_its_file(tmp_path):
    path, other = tmp_path / "m.safetensors", tmp_path / "n.safetensors"
    model(0).save(path)
    model(1).save(other)
    loaded = load(path)
    before = loaded.transform(X)
    assert not np.allclose(before, load(other).transform(X))
    with path.open("r+b") as file, other.open("rb") as new:  # as cp does, in place
        shutil.copyfileobj(new, file)
    np.testing.assert_array_equal(loaded.transform(X), before)
    os.truncate(path, 100)
    np.testing.assert_array_equal(loaded.transform(X), before)


def test_reading_beside_a_writer_gives_one_model_or_the_other(tmp_path):
    path = tmp_path / "m.safetensors"
    models = [model(0), model(1)]
    expected = [each.transform(X) for each in models]
    models[0].save(path)
    stop = threading.Event()

    def write():
        while not stop.is_set():
            for each in models:
                each.save(path)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(60):
            found = load(path).transform(X)
            assert any(np.array_equal(found, each) for each in expected)
    finally:
        stop.set()
        writer.join()


def test_a_header_of_many_megabytes_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "m.safetensors"
    with path.open("wb") as file:
        file.write((50 << 20).to_bytes(8, "little"))
        file.truncate(60 << 20)
    with pytest.raises(ModelFileError, match="its header claims"):
        load(path)


def test_a_model_does_not_choose_where_the_next_fit_writes(tmp_path):
    fitted = Autoencoder(max_epochs=1, random_state=0, checkpoint=tmp_path / "c").fit(X)
    fitted.save(tmp_path / "m.safetensors")
    assert load(tmp_path / "m.safetensors").checkpoint is None


def test_permissions_are_kept_and_links_are_followed(tmp_path):
    target, link = tmp_path / "real.safetensors", tmp_path / "link.safetensors"
    target.write_bytes(b"old")
    target.chmod(0o600)
    link.symlink_to(target)
    model().save(link)
    assert link.is_symlink()
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert load(target).latent_dim_ == 2
    mask = os.umask(0o027)
    try:
        model().save(tmp_path / "new.safetensors")
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "new.safetensors").stat().st_mode) == 0o640


def test_devices_pipes_and_circles_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    for name in (tmp_path / "pipe", tmp_path / "a", "/dev/null"):
        with pytest.raises(InvalidInputError):
            model().save(name)
    with pytest.raises(InvalidInputError, match="device or pipe"):
        load(tmp_path / "pipe")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_a_planted_link_is_not_written_through(tmp_path):
    victim, path = tmp_path / "victim", tmp_path / "m.bin"
    victim.write_text("mine", encoding="utf-8")
    names = set()
    for _ in range(3):
        with whole_file(path) as temporary:
            assert temporary.stat().st_size == 0
            assert not temporary.is_symlink()
            names.add(temporary.name)
            temporary.write_bytes(b"new")
    assert len(names) == 3  # no name comes twice, so none can be prepared
    assert victim.read_text(encoding="utf-8") == "mine"


def test_what_a_killed_writer_left_is_removed_by_the_next(tmp_path):
    code = """
import os, sys
from pathlib import Path
from isthmus.storage.atomic import whole_file
with whole_file(Path(sys.argv[1])) as temporary:
    temporary.write_bytes(b"half")
    os._exit(9)
"""
    path = tmp_path / ("x" * 225 + ".bin")  # long names have room for the temporary one
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert len(list(tmp_path.iterdir())) == 1
    with whole_file(path) as temporary, whole_file(path) as beside:
        temporary.write_bytes(b"whole")
        beside.write_bytes(b"other")
        assert temporary.exists()  # of a process that lives
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
