"""Projects of the account, and the fields that a template wants filled in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tfi_notebook.contract.reading import first, mapping, moment, text, unusable
from tfi_notebook.contract.values import FrozenMap

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Project:
    """An active project of the account.

    Attributes:
        project_id: its id, for `project_id` or `template_id` of a payload.
        name: its name; empty if it has none.
        project_type: what it makes, such as `ai_talking_video`.
        start_date: since when it is active, or None.
        end_date: until when it is active, or None.
    """

    project_id: str
    name: str
    project_type: str
    start_date: datetime | None = None
    end_date: datetime | None = None

    @classmethod
    def parse_all(cls, body: object) -> list[Project]:
        """Read `GET /api/provider/projects/active`; rows without an id are left out.

        Raises:
            NotFoundError, BadResponseError: the answer holds an error in place of a list.
        """
        fields = mapping(body)
        rows = fields.get("data")
        if rows is None and "error" in fields:
            raise unusable(body, "holds no projects")
        mappings = [mapping(row) for row in rows] if isinstance(rows, list) else []
        return [cls._parse(row) for row in mappings if text(row.get("projectId"))]

    @classmethod
    def _parse(cls, row: Mapping[str, object]) -> Project:
        return cls(
            project_id=text(row["projectId"]),
            name=text(row.get("projectName")),
            project_type=text(row.get("projectType")),
            start_date=moment(row.get("startDate")),
            end_date=moment(row.get("endDate")),
        )


@dataclass(frozen=True, slots=True)
class MappingField:
    """One field of a template.

    Attributes:
        label: its name for people.
        instruction_type: what it takes: `text`, `audio`, `image`, or a word yet unknown;
            empty if the API does not say.
    """

    label: str
    instruction_type: str = ""


@dataclass(frozen=True, slots=True)
class MappingFields:
    """What `TemplatePayload.values` of one project may hold.

    Attributes:
        project_id: the project.
        name: its name; empty if it has none.
        project_type: what it makes.
        fields: field id (the key in `values`) → label and kind; cannot be changed.
        fetched_at: when the service read it, or None.
    """

    project_id: str
    name: str
    project_type: str
    fields: Mapping[str, MappingField]
    fetched_at: datetime | None = None

    @classmethod
    def parse(cls, body: object) -> MappingFields:
        """Read `GET /api/provider/projects/:id/mapping-fields`, nested under `data` or flat.

        Raises:
            NotFoundError: the answer says that there is no such project.
            BadResponseError: it holds no mapping fields.

        Example:
            >>> body = {"projectId": "p", "data": {"fields": {"avatar": {"label": "Avatar"}}}}
            >>> MappingFields.parse(body).fields["avatar"]
            MappingField(label='Avatar', instruction_type='')
        """
        found = _Either(body)
        fields = found("fields")
        if mapping(fields) is not fields:
            raise unusable(body, "holds no mapping fields")
        return cls(
            project_id=text(found("projectId")),
            name=text(found("projectName")),
            project_type=text(found("projectType")),
            fields=FrozenMap(
                {text(name): _field(text(name), item) for name, item in mapping(fields).items()}
            ),
            fetched_at=moment(found("fetchedAt")),
        )


class _Either:
    """Looks a name up under `data`, then beside it, then as the literal key `data.<name>`."""

    def __init__(self, body: object) -> None:
        self._flat = mapping(body)
        self._nested = mapping(self._flat.get("data"))

    def __call__(self, name: str) -> object:
        return first(self._nested.get(name), self._flat.get(name), self._flat.get(f"data.{name}"))


def _field(name: str, item: object) -> MappingField:
    fields = mapping(item)
    return MappingField(text(fields.get("label")) or name, text(fields.get("instructionType")))
