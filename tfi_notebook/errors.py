"""The one error tree of the package.

Every error says what went wrong in its text and what to do next in `.hint`. Where one
field of the payload is to blame, `.field` names it with the API's own name. Each class
carries a short `code`, the word by which the local service names it on the wire, so that
the same class is raised again on the client's side.

No error text may hold a key, a signed URL or unbounded server text: whoever raises one
from foreign material passes it through `tfi_notebook.http.redact` first.
"""

from __future__ import annotations

from typing import ClassVar


class TfiError(Exception):
    """Base of every error this package raises on purpose.

    Args:
        message: what went wrong, in one sentence, without secrets.
        hint: what the reader can do next.
        field: the payload field to blame, by the API's own name, if there is one.
    """

    code: ClassVar[str] = "error"
    default_hint: ClassVar[str] = ""

    def __init__(self, message: str, *, hint: str = "", field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint or self.default_hint
        self.field = field

    def __str__(self) -> str:
        """Return the field, the message and the hint as one readable text."""
        text = f"{self.field}: {self.message}" if self.field else self.message
        return f"{text}\n  → {self.hint}" if self.hint else text


# -- before anything is sent ---------------------------------------------------------------


class PayloadError(TfiError, ValueError):
    """One or more fields of a payload are wrong. `.problems` maps field → message."""

    code = "payload"
    default_hint = "help(tfi.TalkingVideoPayload) tells what each field takes"

    def __init__(self, problems: dict[str, str], *, hint: str = "") -> None:
        self.problems = dict(problems)
        field = next(iter(problems)) if len(problems) == 1 else None
        lines = [f"{name}: {text}" for name, text in problems.items()]
        message = problems[field] if field else "the payload has problems\n  " + "\n  ".join(lines)
        super().__init__(message, hint=hint, field=field)


class SettingsError(TfiError, ValueError):
    """A setting (key, base URL, folder) is missing or cannot be used."""

    code = "settings"


class ArgumentError(SettingsError):
    """An argument of a call cannot be used; `.field` names it. Nothing was done."""

    code = "argument"
    default_hint = "help(...) of what was called tells what its arguments take"


class MissingExtraError(TfiError, ImportError):
    """An optional part of the package is not installed."""

    code = "missing_extra"

    def __init__(self, what: str, *, extra: str) -> None:
        super().__init__(
            f"{what} needs packages that are not installed",
            hint=f'pip install "tfi-notebook[{extra}]"',
        )
        self.extra = extra


# -- the picture and the sound a payload names ---------------------------------------------


class SourceError(TfiError, ValueError):
    """A picture or a sound named by the payload cannot be used."""

    code = "source"


class UnreachableSourceError(SourceError):
    """The URL did not answer with a file within the limits."""

    code = "unreachable"
    default_hint = "open the URL in a browser; it must answer 200 without a login"


class NotAPictureError(SourceError):
    """The bytes are not a picture of a known format."""

    code = "not_a_picture"
    default_hint = "use a PNG, JPEG, WebP or BMP file"


class PictureTooLargeError(SourceError):
    """The picture has more pixels than are decoded safely."""

    code = "picture_too_large"
    default_hint = "scale the picture down; 512 to 2048 px on the long edge are plenty"


class NotAudioError(SourceError):
    """The bytes hold no audio stream that can be decoded."""

    code = "not_audio"
    default_hint = "use a WAV, MP3, M4A, FLAC or OGG file"


class EmptyAudioError(SourceError):
    """The audio is decodable but has no sound to speak of, or lasts 0 s."""

    code = "empty_audio"
    default_hint = "check the recording: it must hold audible speech"


class AudioTooLongError(SourceError):
    """The audio lasts longer than this toolkit renders."""

    code = "audio_too_long"
    default_hint = "cut the narration into parts"


class NoFaceError(SourceError):
    """No face was found; `.score` is the best detector score in 0..1."""

    code = "no_face"
    default_hint = (
        "use a frontal picture in which the face is larger than about 12 % of the frame; "
        "cut the picture closer to the face, and make sure that eyes and mouth are visible"
    )

    def __init__(
        self, message: str, *, score: float = 0.0, hint: str = "", field: str | None = None
    ) -> None:
        super().__init__(message, hint=hint, field=field)
        self.score = score


class RenderError(TfiError):
    """The local renderer could not finish a video."""

    code = "render"


# -- talking to the API --------------------------------------------------------------------


class ApiError(TfiError):
    """The API answered with an error; `.status_code` is the HTTP status, 0 if none came."""

    code = "api"

    def __init__(
        self, message: str, *, status_code: int = 0, hint: str = "", field: str | None = None
    ) -> None:
        super().__init__(message, hint=hint, field=field)
        self.status_code = status_code


class AuthError(ApiError):
    """The key is missing or not accepted (401, 403)."""

    code = "auth"
    default_hint = "check TFI_API_KEY; keys: https://app.techforgeinnovate.com/api-access"


class NotFoundError(ApiError):
    """No such job, project or file for this key."""

    code = "not_found"
    default_hint = "check the id; jobs are only visible to the account that made them"


class RejectedError(ApiError):
    """The API refused the request; nothing was made and nothing was charged."""

    code = "rejected"


class RateLimitedError(ApiError):
    """The API asks to slow down (429)."""

    code = "rate_limited"
    default_hint = "wait a moment, or ask TFI support for a higher limit"


class ServiceError(ApiError):
    """The API failed (5xx), or the connection broke."""

    code = "service"
    default_hint = "try again in a moment"


class ServiceDownError(ServiceError):
    """The service has failed so often in a row that it is left alone; nothing was sent."""

    code = "service_down"
    default_hint = "it is looked for in growing pauses; try again in a moment"


class RedirectError(ApiError):
    """The API answered with a redirect. It is never followed: the key would travel along."""

    code = "redirect"
    default_hint = "check base_url"


class BadResponseError(ApiError):
    """The answer is not what the contract promises."""

    code = "bad_response"


class NotSentError(ApiError):
    """The connection failed before a byte was sent: nothing was made, a retry is safe."""

    code = "not_sent"
    default_hint = "check the network and base_url, then submit again: nothing was charged"


class SubmitUnknownError(ApiError):
    """The request was sent but its answer was lost: the job may or may not exist.

    It is kept in the ledger as `unknown` and is never sent again by itself, because a
    second request could be charged a second time.
    """

    code = "submit_unknown"
    default_hint = (
        "look for the job in TFI's studio; then submit(payload, force=True) pays for a new one"
    )


# -- jobs over time ------------------------------------------------------------------------


class LedgerError(TfiError):
    """The ledger cannot be read or written. Without a ledger entry nothing is submitted."""

    code = "ledger"


class JobFailedError(TfiError):
    """The job ended as failed; `.job_id` names it."""

    code = "job_failed"

    def __init__(self, message: str, *, job_id: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.job_id = job_id


class WaitTimeoutError(TfiError, TimeoutError):
    """The waiting ended before the job did. The job goes on."""

    code = "wait_timeout"


class DownloadError(TfiError):
    """The finished video could not be fetched, or is not the file it should be."""

    code = "download"
    default_hint = "the video stays on the server: ask for it again with job.download()"


# -- sweeps --------------------------------------------------------------------------------


class SweepError(TfiError):
    """A sweep or its run cannot do what was asked; nothing was sent on account of it."""

    code = "sweep"


class BudgetError(SweepError):
    """The run's budget of credits does not cover what was asked."""

    code = "budget"
    default_hint = "run(budget_credits=...) sets how much the run may spend"


def by_code() -> dict[str, type[TfiError]]:
    """Return every error class of this package by its `code`."""
    classes: list[type[TfiError]] = [TfiError]
    for cls in classes:  # the list grows while it is walked
        classes.extend(cls.__subclasses__())
    return {cls.code: cls for cls in classes}
