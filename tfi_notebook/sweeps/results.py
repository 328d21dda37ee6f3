"""What a run gives when it has something to show: its table, exports, plots and decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tfi_notebook import arguments
from tfi_notebook.errors import ArgumentError
from tfi_notebook.lifecycle.export import write_csv, write_excel, write_parquet
from tfi_notebook.sweeps.cell import HasCells
from tfi_notebook.sweeps.columns import require
from tfi_notebook.sweeps.front import front_of
from tfi_notebook.sweeps.plots import plot_of
from tfi_notebook.sweeps.recommend import recommend
from tfi_notebook.sweeps.report import write_report
from tfi_notebook.sweeps.scored import with_scores
from tfi_notebook.sweeps.table import Points, columns_of, points_frame

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd  # type: ignore[import-untyped] # it publishes no types

    from tfi_notebook.display.gallery import GalleryView
    from tfi_notebook.sweeps.front import Front
    from tfi_notebook.sweeps.plots import Plot
    from tfi_notebook.sweeps.recommend import Recommendation


class HasResults(HasCells, Protocol):
    """A run with its table."""

    def points(self) -> Points:
        """Return the run's points, column by column."""

    def results(self, *, scores: bool = True) -> pd.DataFrame:
        """Return the run as a tidy table."""


class HasGallery(HasResults, Protocol):
    """A run with its table and its videos."""

    def gallery(self) -> GalleryView:
        """Return the videos as a matrix."""


class Results:
    """Gives a run its table, its exports, and the decisions that rest on them."""

    def points(self: HasCells) -> Points:
        """Return the run's points, column by column; a run that reads in bulk has its own way."""
        return columns_of(self)

    def results(self: HasResults, *, scores: bool = True) -> pd.DataFrame:
        """Return the run as a tidy table: one line for each point, ended or not.

        The columns: each axis; `status`; `queue_s` and `render_s` in s, as seen from here;
        `credits`; the scores of the finished video, `lip_sync` first (see `docs/scores.md`);
        `job_id`; `path` (below the working folder, or the bare name); `problem`. What is not
        known is missing (`NA`), never 0.

        Args:
            scores: measure the finished videos; what was measured before comes from a cache.
                Without the packages for it the columns are left out, with a warning.

        Raises:
            MissingExtraError: pandas is not installed (extra `data`).
        """
        frame = points_frame(self.points())
        return with_scores(frame, self.cells(), self.workspace.settings) if scores else frame

    def plot(
        self: HasResults, x: str, y: str, color: str | None = None, facet: str | None = None
    ) -> Plot:
        """Return a chart of two columns: a point for each video, a line through the medians.

        Args:
            x: column along the horizontal axis, such as `iteration_count`.
            y: column along the vertical axis, such as `lip_sync` or `render_s`.
            color: column that colours points and lines, such as `version`.
            facet: column of which each value gets a chart of its own.

        Returns:
            A view that shows itself; `.chart` is the Altair chart, to go on from.

        Raises:
            SweepError: the results have no such column.
            ArgumentError: `x` or `y` is no name.
            MissingExtraError: pandas, Altair or vl-convert is not installed (extra `data`).
        """
        _require_name("x", x)
        _require_name("y", y)
        return plot_of(_table(self, x, y, color, facet), x, y, color, facet)

    def front(self: HasResults, *columns: str) -> Front:
        """Return the settings that no other beats in every one of these columns.

        Args:
            *columns: two or more of the results' columns that have a better direction: scores,
                `credits`, `render_s`, `queue_s`.

        Returns:
            A view that shows itself; `.frame()` is the table, `.plot()` the chart.

        Raises:
            SweepError: no such column, or nothing says which of its values is better.
            MissingExtraError: pandas is not installed (extra `data`).
        """
        return front_of(_table(self, *columns), self.axes, columns)

    def recommend(
        self: HasResults,
        *,
        maximize: str | None = None,
        minimize: str | None = None,
        within: Mapping[str, float | tuple[float | None, float | None]] | None = None,
    ) -> Recommendation:
        """Say which setting to use, why, and how sure that is.

        Points that differ in picture or voice alone are tries of one setting.

        Args:
            maximize: the column to be as large as possible, such as `lip_sync`.
            minimize: or the column to be as small as possible, such as `credits`.
            within: bounds on a setting's mean in other columns: `{"credits": 20}` is at most 20
                (for a score of which more is better: at least); `(low, high)` is both, None open.

        Raises:
            SweepError: no such column, or no setting keeps the bounds; with the nearest.
            ArgumentError: `within` is no mapping.
            MissingExtraError: pandas is not installed (extra `data`).
        """
        bounds = arguments.mapping("within", within, hint='within={"credits": 20}')
        frame = _table(self, maximize, minimize, *bounds)
        return recommend(frame, self.axes, maximize, minimize, bounds)

    def report(self: HasGallery, path: str | Path) -> Path:
        """Write the whole run as one HTML page that needs nothing else: no network, no kernel.

        Args:
            path: the file; it is replaced.

        Returns:
            The file.

        Raises:
            MissingExtraError: pandas, Altair or vl-convert is not installed (extra `data`).
            SettingsError: the file cannot be written.
        """
        return write_report(self, path)

    def to_csv(self: HasResults, path: str | Path) -> None:
        """Write the results as CSV in which no text is a formula.

        Raises:
            MissingExtraError: pandas is not installed (extra `data`).
            SettingsError: the file cannot be written.
        """
        write_csv(self.results(), path)

    def to_parquet(self: HasResults, path: str | Path) -> None:
        """Write the results as Parquet, with the types of the columns.

        Raises:
            MissingExtraError: pandas or pyarrow is not installed (extra `data`).
            SettingsError: the file cannot be written.
        """
        write_parquet(self.results(), path)

    def to_excel(self: HasResults, path: str | Path) -> None:
        """Write the results as XLSX in which every text is text.

        Raises:
            MissingExtraError: pandas or XlsxWriter is not installed (extra `data`).
            SettingsError: the file cannot be written.
        """
        write_excel(self.results(), path)


def _require_name(field: str, name: object) -> None:
    if not isinstance(name, str):
        hint = 'run.plot("iteration_count", "render_s")'
        raise ArgumentError("must be the name of a column", field=field, hint=hint)


def _table(run: HasResults, *names: str | None) -> pd.DataFrame:
    """Return the results with these columns, and measure the videos only if one asks for it."""
    frame = run.results(scores=False)
    if any(isinstance(name, str) and name not in frame.columns for name in names):
        frame = run.results()
    require(frame, names)
    return frame
