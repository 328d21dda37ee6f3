"""A matrix of videos that play in step: a sheet of posters that stays, and a widget that plays.

The widget (`gallery.js`) asks the kernel for the bytes of each video that comes near the screen.
They travel as binary buffers and are nobody's widget state, so a saved notebook holds none of
them: it keeps the sheet, which needs neither script nor kernel.
"""

from __future__ import annotations

from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfi_notebook.display import gallery_sheet, words
from tfi_notebook.display.gallery_tiles import Box, Places, Tile, named
from tfi_notebook.display.painter import in_kernel, publish
from tfi_notebook.display.player import INLINE_MAX_BYTES, shown_path

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["FPS", "TILES_MAX", "Box", "GalleryView", "Tile", "gallery"]

TILES_MAX = 1000
"""More videos than this are no matrix that anybody looks through."""
FPS = 25.0
_HERE = Path(__file__).parent
_CLOCK = "gallery_clock.js"
_SCRIPTS = (_CLOCK, "gallery_parts.js", "gallery.js")
_NEEDS = 'to play them in step: pip install "tfi-notebook[data]"'


def gallery(
    tiles: Sequence[Tile], *, row_name: str, column_name: str, caption: str, fps: float = FPS
) -> GalleryView:
    r"""Return videos as a matrix that plays, pauses, scrubs and loops in step.

    Rows and columns stand by size where all their labels are numbers, else in the order in which
    the tiles name them. A single row or column flows as the width allows.

    Args:
        tiles: at most one for each row and column, at most `TILES_MAX`.
        row_name: what the rows are, such as `version`.
        column_name: what the columns are.
        caption: one line above it.
        fps: frames per second, for the steps from frame to frame.

    Returns:
        A view that displays itself as the last expression of a cell or through `display`.

    Raises:
        ValueError: two tiles have the same place, or there are too many.

    Example:
        >>> tiles = [Tile(v, n, numbers={"lip_sync": f"0.{v}"}) for v in "45" for n in ("5", "10")]
        >>> gallery(tiles, row_name="version", column_name="iteration_count", caption="a sweep")
        a sweep
        version \ iteration_count  5             10
        4                          lip_sync 0.4  lip_sync 0.4
        5                          lip_sync 0.5  lip_sync 0.5
    """
    if len(tiles) > TILES_MAX:
        raise ValueError(f"a gallery shows at most {TILES_MAX:,} videos, not {len(tiles):,}")
    return GalleryView(Places(tiles, row_name, column_name), words.readable(caption), fps)


@cache
def clock_script() -> str:
    """Return the text that defines `Ensemble`, the clock that keeps videos in step."""
    return (_HERE / _CLOCK).read_text("utf-8")


