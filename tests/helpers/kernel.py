"""A notebook run by a real kernel, with every message that a front end would have got."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import nbformat
from nbclient import NotebookClient

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass
class Ran:
    """An executed notebook.

    Attributes:
        notebook: the notebook as it is saved.
        messages: (time of sending in s, type, content) of each message for the front end.
    """

    notebook: Any
    messages: list[tuple[float, str, Any]] = field(default_factory=list)

    def outputs(self, cell: int) -> list[Any]:
        """Return the outputs of a cell."""
        return list(self.notebook.cells[cell].outputs)

    def text(self, cell: int) -> str:
        """Return the plain text of a cell's only output."""
        (output,) = self.outputs(cell)
        return str(output["data"]["text/plain"] if "data" in output else output["text"])

    def times(self, kind: str) -> list[float]:
        """Return when messages of a type were sent."""
        return [when for when, sort, _ in self.messages if sort == kind]

    def saved(self) -> str:
        """Return the text of the saved file."""
        return str(nbformat.writes(self.notebook))


def new_notebook(*cells: str) -> Any:
    """Return a notebook of code cells."""
    v4 = nbformat.v4
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    return v4.new_notebook(cells=[v4.new_code_cell(cell) for cell in cells], metadata=metadata)


def run_notebook(
    folder: Path,
    *cells: str,
    timeout_s: int = 120,
    heard: Callable[[str, Any], None] = lambda _kind, _content: None,
) -> Ran:
    """Run cells in a fresh kernel, with `folder` as its working folder.

    Args:
        folder: the working folder.
        *cells: code.
        timeout_s: longest time for one cell.
        heard: gets type and content of each message for the front end, while the cell runs.

    Raises:
        CellExecutionError: a cell raised.
    """
    book = new_notebook(*cells)
    ran = Ran(book)

    class Listening(NotebookClient):  # type: ignore[misc] # mypy skips this library
        def process_message(self, message: dict[str, Any], *rest: Any) -> Any:
            sent = message["header"]["date"].timestamp()
            ran.messages.append((sent, message["msg_type"], message["content"]))
            heard(message["msg_type"], message["content"])
            return super().process_message(message, *rest)

    client = Listening(book, timeout=timeout_s, resources={"metadata": {"path": str(folder)}})
    ran.notebook = client.execute()
    return ran
