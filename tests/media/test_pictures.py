"""Pictures: the header is read before a pixel is decoded; what comes out is RGB."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.pictures import one_colour_png
from tfi_notebook.errors import NotAPictureError, PictureTooLargeError
from tfi_notebook.media.frames import (
    MAX_PIXELS,
    contact_sheet,
    encode_jpeg,
    encode_png,
    picture_header,
    read_picture,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SUFFIXES = {"PNG": ".png", "JPEG": ".jpg", "WebP": ".webp", "BMP": ".bmp"}


def quarters() -> NDArray[np.uint8]:
    """Red, green / blue, white; 40 wide and 20 high."""
    picture = np.zeros((20, 40, 3), np.uint8)
    picture[:10, :20], picture[:10, 20:] = (255, 0, 0), (0, 255, 0)
    picture[10:, :20], picture[10:, 20:] = (0, 0, 255), (255, 255, 255)
    return picture


def file_of(picture: NDArray[np.uint8], suffix: str) -> bytes:
    return cv2.imencode(suffix, picture)[1].tobytes()


@pytest.mark.parametrize("name", SUFFIXES)
def test_the_header_tells_format_and_size(name: str) -> None:
    data = file_of(np.zeros((37, 91, 3), np.uint8), SUFFIXES[name])
    assert picture_header(data) == (name, 91, 37)


def test_every_kind_of_webp_header_is_understood() -> None:
    lossy = cv2.imencode(".webp", np.zeros((37, 91, 3), np.uint8), [cv2.IMWRITE_WEBP_QUALITY, 50])
    extended = b"RIFF\x1a\0\0\0WEBPVP8X\x0a\0\0\0\x10\0\0\0" + struct.pack(
        "<HBHB", 4999 & 0xFFFF, 0, 69_999 & 0xFFFF, 69_999 >> 16
    )
    assert lossy[1].tobytes()[12:16] == b"VP8 "
    assert picture_header(lossy[1].tobytes()) == ("WebP", 91, 37)
    assert picture_header(extended) == ("WebP", 5000, 70_000)


@pytest.mark.parametrize("name", SUFFIXES)
def test_a_file_that_breaks_off_in_its_header_is_refused(name: str) -> None:
    data = file_of(quarters(), SUFFIXES[name])
    with pytest.raises(NotAPictureError):
        picture_header(data[:17])


@given(st.binary(max_size=80), st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM"]))
def test_no_bytes_make_the_header_reader_stumble(tail: bytes, start: bytes) -> None:
    try:
        _, width, height = picture_header(start + tail)
    except NotAPictureError:
        return
    assert width >= 1
    assert height >= 1


def test_a_bomb_is_refused_by_its_header() -> None:
    bomb = one_colour_png(20_000, 20_000)
    assert len(bomb) < 500_000  # 400 million pixels in a small file
    assert picture_header(bomb) == ("PNG", 20_000, 20_000)
    with pytest.raises(PictureTooLargeError, match="20000x20000") as caught:
        read_picture(bomb, field="image_url")
    assert caught.value.field == "image_url"


def test_the_limits_are_met_exactly() -> None:
    just_fits = one_colour_png(4_000, MAX_PIXELS // 4_000)
    assert read_picture(just_fits).shape == (10_000, 4_000, 3)
    with pytest.raises(PictureTooLargeError):
        read_picture(one_colour_png(4_000, MAX_PIXELS // 4_000 + 1))
    with pytest.raises(PictureTooLargeError, match="along an edge"):
        read_picture(one_colour_png(17_000, 10))


@pytest.mark.parametrize("name", SUFFIXES)
def test_colours_come_out_as_red_green_blue(name: str, tmp_path: Path) -> None:
    bgr = np.asarray(quarters()[..., ::-1], np.uint8)
    path = tmp_path / "picture"
    path.write_bytes(file_of(bgr, SUFFIXES[name]))
    picture = read_picture(path)
    assert picture.shape == (20, 40, 3)
    for y, x, colour in [(4, 8, (255, 0, 0)), (4, 32, (0, 255, 0)), (16, 8, (0, 0, 255))]:
        assert picture[y, x].tolist() == pytest.approx(colour, abs=40)


def test_a_camera_s_rotation_is_undone() -> None:
    jpeg = encode_jpeg(quarters(), quality=95)
    # EXIF: one entry, orientation 6 = "turn by 90 degrees clockwise to look at it"
    entry = struct.pack(">HHIHH", 0x0112, 3, 1, 6, 0)
    tiff = b"MM\0*" + struct.pack(">I", 8) + struct.pack(">H", 1) + entry + b"\0\0\0\0"
    segment = b"Exif\0\0" + tiff
    turned = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + jpeg[2:]

    assert picture_header(turned) == ("JPEG", 40, 20)
    picture = read_picture(turned)
    assert picture.shape == (40, 20, 3)
    # red has moved to the right
    assert picture[5, 15].tolist() == pytest.approx((255, 0, 0), abs=40)


def test_grey_sixteen_bit_and_transparent_pictures_become_rgb() -> None:
    grey = np.full((8, 9), 77, np.uint8)
    assert read_picture(file_of(grey, ".png"))[0, 0].tolist() == [77, 77, 77]

    deep = cv2.imencode(".png", np.full((8, 9, 3), 0x8080, np.uint16))[1].tobytes()
    assert read_picture(deep)[0, 0].tolist() == [128, 128, 128]

    clear = np.zeros((8, 9, 4), np.uint8)
    clear[:, 5:] = (30, 60, 90, 255)  # BGRA
    picture = read_picture(file_of(clear, ".png"))
    assert picture[0, 0].tolist() == [200, 200, 200]
    assert picture[0, 8].tolist() == [90, 60, 30]


@pytest.mark.parametrize("data", [b"", b"GIF89a" + b"\0" * 50, b"<svg/>", b"%PDF-1.7"])
def test_other_files_are_no_pictures(data: bytes) -> None:
    with pytest.raises(NotAPictureError) as caught:
        read_picture(data, field="image_url")
    assert caught.value.field == "image_url"


@pytest.mark.parametrize("name", ["PNG", "WebP"])
def test_damaged_pixels_are_no_picture(name: str) -> None:
    noise = np.asarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3)), np.uint8)
    with pytest.raises(NotAPictureError):
        read_picture(file_of(noise, SUFFIXES[name])[:60])


def test_what_is_encoded_can_be_read_again() -> None:
    assert np.array_equal(read_picture(encode_png(quarters())), quarters())
    smooth = np.full((40, 40, 3), (200, 120, 60), np.uint8)
    assert read_picture(encode_jpeg(smooth))[20, 20].tolist() == pytest.approx(
        (200, 120, 60), abs=3
    )
    noise = np.asarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3)), np.uint8)
    assert len(encode_jpeg(noise, quality=20)) < len(encode_jpeg(noise, quality=95))


def test_a_contact_sheet_lays_frames_out_in_reading_order() -> None:
    frames = [np.full((10, 20, 3), shade, np.uint8) for shade in (10, 20, 30)]
    sheet = contact_sheet(frames, columns=2)
    assert sheet.shape == (20, 40, 3)
    assert [sheet[5, 5, 0], sheet[5, 25, 0], sheet[15, 5, 0], sheet[15, 25, 0]] == [10, 20, 30, 255]
    with pytest.raises(ValueError, match="at least one"):
        contact_sheet([], columns=3)
