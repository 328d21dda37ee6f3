"""What in a URL is a credential: the one rule, for what is kept and for what is shown.

A URL that carries a signature, a token or a password opens its file for whoever has it. There is
no list of all services that make such URLs, so the rule goes by what a part is called and by what
it looks like. Each part of a URL (path segment, `;parameter`, query, fragment, user) is one of:

- **signs**: it belongs to a known signing scheme (S3, Google, Azure, CloudFront, Alibaba, Tencent,
  Huawei), which signs a file that the rest names; or it is a password, which names nothing.
- **opens**: its name says token, signature, secret or the like, whoever made it (Firebase, bunny,
  Fastly, Akamai, Cloudflare …).
- **unclear**: it may open the file, or name it: `key=`, `hash=`, or a long random value under a
  name that says nothing.
- **stays**: everything else, and whatever its name says that it names a file (`id=`, `file=`,
  `versionId=`), however random it looks; as the path does. Who keeps its id keeps no more than
  the path of another.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

URL = re.compile(r"(?:[a-z][a-z0-9+.-]{1,20}:)?//[^\s\"'<>]+", re.IGNORECASE)
"""A URL of any scheme, or of none (`//host/path`), somewhere in a text."""
PAIR = re.compile(r"[?&;#][\w.%\[\]-]+=[^\s&;#\"'<>]*")
"""One parameter of an address that has no host, somewhere in a text."""

_ENDS = r"(?:_|$)"
_PASSWORD = re.compile(rf"(?:^|_)(?:password|passwd|passphrase|pwd){_ENDS}")
_OPENS = re.compile(
    r"(?:^|_)(?:[a-z0-9]*token|[a-z0-9]*jwt|[a-z0-9]*secret|[a-z0-9]*signature|sig|[a-z0-9]*hmac|hdn[a-z]+|bearer|authorization"
    rf"|[a-z0-9]*apikey|api_key|access_?key|auth_?key|private_key|tempauth|rlkey|resourcekey){_ENDS}"
)
_OPENS_IF_RANDOM = re.compile(
    rf"(?:^|_)(?:auth|verify|session|sess|[a-z0-9]*sess(?:ion)?id|sid|ticket|sas|credentials?|pass){_ENDS}"
)
_HASH = re.compile(rf"(?:^|_)(?:hash|md5|sha1|sha256|digest|checksum|sign|mac){_ENDS}")
_KEY = re.compile(rf"(?:^|_)key{_ENDS}")
_NAMES = re.compile(
    r"(?:^|_)(?:u?u?id|guid|file\w*|[a-z0-9]*name|path|object|asset|image|img|photo|picture|audio|video"
    rf"|media|voice|avatar){_ENDS}"
)
_VERSIONS = re.compile(rf"(?:^|_)(?:v|ver|version|versionid|rev|revision|generation|etag){_ENDS}")
_MEDIA = re.compile(
    r"\.(?:png|jpe?g|webp|bmp|gif|tiff?|avif|hei[cf]|svg|wav|mp[234]|m4[av]|aac|flac|og[gav]|opus"
    r"|webm|mov|mkv|avi|aiff?|wma|amr)$",
    re.IGNORECASE,
)

_PREFIXES = ("x-amz-", "x-goog-", "x-oss-", "x-cos-", "x-obs-", "x-tos-", "q-sign")
_RENDITION = "-process"
"""`x-oss-process=image/resize` says which rendition is meant, and signs nothing."""
_ACCOUNTS = (
    "awsaccesskeyid", "googleaccessid", "ossaccesskeyid", "accesskeyid", "key-pair-id", "keyname",
)  # fmt: skip
_AZURE = frozenset(
    {"se", "sp", "sr", "st", "spr", "sip", "skoid", "sktid", "skt", "ske", "sks", "skv", "sdd"}
    | {"saoid", "suoid", "sduoid", "scid", "ss", "srt", "si", "ses"}
)
_SCHEMES: tuple[tuple[frozenset[str], frozenset[str]], ...] = (
    (frozenset({"hm", "ex"}), frozenset({"is"})),
    (frozenset({"oh", "oe"}), frozenset()),
    (frozenset({"sig", "sv"}), _AZURE),
    (frozenset({"q-signature"}), frozenset({"q-ak", "q-key-time", "q-header-list"}
                                           | {"q-url-param-list"})),
    *((frozenset({"signature", account}), frozenset({"policy", "hash-algorithm", "urlprefix"}
                                                    | {"security-token"}))
      for account in _ACCOUNTS),
)  # fmt: skip
"""What must be there, and what then belongs to it: short names mean other things elsewhere."""
_EXPIRIES = frozenset(
    {"expires", "expire", "expiry", "expiration", "expires_at", "exp", "valid_to", "valid_from"}
)
_SHORT_EXPIRIES = frozenset({"e", "ex", "is", "oe", "st", "t", "ts"})
_MOMENT = re.compile(r"\d{9,13}|[0-9a-f]{8}", re.IGNORECASE)
_RANDOM = re.compile(r"(?!\d{4}-\d\d-\d\dT)[\w.~+/=:|*-]{20,}", re.ASCII)
_RANDOM_MIN_BITS = 3.0
"""Entropy per character; 32 random hexadecimal digits have about 3.6."""
_CLAIMS = re.compile(r".*[~&]hmac=.*", re.DOTALL)
"""Akamai's list of what its signature allows, under whatever name, also as a path segment."""
_BARE_TOKEN = re.compile(r"eyJ[\w-]{6,}\.[\w-]+\.[\w-]*|bot\d{5,}:[\w-]{16,}")
"""A JSON web token, or Telegram's bot token in a path."""
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_PARTS = re.compile(
    r"((?:[a-z][a-z0-9+.-]*:)?//)(?:([^/?#]*)@)?([^/?#;]*)([^?#]*)(.*)", re.IGNORECASE | re.DOTALL
)
_IN_PATH = re.compile(r"([/;])([^/;]*)")
_AFTER_PATH = re.compile(r"([?&#]|;(?=[\w.-]+=))((?:[^?&;#]|;(?![\w.-]+=))*)")


