"""What is entered in a form: the entries of both payload forms, and what is wrong with them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tfi_notebook.contract.fields import plain
from tfi_notebook.contract.model import did_you_mean
from tfi_notebook.contract.templates import TemplatePayload
from tfi_notebook.contract.values import ASSET_KEYS
from tfi_notebook.display import words
from tfi_notebook.errors import ArgumentError, PayloadError
from tfi_notebook.widgets.fields import SOUND, VALUE, described, template

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tfi_notebook.contract.model import Payload
    from tfi_notebook.contract.records import MappingFields, Project

_UUID_AT_END = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\s*$", re.IGNORECASE)
_NAME_CHARS = 80


def is_filled_template(values: Mapping[str, Any]) -> bool:
    """Tell whether fields are of form B; a call that leaves picture and sound out is none."""
    return isinstance(values.get("values"), Mapping) or "template_id" in values


class Entries:
    """The entries of one form: flat ones for form A, and a template's for form B.

    Args:
        model: the model of form A.
        first: what is entered at first, by field; the rest takes its default.
        needs_all: a template's values must all be there, as the local service demands; of
            another service that is not known.

    Attributes:
        fields: the fields that are asked for now, as `fields.described` gives them.
        mapping: the template that is filled in; None for form A.
        template_of: the project whose template that is.
        blamed: what the service said, field → message, until that field changes.
        projects: what is offered → the id that it means.
    """

    def __init__(
        self, model: type[Payload], first: Mapping[str, Any], *, needs_all: bool = False
    ) -> None:
        self._model, self._needs_all = model, needs_all
        self.fields = described(model)
        self._flat_names = [field["name"] for field in self.fields]
        defaults = {f["name"]: f["default"] for f in self.fields if "default" in f}
        self._defaults = defaults
        self._first = defaults | {name: _kept(value) for name, value in first.items()}
        self._entered: dict[str, Any] = dict(self._first)
        self._aside: dict[str, Any] = {}
        self.mapping: MappingFields | None = None
        self.template_of = ""
        self.blamed: dict[str, str] = {}
        self.projects: dict[str, str] = {}

    # -- what comes in ---------------------------------------------------------------------

    def take(self, changes: Mapping[str, Any]) -> None:
        """Take entries by the names of their controls; a changed one is no longer blamed."""
        for name, value in changes.items():
            if self._entered.get(name) != value:
                self.blamed.pop(name, None)
            self._entered[name] = _kept(value)

    def fill(self, values: Mapping[str, Any]) -> None:
        """Take the fields of a payload of either form; those that are not named stay.

        Nothing, where there is a default, means the default: it is what would be sent.

        Raises:
            ArgumentError: naming a field that there is not.
        """
        if is_filled_template(values):
            self.take(self._from_template(values))
            return
        known = {*self._flat_names, *(field["name"] for field in self.fields)}
        for name in values:
            if name not in known:
                raise ArgumentError("is not a field" + did_you_mean(name, dict.fromkeys(known)),
                                    field=name)  # fmt: skip
        nothing = {name for name, value in values.items() if _is_nothing(value)}
        self.take({**values, **{n: self._defaults[n] for n in nothing & self._defaults.keys()}})

    def reset(self) -> None:
        """Go back to the first entries, and forget those of the template."""
        self._entered = dict(self._first)
        self._aside.clear()
        self.blamed.clear()

    def ask(self, mapping: MappingFields | None) -> bool:
        """Ask for a template's fields from now on, None for the flat ones; tell if that is new."""
        self.template_of = self.project() if mapping else ""
        if mapping is self.mapping:
            return False
        self.mapping = mapping
        self.fields = template(self._model, mapping) if mapping else described(self._model)
        return True

    def offer(self, projects: Iterable[Project]) -> None:
        """Offer projects by name and id."""
        named = [(words.readable(item.name, _NAME_CHARS), item.project_id) for item in projects]
        self.projects = {f"{name} · {key}" if name else key: key for name, key in named}

    def blame(self, field: str | None, message: str) -> None:
        """Note what the service said of a field; nothing if there is no control for it."""
        name = self._control_of(field or "")
        if name in self.names():
            self.blamed[name] = message

    # -- what comes out --------------------------------------------------------------------

    def names(self) -> list[str]:
        """Return the names of the controls that are there now."""
        return [field["name"] for field in self.fields]

    def entered(self) -> dict[str, Any]:
        """Return what stands in the controls, as JSON."""
        given = {name: self._entered.get(name) for name in self.names()}
        return {name: _json(value) for name, value in given.items() if value is not None}

    def values(self) -> dict[str, Any]:
        """Return the payload's fields as they are entered; without an entry they are left out."""
        flat = {name: self._value(name) for name in self.names()}
        given = {name: value for name, value in flat.items() if value not in (None, "")}
        if self.mapping is None:
            return given
        body = dict(self._aside.get("", {}))
        body["job_type"] = given.get("job_type", "")
        if "project_id" in given:
            body["template_id"] = given["project_id"]
        return body | {"values": self._template_values(given)}

    def check(self) -> tuple[Payload | None, dict[str, str]]:
        """Return the payload, or None and what is wrong with which control."""
        model = TemplatePayload if self.mapping else self._model
        problems = dict.fromkeys(self._missing(), "is required")
        try:
            payload = model(**self.values())
        except PayloadError as error:
            problems |= {self._control_of(name): text for name, text in error.problems.items()}
        return (None, problems) if problems else (payload, {})

    def right(self, problems: Mapping[str, str]) -> dict[str, Any]:
        """Return what is entered in controls that have no problem, empty ones of a template too."""
        flat = {name: self._value(name) for name in self.names() if name not in problems}
        return {
            name: "" if value is None else value
            for name, value in flat.items()
            if value is not None or name.startswith(VALUE)
        }

    def project(self) -> str:
        """Return the id of the project that is entered; empty if there is none."""
        return self._value("project_id") or ""

    # -- within ----------------------------------------------------------------------------

    def _missing(self) -> list[str]:
        """Return the controls of a template's values that are empty and must not be.

        A file that was tried and is of no use is one that nobody means to leave out.
        """
        values = [field for field in self.fields if field["name"].startswith(VALUE)]
        tried = {field["name"] for field in values if field["kind"] == "url"} & self.blamed.keys()
        asked = [f["name"] for f in values if self._needs_all or f["name"] in tried]
        return [name for name in asked if self._entered.get(name) in (None, "")]

    def _value(self, name: str) -> Any:  # noqa: ANN401 - as many types as fields
        raw = self._entered.get(name)
        if name != "project_id" or not isinstance(raw, str):
            return raw
        if raw in self.projects:
            return self.projects[raw]
        found = _UUID_AT_END.search(raw)  # a name may stand before it
        return (found[0] if found else raw).strip()

    def _template_values(self, given: Mapping[str, Any]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for field in self.fields:
            name = field["name"]
            if name not in given or not name.startswith(VALUE):
                continue
            value = given[name]
            if field["kind"] == "url":
                key = "audio_url" if field["media"] == SOUND else "image_url"
                value = self._aside.get(name, {}) | {key: value}
            values[name.removeprefix(VALUE)] = value
        return values

    def _from_template(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return a template's body as entries; what has no control is kept aside for it."""
        entries = {"job_type": body["job_type"]} if "job_type" in body else {}
        if project := body.get("template_id") or body.get("project_id"):
            entries["project_id"] = project
        shown = {"job_type", "template_id", "project_id", "values"}
        self._aside = {"": {name: body[name] for name in body.keys() - shown}}
        for name, value in dict(body.get("values", {})).items():
            key = next(
                (key for key in ASSET_KEYS if isinstance(value, Mapping) and key in value), ""
            )
            entries[VALUE + name] = value[key] if key else value
            if key:
                self._aside[VALUE + name] = {k: v for k, v in value.items() if k != key}
        return entries

    def _control_of(self, field: str) -> str:
        """Return the control that an error's field belongs to."""
        if field == "template_id":
            return "project_id"
        within = [name for name in self.names() if field == name or field.startswith(f"{name}.")]
        return max(within, key=len, default=field)


def _is_nothing(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _kept(value: Any) -> Any:  # noqa: ANN401 - as many types as fields
    """Return what may stand in a control: plain numbers for numpy's, lists for tuples."""
    value = plain(value)
    return list(value) if isinstance(value, tuple) else value


def _json(value: Any) -> Any:  # noqa: ANN401 - the same
    """Return what the browser shows of an entry: what JSON cannot carry, as text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, list):
        return [str(item) for item in value]
    return value if isinstance(value, (str, int, float)) else str(value)