class GalleryView:
    """A gallery that shows itself: the sheet first, then the widget, which takes its place.

    They are two outputs, because JupyterLab shows an error in the place of a widget whose kernel
    is gone, whatever else the same output holds.
    """

    def __init__(self, places: Places, caption: str, fps: float) -> None:
        self.tiles = places.tiles
        self._places = places
        self._caption = caption
        self._fps = fps

    @cached_property
    def widget(self) -> Any:  # noqa: ANN401 - its class exists only where anywidget does
        """The widget, to be put among others; None without the `data` extra."""
        kind = _widget_class()
        return None if kind is None else kind(self)

    def sheet(self) -> str:
        """Return posters and numbers as HTML without script and style block."""
        remark = _NEEDS if _widget_class() is None else ""
        return gallery_sheet.sheet(self._places, self._caption, remark)

    def spec(self) -> tuple[dict[str, Any], list[bytes]]:
        """Return what the page draws, as JSON, and the posters that its tiles number."""
        places = self._places
        row, column = ({text: n for n, text in enumerate(axis)}
                       for axis in (places.rows, places.columns))  # fmt: skip
        spec = {
            "caption": self._caption,
            "rows": [named(places.row_name, text) for text in places.rows],
            "columns": [named(places.column_name, text) for text in places.columns],
            "flows": places.flows,
            "fps": self._fps,
            "tiles": [
                _tile_spec(tile)
                | {"row": row[tile.row], "column": column[tile.column], "label": places.label(tile)}
                for tile in self.tiles
            ],
        }
        return spec, [_jpeg(tile.poster) for tile in self.tiles]

    def video(self, number: object) -> bytes:
        """Return the bytes of one video, for the page that asks for it.

        Args:
            number: the tile's place in `tiles`, as the page says it.

        Raises:
            LookupError: there is no such video, or it cannot be played here; the text says why.
        """
        if not isinstance(number, int) or not 0 <= number < len(self.tiles):
            raise LookupError("there is no such video")
        path = self.tiles[number].path
        trouble = _trouble(path)
        if path is None or trouble:
            raise LookupError(trouble or "there is no video")
        try:
            return path.read_bytes()
        except OSError:
            raise LookupError(f"{shown_path(path)} cannot be read") from None

    def __repr__(self) -> str:
        """Return the headline numbers as a table of text."""
        return gallery_sheet.text(self._places, self._caption)

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        twins = {"text/html": self.sheet(), "text/plain": repr(self)}
        return twins if self.widget is None else self._view() | twins

    def _view(self) -> dict[str, Any]:
        """The widget's own bundle; its text, a class name, says nothing."""
        bundle: dict[str, Any] = dict(self.widget._repr_mimebundle_()[0])
        del bundle["text/plain"]
        return bundle

    def _ipython_display_(self) -> None:
        if not in_kernel():
            raise NotImplementedError  # IPython falls back to the MIME bundle
        publish({"text/html": self.sheet(), "text/plain": repr(self)})
        if self.widget is not None:
            publish(self._view())


def _tile_spec(tile: Tile) -> dict[str, Any]:
    trouble = _trouble(tile.path)
    return {
        "numbers": [
            [words.readable(name, 40), words.readable(text, 40)]
            for name, text in tile.numbers.items()
        ],
        "note": words.readable(tile.note or trouble),
        "has_poster": bool(_jpeg(tile.poster)),
        "playable": tile.path is not None and not trouble,
        "mouth": tile.mouth,
    }


def _jpeg(poster: bytes | None) -> bytes:
    return poster if poster is not None and gallery_sheet.is_jpeg(poster) else b""


def _trouble(path: Path | None) -> str:
    """Say why a video cannot be played here; empty if it can, and where there is none."""
    if path is None:
        return ""
    try:
        size_bytes = path.stat().st_size
    except OSError:
        return f"{shown_path(path)} is not there any more"
    if size_bytes > INLINE_MAX_BYTES:
        return f"{words.size(size_bytes)} are too much to play here: open {shown_path(path)}"
    return ""


@cache
def _widget_class() -> Any:  # noqa: ANN401 - a class made at run time
    """Return the class of the widget, or None where anywidget is not installed."""
    try:
        import anywidget  # noqa: PLC0415 - an optional extra
    except ImportError:
        return None

    class GalleryWidget(anywidget.AnyWidget):
        """The gallery on the page. It has no state: what it shows it asks for."""

        _esm = "\n".join((_HERE / name).read_text("utf-8") for name in _SCRIPTS)
        _css = (_HERE / "gallery.css").read_text("utf-8")

        def __init__(self, view: GalleryView) -> None:
            super().__init__()
            self.on_msg(lambda _, asked, __: self._answer(view, asked))

        def _answer(self, view: GalleryView, asked: dict[str, Any]) -> None:
            if asked.get("op") == "open":
                spec, posters = view.spec()
                self.send({"op": "tiles", "gallery": spec}, posters)
            elif asked.get("op") == "video":
                self._send_video(view, asked.get("tile"))

        def _send_video(self, view: GalleryView, number: object) -> None:
            reply = {"op": "video", "tile": number}
            try:
                self.send(reply, [view.video(number)])
            except LookupError as error:
                self.send(reply | {"problem": str(error)})

    return GalleryWidget
