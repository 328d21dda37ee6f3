"""Tables as sweeps: one job for each row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfi_notebook import arguments
from tfi_notebook.contract.templates import TemplatePayload
from tfi_notebook.errors import PayloadError, SweepError
from tfi_notebook.lifecycle import default
from tfi_notebook.sweeps.axes import INSIDE, Axes, side_by_side

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped] # it publishes no types

    from tfi_notebook.contract.model import Payload
    from tfi_notebook.lifecycle.workspace import Workspace

_KIND = {"job_type": "ai_talking_video"}


def frame_axes(frame: pd.DataFrame) -> Axes:
    """Return a table's columns as axes; an empty cell becomes None, which no field takes.

    Raises:
        SweepError: it is no table, has no rows or columns, or two columns of one name.
    """
    _require_table(frame)
    filled = frame.astype(object).where(frame.notna(), None)
    return side_by_side({str(name): filled[name].tolist() for name in frame.columns})


def _require_table(frame: object) -> None:
    columns = getattr(frame, "columns", None)
    if columns is None or not hasattr(frame, "notna"):
        raise SweepError(
            f"must be a pandas frame, not {arguments.told(frame)}",
            field="frame",
            hint='pandas.DataFrame({"version": [5, 6]}) makes one',
        )
    names = [str(name) for name in columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SweepError(f"two columns are called {twice[0]!r}", field="frame", hint="rename one")
    if not names or getattr(frame, "empty", False):
        hint = "one row for each job, one column for each field"
        raise SweepError("the table is empty", field="frame", hint=hint)


def first_payload(axes: Axes, workspace: Workspace | None) -> Payload:
    """Build a payload from the first row that makes one; locally, samples fill in the rest.

    Raises:
        PayloadError: no row makes one; what is wrong with the last.
    """
    build = workspace.build_payload if workspace else default.build_payload
    is_template = any(name == "template_id" or name.startswith(INSIDE) for name in axes.names)
    problem = PayloadError({"frame": "has no columns"})
    for row in axes.rows(list(axes.columns.values())):
        given = dict(zip(axes.names, row, strict=True))
        try:
            if is_template:
                fields = {name: value for name, value in given.items() if "." not in name}
                return TemplatePayload(**(_KIND | fields))
            return build(**given)
        except PayloadError as error:
            problem = error
    raise problem