class Kind(Enum):
    """What a part of a URL is."""

    STAYS = "stays"
    SIGNS = "signs"
    OPENS = "opens"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a URL, with the mark before it (`/`, `;`, `?`, `&`, `#`; `@` for the user)."""

    mark: str
    text: str
    kind: Kind

    @property
    def names_a_file(self) -> bool:
        """Whether this part says which file is meant."""
        name, value = _pair(self.text)
        if self.mark == "/":
            return is_media(self.text) or is_random(self.text)
        return self.mark in "?&" and (
            is_media(value) or bool(value and _NAMES.search(_words(name)))
        )


@dataclass(frozen=True, slots=True)
class Url:
    """A URL taken apart: scheme and host, and everything else in order."""

    scheme: str
    host: str
    parts: tuple[Part, ...]

    def without(self, dropped: Callable[[Part], bool], *more: Part) -> str:
        """Put it together again without some parts; `more` are appended to the query."""
        left = [*(part for part in self.parts if not dropped(part)), *more]
        user = "".join(part.text + "@" for part in left if part.mark == "@")
        path = "".join(part.mark + part.text for part in left if part.mark in "/;")
        query = "".join(part.mark + part.text for part in left if part.mark in "?&")
        fragment = "&".join(part.text for part in left if part.mark == "#")
        asked, told = query and f"?{query[1:]}", fragment and f"#{fragment}"
        return f"{self.scheme}{user}{self.host}{path}{asked}{told}"


def dissect(url: str) -> Url:
    """Take a URL apart and say of each part what it is. Any text that matches `URL` will do.

    Example:
        >>> [(part.text, part.kind.value) for part in dissect("//h/a.png?v=3&token=x").parts]
        [('a.png', 'stays'), ('v=3', 'stays'), ('token=x', 'opens')]
    """
    found = _PARTS.fullmatch(url)
    assert found is not None, "no URL"
    scheme, user, host, path, rest = found.groups()
    texts = _IN_PATH.findall(path) + _query_and_fragment(rest)
    known = _Signs([_pair(text) for _, text in texts])
    parts = [Part(mark, text, known.kind(mark, text)) for mark, text in texts]
    if any(part.kind is not Kind.STAYS for part in parts):
        parts = [_dated(part) for part in parts]
    return Url(scheme, host, (*_user(user), *parts))


def is_media(text: str) -> bool:
    """Tell whether a text ends like the name of a picture, sound or video."""
    return bool(_MEDIA.search(text))


def is_random(text: str) -> bool:
    """Tell whether a text looks like nothing that a person wrote: long, mixed, without a pattern.

    Example:
        >>> is_random("468ea7a0-66e1-4357-a760-236e54167f3e"), is_random("2026-01-02T03:04:05Z")
        (True, False)
    """
    if not _RANDOM.fullmatch(text):
        return False
    mixed = re.search("[A-Za-z]", text) and (
        re.search("[0-9]", text) or (text != text.lower() and text != text.upper())
    )
    return bool(mixed) and _bits(text) >= _RANDOM_MIN_BITS


def shown(url: str) -> str:
    """Return a URL fit to be shown: no user, query or fragment, and no credential in its path.

    Example:
        >>> shown("https://me:pw@h.example/bot123456:AAaaBBbbCCccDDddEE/a.png;sig=x?v=3")
        'https://h.example/a.png'
    """
    return dissect(url).without(lambda part: part.mark not in "/;" or part.kind is not Kind.STAYS)


def is_credential(pair: str) -> bool:
    """Tell whether a `name=value` by itself is, or may be, a credential."""
    return _Signs([_pair(pair)]).kind("?", pair) is not Kind.STAYS


class _Signs:
    """What the parameters of one URL together say of each of them."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        values = {name.lower(): value for name, value in pairs if value}
        self._scheme: set[str] = set()
        for needed, others in _SCHEMES:
            if needed <= values.keys():
                self._scheme |= needed | others
        self._expires = any(_is_expiry(name, value) for name, value in values.items())

    def kind(self, mark: str, text: str) -> Kind:
        name, value = _pair(text)
        random = mark != "/" and is_random(value or name)
        lower, words = name.lower(), _words(name)
        prefixed = lower.startswith(_PREFIXES) and not lower.endswith(_RENDITION)
        if prefixed or lower in self._scheme or (value and _PASSWORD.search(words)):
            return Kind.SIGNS
        if not value:
            unclear = random or _BARE_TOKEN.fullmatch(name) or _holds_credential(name)
            return Kind.UNCLEAR if unclear else Kind.STAYS
        if _OPENS.search(words) or _CLAIMS.fullmatch(text) or (random and self._guards(words)):
            return Kind.OPENS
        if _BARE_TOKEN.fullmatch(value) or _holds_credential(value):
            return Kind.UNCLEAR
        return Kind.STAYS if is_media(value) else _by_name(words, random=random)

    def _guards(self, words: str) -> bool:
        """A hash beside the time at which it ends signs the file; alone it may name it."""
        dated = self._expires and _HASH.search(words)
        return bool(dated or _OPENS_IF_RANDOM.search(words))


