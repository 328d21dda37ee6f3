"""What is left out of a saved notebook: widget state, and widget views nobody can open again.

Widget state saved into a notebook may hold what was typed, is large, and makes `nbconvert` show
an empty page without a network, while the HTML twin of each output reads everywhere. The style
block that pandas puts before each of its tables goes too: GitHub drops it anyway. And so does the
line of a wait, which depends on how busy the machine was.
"""

from __future__ import annotations

import copy
import re
from typing import Any

from tfi_notebook.display.painter import PASSING

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
_TWINS = ("text/html", "text/plain")
_STYLE = re.compile(r"<style scoped>.*?</style>\n?", re.DOTALL)


def strip_widgets(notebook: Any, resources: dict[str, Any]) -> tuple[Any, dict[str, Any]]:  # noqa: ANN401 - an nbformat NotebookNode
    """Take widgets out of an executed notebook; a post-processor of pytest-notebook.

    Args:
        notebook: the executed notebook (`nbformat` 4); it is not changed.
        resources: what post-processors share; `widget_state` is added for tests to look at.

    Returns:
        The stripped copy, and the resources. Removed are the state in `metadata.widgets`, the
        Python version, the style blocks of tables, the lines of waits, and every widget view: where
        an output has an HTML or plain twin the twin stays, where it has nothing else the whole
        output goes.
    """
    stripped = copy.deepcopy(notebook)
    resources["widget_state"] = stripped["metadata"].pop("widgets", None)
    stripped["metadata"].get("language_info", {}).pop("version", None)
    for cell in stripped["cells"]:
        if "outputs" in cell:
            cell["outputs"] = [out for out in cell["outputs"] if _without_extras(out)]
    return stripped, resources


def _without_extras(output: Any) -> bool:  # noqa: ANN401 - an nbformat NotebookNode
    """Drop style block and widget view of one output; return whether anything readable is left."""
    data = output.get("data", {})
    if PASSING in output.get("metadata", {}):
        return False
    if "text/html" in data:
        data["text/html"] = _STYLE.sub("", data["text/html"])
    if WIDGET_VIEW not in data:
        return True
    del data[WIDGET_VIEW]
    return any(twin in data for twin in _TWINS)
