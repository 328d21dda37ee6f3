"""The panel's tabs: one video, a sweep of it, everything ever submitted."""

from __future__ import annotations

import traitlets

from tfi_notebook.widgets.front import css, esm
from tfi_notebook.widgets.part import Drawn

NAMES = ("Video", "Sweep", "History")


class Tabs(Drawn):
    """The switch between the tabs; what they show is the panel's.

    Attributes:
        title: what stands above the tabs, as safe HTML.
        value: the name of the tab that is chosen, one of `NAMES`.
    """

    _esm = esm("alive.js", "tabs.js")
    _css = css("tabs.css")
    title = traitlets.Unicode().tag(sync=True)
    names = traitlets.List(default_value=list(NAMES)).tag(sync=True)
    value = traitlets.Enum(NAMES, default_value=NAMES[0]).tag(sync=True)
