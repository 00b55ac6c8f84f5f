"""Pictures in and out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from isthmus.data import files
from isthmus.errors import InvalidInputError

KODAK = Path(__file__).parents[3].parent / "shared" / "data" / "kodak"
GREY = np.arange(48, dtype=np.uint8).reshape(6, 8)
COLOUR = np.stack([GREY, GREY + 50, GREY + 100], axis=-1)


def save(array, path, **options):
    Image.fromarray(array).save(path, **options)
    return path


def test_a_grey_folder_in_the_order_of_names(tmp_path):
    for name, value in (("b.png", 2), ("a.png", 1), ("C.PNG", 0)):
        save(np.full((4, 5), value, np.uint8), tmp_path / name)
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / "sub.png").mkdir()
    (tmp_path / ".hidden.png").write_bytes(b"")
    data = files.read(tmp_path)
    assert data.names == ["C.PNG", "a.png", "b.png"]
    assert data.X.shape == (3, 4, 5)
    assert data.X.dtype == np.uint8
    assert data.kind == "images"
    np.testing.assert_array_equal(data.X[:, 0, 0], [0, 1, 2])


def test_one_picture(tmp_path):
    data = files.read(save(COLOUR, tmp_path / "a.png"))
    np.testing.assert_array_equal(data.X, COLOUR[None])
    assert data.names == ["a.png"]


def test_grey_and_colour_together_are_colour_unless_told(tmp_path):
    save(GREY, tmp_path / "a.png")
    save(COLOUR, tmp_path / "b.png")
    data = files.read(tmp_path)
    np.testing.assert_array_equal(data.X[0], np.stack([GREY] * 3, axis=-1))
    np.testing.assert_array_equal(data.X[1], COLOUR)
    assert files.read(tmp_path, mode="L").X.shape == (2, 6, 8)
    assert files.read(tmp_path / "a.png", mode="RGB").X.shape == (1, 6, 8, 3)


def test_sixteen_bits_keep_their_upper_half(tmp_path):
    deep = (GREY.astype(np.uint16) * 257) + 5
    data = files.read(save(deep, tmp_path / "deep.png"))
    np.testing.assert_array_equal(data.X[0], GREY)


def test_palette_transparency_and_two_colours(tmp_path):
    Image.fromarray(COLOUR).convert("P").save(tmp_path / "p.png")
    Image.fromarray(COLOUR).convert("RGBA").save(tmp_path / "q.png")
    assert files.read(tmp_path).X.shape == (2, 6, 8, 3)
    Image.fromarray(GREY > 20).save(tmp_path / "one.png")
    np.testing.assert_array_equal(files.read(tmp_path / "one.png").X[0], (GREY > 20) * 255)


def test_how_the_camera_was_held(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned: shown upright by every viewer
    save(np.zeros((16, 24), np.uint8), tmp_path / "a.jpg", exif=exif)
    assert files.read(tmp_path / "a.jpg").X.shape == (1, 24, 16)


def test_sizes_must_agree_or_be_given(tmp_path):
    save(GREY, tmp_path / "a.png")
    save(np.zeros((9, 8), np.uint8), tmp_path / "b.png")
    with pytest.raises(InvalidInputError) as caught:
        files.read(tmp_path)
    message = str(caught.value)
    assert "a.png is 6x8 and b.png is 9x8" in message
    assert "--image-size HEIGHTxWIDTH" in message
    assert "\n" not in message
    data = files.read(tmp_path, image_size=(3, 7))
    assert data.X.shape == (2, 3, 7)


def test_resizing_keeps_the_mean(tmp_path):
    picture = np.tile(np.array([[0, 200], [200, 0]], np.uint8), (16, 16))
    data = files.read(save(picture, tmp_path / "a.png"), image_size=(8, 8))
    assert abs(float(data.X.mean()) - 100) < 2  # not every fourth pixel


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"not a picture", "not a picture that can be read"),
        ("cut", "damaged picture"),
    ],
)
def test_damaged_pictures(tmp_path, content, message):
    path = save(np.random.default_rng(0).integers(0, 255, (60, 60), np.uint8), tmp_path / "b.png")
    save(np.zeros((60, 60), np.uint8), tmp_path / "a.png")
    path.write_bytes(path.read_bytes()[:1500] if content == "cut" else content)
    with pytest.raises(InvalidInputError, match=message) as caught:
        files.read(tmp_path)
    assert "\n" not in str(caught.value)
    assert "b.png" in str(caught.value)


def test_more_pixels_than_pillow_opens(tmp_path, monkeypatch):
    save(GREY, tmp_path / "a.png")
    for limit in (40, 10):  # a warning, then an error of Pillow's
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        with pytest.raises(InvalidInputError, match="more pixels than Pillow opens"):
            files.read(tmp_path)


def test_a_folder_without_pictures(tmp_path):
    with pytest.raises(InvalidInputError, match=r"no \.png, \.jpg or \.jpeg file"):
        files.read(tmp_path)
    with pytest.raises(InvalidInputError, match="target is for tables"):
        files.read(tmp_path, target="label")


@pytest.mark.parametrize("array", [GREY[None], COLOUR[None], GREY[None, ..., None]])
@pytest.mark.parametrize("dtype", ["uint8", "float32", "int64"])
def test_written_pictures_read_back(tmp_path, array, dtype):
    files.write(tmp_path / "out", array.astype(dtype))
    data = files.read(tmp_path / "out")
    assert data.names == ["000000.png"]
    np.testing.assert_array_equal(data.X.reshape(array.shape), array)


def test_numbers_are_rounded_and_clipped(tmp_path):
    values = np.array([[[-3.0, 0.5, 1.5], [254.6, 300.0, np.nan]]])
    files.write(f"{tmp_path}/out/", values)
    np.testing.assert_array_equal(files.read(tmp_path / "out").X[0], [[0, 0, 2], [255, 255, 0]])


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["x.jpg", "y.png"], ["x.png", "y.png"]),
        (["x.jpg", "x.png"], ["x.jpg.png", "x.png.png"]),
        (["x", "x"], ["000000-x.png", "000001-x.png"]),
        (["../../up", "/etc/x"], ["_.._up.png", "_etc_x.png"]),
        (["..", "v1.5"], ["000000-.png", "000001-v1.5.png"]),
    ],
)
def test_names_of_pictures_stay_in_the_folder(tmp_path, names, expected):
    files.write(tmp_path / "out", np.stack([GREY, GREY]), names=names)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted(expected)
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.skipif(not KODAK.is_dir(), reason="needs ../shared/data/kodak (public photographs)")
def test_photographs():
    with pytest.raises(
        InvalidInputError, match=r"kodim01\.png is 512x768 and kodim04\.png is 768x512"
    ):
        files.read(KODAK)
    assert files.read(KODAK, image_size=(32, 48)).X.shape == (8, 32, 48, 3)
