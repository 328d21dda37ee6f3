"""Hooks of `mkdocs build`: the tutorials join the pages, and tables are read from the code.

A page asks for a table by a comment such as `<!-- table: limits -->`, so that no default, unit or
hint stands twice.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import griffe
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tfi_notebook import cli  # noqa: E402 - needs the path
from tfi_notebook.contract.payloads import TalkingVideoPayload  # noqa: E402 - the same
from tfi_notebook.contract.templates import TemplatePayload  # noqa: E402 - the same
from tfi_notebook.errors import by_code  # noqa: E402 - the same

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

    from tfi_notebook.contract.model import Payload

ASKED = re.compile(r"<!-- table: (\w+) -->")
FETCHED = re.compile(
    r'<script type="module">(?:(?!</script>).)*mermaid(?:(?!</script>).)*</script>', re.DOTALL
)
EXAMPLE = re.compile(r"^Example:$", re.MULTILINE)
INDEX = "notebooks/README.md"
# how the notebooks link to what stands elsewhere on the site, and is HTML there
LINKS = (
    (re.compile(r'href="\.\./docs/(\w+)\.md'), r'href="../\1.html'),
    (re.compile(r'href="(\w+)\.ipynb"'), r'href="\1.html"'),
    (re.compile(r'href="README\.md"'), 'href="index.html"'),
)
UNITS = {"_per_s": "per s", "_s": "s", "_bytes": "bytes"}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Name every notebook in the navigation, in the order of their numbers."""
    tutorials: list[str] = next(part["Tutorial"] for part in config.nav or [] if "Tutorial" in part)
    tutorials[:] = [INDEX, *(f"notebooks/{path.name}" for path in notebooks())]
    return config


@event_priority(100)  # before the plugin that turns notebooks into pages
def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the notebooks and their index, which stand beside the folder of pages."""
    for name in (INDEX, *(f"notebooks/{path.name}" for path in notebooks())):
        files.append(
            File(
                name, str(ROOT), config.site_dir,
                use_directory_urls=config.use_directory_urls,
            )
        )  # fmt: skip
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Put the tables where a page asks for them, and lead the index to what the site has."""
    if page.file.src_uri == INDEX:
        markdown = markdown.replace("../docs/", "../").replace(
            "[app.ipynb](app.ipynb)", "app.ipynb"
        )
    return ASKED.sub(lambda asked: TABLES[asked[1]](), markdown)


def on_post_page(output: str, page: Page, **_: object) -> str:
    """Lead the links of notebooks to pages, and leave out what Jupyter's template would fetch."""
    if page.file.src_uri.endswith(".ipynb"):
        for written, on_site in LINKS:
            output = written.sub(on_site, output)
    return FETCHED.sub("", output)


def notebooks() -> list[Path]:
    """Return the tutorials, in the order of their numbers."""
    return sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))


def limits() -> str:
    """Every limit with its default and unit, from the source: its texts stand below the names."""
    module = griffe.load("tfi_notebook.limits", search_paths=[ROOT], allow_inspection=False)
    members = module["Limits"].attributes.values()
    rows = (
        (f"`{each.name}`", f"`{each.value}`", _unit(each.name), _text(each)) for each in members
    )
    return _table(("limit", "default", "unit", "what it bounds"), rows)


def errors() -> str:
    """Every error with its code and what to do; what it means stands below the table."""
    anchor = "#tfi_notebook.errors."
    rows = (
        (f"[`{cls.__name__}`]({anchor}{cls.__name__})", f"`{code}`", cls.default_hint)
        for code, cls in by_code().items()
    )
    return _table(("error", "code", "what to do"), rows)


def fields(form: type[Payload]) -> str:
    """Every field of a form with its default."""
    rows = (
        (f"`{name}`", "needed" if info.is_required() else f"`{info.get_default()!r}`",
         info.description or "")
        for name, info in form.model_fields.items()
    )  # fmt: skip
    return _table(("field", "default", "what it is"), rows)


def commands() -> str:
    """The help of every command, as the terminal shows it."""
    os.environ["COLUMNS"] = "96"  # not as wide as the terminal that builds
    actions = cli.parser()._actions  # noqa: SLF001 - argparse tells it in no other way
    named = next(each.choices for each in actions if isinstance(each.choices, dict))
    helps = {name: command.format_help() for name, command in named.items()}
    return "\n\n".join(f"## {name}\n\n```text\n{text}```" for name, text in helps.items())


class ExampleSection(griffe.Extension):
    """Reads `Example:` as the section that griffe knows by its plural: code, not prose."""

    def on_instance(self, *, obj: griffe.Object, **_: object) -> None:
        """Rename the section of one docstring."""
        if obj.docstring:
            obj.docstring.value = EXAMPLE.sub("Examples:", obj.docstring.value)


TABLES: dict[str, Callable[[], str]] = {
    "limits": limits,
    "errors": errors,
    "form_a": lambda: fields(TalkingVideoPayload),
    "commands": commands,
    "form_b": lambda: fields(TemplatePayload),
}


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |" for row in lines
    )


def _unit(name: str) -> str:
    return next((unit for ending, unit in UNITS.items() if name.endswith(ending)), "")


def _text(attribute: griffe.Attribute) -> str:
    return _first_line(attribute.docstring and attribute.docstring.value)


def _first_line(text: str | None) -> str:
    return " ".join((text or "").strip().split("\n\n")[0].split())
