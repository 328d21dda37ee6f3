"""What both payload forms share: checked as a whole, frozen, with a body and a fingerprint."""

from __future__ import annotations

import difflib
import hashlib
import inspect
import json
from typing import TYPE_CHECKING, Any, Self, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError

from tfi_notebook.contract.fields import UnlistedJobType
from tfi_notebook.contract.links import kept, kept_body, replaced
from tfi_notebook.errors import PayloadError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pydantic_core import ErrorDetails


class Payload(BaseModel):
    """A request body of `POST /jobs/v2` that has been checked, whichever form it has.

    The model is frozen: a payload that was checked stays what was checked.

    Raises:
        PayloadError: naming every wrong field at once, with a "did you mean" for unknown ones.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    if TYPE_CHECKING:
        job_type: str  # each form declares it at its place in the order of its page

    def __init__(self, /, **fields: Any) -> None:  # noqa: ANN401 - validated right here
        try:
            super().__init__(**fields)
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False)
        else:
            return
        # raised outside the handler, so that no traceback shows the input
        hint = f"help(tfi.{type(self).__name__}) tells what each field takes"
        raise PayloadError(self._explain(details), hint=hint)

    def body(self) -> dict[str, Any]:
        """Return the JSON body of the request: every field, by its own name."""
        return self.model_dump(mode="json")

    def __repr_args__(self) -> Iterator[tuple[str, Any]]:
        """Show what may be kept: a URL that is a credential loses its signature."""
        yield from kept_body(self.body()).items()

    def urls(self) -> dict[str, str]:
        """Return every URL that the service will fetch, by the name of its field."""
        raise NotImplementedError

    def replace(self, **changes: Any) -> Self:  # noqa: ANN401 - validated
        """Return a validated copy with some fields changed.

        Raises:
            PayloadError: a changed field is wrong.
        """
        unchanged = self.model_dump(mode="json")
        unchanged["job_type"] = UnlistedJobType(self.job_type)  # it has been accepted before
        return type(self)(**(unchanged | changes))

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> Self:
        """Make the payload again that has this body: the inverse of `body`.

        A `job_type` that the documentation does not list is taken: it was sent on purpose.

        Raises:
            PayloadError: naming every wrong, missing or unknown field.
        """
        fields = dict(body)
        if isinstance(fields.get("job_type"), str):
            fields["job_type"] = UnlistedJobType(fields["job_type"])
        return cls(**fields)

    @property
    def fingerprint(self) -> str:
        """Stable hash of the normalised body: equal for payloads that ask for the same thing."""
        return fingerprint(self.body())

    @classmethod
    def _explain(cls, errors: list[ErrorDetails]) -> dict[str, str]:
        """Turn pydantic's error list into field → message, without any input value."""
        return {_field_of(error): cls._message_of(error) for error in errors}

    @classmethod
    def _message_of(cls, error: ErrorDetails) -> str:
        if error["type"] == "missing":
            return "is required"
        if error["type"] == "extra_forbidden":
            return cls._about_unknown(_field_of(error))
        return error["msg"].removeprefix("Value error, ")

    @classmethod
    def _about_unknown(cls, name: str) -> str:
        return "is not a field" + did_you_mean(name, cls.model_fields)


def did_you_mean(name: str, known: Mapping[str, object]) -> str:
    """Return `; did you mean X?` for a name that is close to a known one, else nothing.

    Example:
        >>> did_you_mean("verson", {"version": None}), did_you_mean("zzz", {"version": None})
        ('; did you mean version?', '')
    """
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def show_keywords(builder: Callable[..., Payload], model: type[Payload]) -> None:
    """Give a builder the model's fields as keywords, so that Shift-Tab and Tab show them."""
    builder.__annotations__ = {name: field.annotation for name, field in model.model_fields.items()}
    readable = get_type_hints(builder)  # without the validators inside the types
    generated = inspect.signature(model).parameters.values()
    parameters = [item.replace(annotation=readable[item.name]) for item in generated]
    signature = inspect.Signature(parameters, return_annotation=model)
    builder.__signature__ = signature  # type: ignore[attr-defined]


def fingerprint(body: Mapping[str, Any]) -> str:
    """Hash a request body independently of the order of its keys.

    Args:
        body: JSON-ready fields, as `Payload.body` gives them.

    Returns:
        64 hexadecimal digits (SHA-256 of the canonical JSON).

    Example:
        >>> fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
        True
    """
    return hashlib.sha256(canonical(body).encode()).hexdigest()


def canonical(value: Any) -> str:  # noqa: ANN401 - any JSON
    """Return JSON as the one text that it is fingerprinted by.

    Example:
        >>> canonical({"b": [1, 2.0], "a": "https://b.example.com/a.png?sig=0af"})
        '{"a":"https://b.example.com/a.png?signature=not-kept","b":[1,2.0]}'
    """
    plain = replaced(value, kept)  # a new signature is no new payload
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def _field_of(error: ErrorDetails) -> str:
    """`values.avatar` for what is wrong inside an object; pydantic marks keys by `[key]`."""
    return ".".join(str(part) for part in error["loc"] if part != "[key]") or "payload"