def _by_name(words: str, *, random: bool) -> Kind:
    if _OPENS_IF_RANDOM.search(words) or _KEY.search(words) or _HASH.search(words):
        return Kind.UNCLEAR
    named = _NAMES.search(words) or _VERSIONS.search(words)
    return Kind.UNCLEAR if random and not named else Kind.STAYS


def _holds_credential(text: str) -> bool:
    """Whether there is a URL inside, as image proxies take it, with a credential of its own."""
    inside = URL.search(text) if "//" in text else None
    if inside is None:
        return False
    return any(part.kind is not Kind.STAYS for part in dissect(inside[0]).parts)


def _user(user: str | None) -> list[Part]:
    """Whose file it is may hang on the name, which may be a token; nothing on the password."""
    name, _, password = (user or "").partition(":")
    both = (Part("@", name, Kind.UNCLEAR), Part("@", password, Kind.SIGNS))
    return [part for part in both if part.text]


def _query_and_fragment(rest: str) -> list[tuple[str, str]]:
    query, hash_mark, fragment = rest.partition("#")
    found = [("?" if mark == "?" else "&", text) for mark, text in _AFTER_PATH.findall(query)]
    return found + [("#", text) for _, text in _AFTER_PATH.findall(hash_mark + fragment)]


def _dated(part: Part) -> Part:
    """Beside a credential, the time at which it ends is a part of it."""
    expiry = part.kind is Kind.STAYS and _is_expiry(*_pair(part.text))
    return Part(part.mark, part.text, Kind.SIGNS) if expiry else part


def _is_expiry(name: str, value: str) -> bool:
    lower = _words(name)
    short = lower in _SHORT_EXPIRIES and _MOMENT.fullmatch(value)
    return bool(short) or lower in _EXPIRIES


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return unquote_plus(name), unquote_plus(value)


def _words(name: str) -> str:
    """`accessToken`, `Access-Token` and `access.token` are one name: `access_token`."""
    return re.sub(r"[^a-z0-9]+", "_", _CAMEL.sub("_", name).lower()).strip("_")


def _bits(text: str) -> float:
    total = len(text)
    return -sum(n / total * math.log2(n / total) for n in Counter(text).values())
