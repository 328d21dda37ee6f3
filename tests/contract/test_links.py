"""URLs that are credentials: nothing of what opens them is kept, and no two files become one."""

from __future__ import annotations

import string
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.payloads import good_payload
from tfi_notebook import http
from tfi_notebook.contract import links

HEX = "8f14e45fceea167a5a36dedd4bea2543"
UUID = "53c1b1f6-1f4e-4b8f-8c39-1c9a4f6e2a11"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJwYXRoIjoiYS5wbmcifQ.c2lnbmF0dXJlLW9mLWl0"
CUT = "signature=not-kept"

OPENED_BY_SOMETHING_ELSE_THAN_THEIR_NAME = [
    # url, and the plain URL of its file, to which the mark is appended
    (f"https://b.s3.amazonaws.com/in/a.png?X-Amz-Credential=AKIA%2F2&X-Amz-Expires=60&X-Amz-Signature={HEX}",
     "https://b.s3.amazonaws.com/in/a.png?"),
    ("https://b.s3.amazonaws.com/in/7f3e?X-Amz-Security-Token=IQoJ", "https://b.s3.amazonaws.com/in/7f3e?"),
    (f"https://b.s3.amazonaws.com/a?versionId={HEX}&AWSAccessKeyId=AKIA&Signature=c%3D&Expires=17",
     f"https://b.s3.amazonaws.com/a?versionId={HEX}&"),
    ("https://storage.googleapis.com/b/a?GoogleAccessId=x%40y&Expires=9&Signature=c", "https://storage.googleapis.com/b/a?"),
    (f"https://storage.googleapis.com/b/a?generation=17&X-Goog-Signature={HEX}&X-Goog-Date=2",
     "https://storage.googleapis.com/b/a?generation=17&"),
    ("https://a.blob.core.windows.net/c/a?sv=2024-11-04&se=2026-01-01&sr=b&sp=r&sig=c%2B%3D",
     "https://a.blob.core.windows.net/c/a?"),
    ("https://a.blob.core.windows.net/c/a?snapshot=2026-01-01&sv=2024&ss=b&srt=o&sp=r&st=1&se=2&spr=https&sig=c",
     "https://a.blob.core.windows.net/c/a?snapshot=2026-01-01&"),
    ("https://d1.cloudfront.net/7f3e?Expires=1700000000&Signature=a~b_&Key-Pair-Id=APKA", "https://d1.cloudfront.net/7f3e?"),
    ("https://d1.cloudfront.net/7f3e?Policy=eyJTdGF0&Signature=a~b_&Key-Pair-Id=APKA&Hash-Algorithm=SHA256",
     "https://d1.cloudfront.net/7f3e?"),
    ("https://b.oss-cn-hangzhou.aliyuncs.com/a?OSSAccessKeyId=L&Expires=17&Signature=c&security-token=C",
     "https://b.oss-cn-hangzhou.aliyuncs.com/a?"),
    (f"https://b.oss-eu.aliyuncs.com/a?x-oss-process=image/resize,w_100&x-oss-date=2&x-oss-signature={HEX}",
     "https://b.oss-eu.aliyuncs.com/a?x-oss-process=image/resize,w_100&"),
    (f"https://cdn.example.com/a.mp3?auth_key=1700000000-0-0-{HEX}", "https://cdn.example.com/a.mp3?"),
    (f"https://b.cos.ap-paris.myqcloud.com/a?q-sign-time=1;2&q-ak=A&q-header-list=host&q-url-param-list=&q-signature={HEX}",
     "https://b.cos.ap-paris.myqcloud.com/a?"),
    (f"https://cdn.example.com/a.png?sign={HEX}&t=65f2a1b3", "https://cdn.example.com/a.png?"),
    (f"https://b.obs.example.com/a?AccessKeyId=A&Expires=17&Signature={HEX}", "https://b.obs.example.com/a?"),
    (f"https://firebasestorage.googleapis.com/v0/b/x/o/in%2Fa.png?alt=media&token={UUID}",
     "https://firebasestorage.googleapis.com/v0/b/x/o/in%2Fa.png?alt=media&"),
    (f"https://x.supabase.co/storage/v1/object/sign/in/a.png?token={JWT}",
     "https://x.supabase.co/storage/v1/object/sign/in/a.png?"),
    (f"https://x.b-cdn.net/a.png?token={HEX}&expires=1700000000&token_path=%2F", "https://x.b-cdn.net/a.png?"),
    (f"https://x.b-cdn.net/bcdn_token={HEX}&expires=1700000000/in/a.png", "https://x.b-cdn.net/in/a.png?"),
    (f"https://x.global.ssl.fastly.net/a.png?token=1700000000_0x{HEX}", "https://x.global.ssl.fastly.net/a.png?"),
    (f"https://x.akamaized.net/a.wav?hdnts=st=1~exp=2~acl=/*~hmac={HEX}", "https://x.akamaized.net/a.wav?"),
    (f"https://x.akamaized.net/a.wav?hdnea=exp=2~acl=/*~hmac={HEX}", "https://x.akamaized.net/a.wav?"),
    (f"https://x.akamaized.net/a.wav?__gda__=exp=2~hmac={HEX}", "https://x.akamaized.net/a.wav?"),
    (f"https://x.akamaized.net/exp=2~acl=%2f*~hmac={HEX}/in/a.wav", "https://x.akamaized.net/in/a.wav?"),
    (f"https://x.example.com/a.png?verify=1700000000-{HEX}%3D", "https://x.example.com/a.png?"),
    (f"https://up.qiniu.example.com/a.mp3?e=1700000000&token=AK:{HEX}", "https://up.qiniu.example.com/a.mp3?"),
    (f"https://cdn.discordapp.com/attachments/1/2/a.png?ex=66f1a2b3&is=66f05133&hm={HEX}{HEX}&",
     "https://cdn.discordapp.com/attachments/1/2/a.png?&"),
    (f"https://scontent.example.com/v/a.jpg?_nc_cat=1&oh=00_{HEX}&oe=66F1A2B3",
     "https://scontent.example.com/v/a.jpg?_nc_cat=1&"),
    (f"https://h.example.com/a.png?md5={HEX}&expires=1700000000", "https://h.example.com/a.png?"),
    (f"https://h.example.com/a.png?hash={HEX}&expires=1700000000", "https://h.example.com/a.png?"),
    (f"https://raw.githubusercontent.com/o/r/main/a.png?token=GHSAT{HEX}", "https://raw.githubusercontent.com/o/r/main/a.png?"),
    ("https://gitlab.example.com/a.png?private_token=glpat-x", "https://gitlab.example.com/a.png?"),
    (f"https://www.dropbox.com/scl/fi/x/a.png?rlkey={HEX}&dl=1", "https://www.dropbox.com/scl/fi/x/a.png?dl=1&"),
    (f"https://x.sharepoint.com/download.aspx?UniqueId={UUID}&tempauth={JWT}",
     f"https://x.sharepoint.com/download.aspx?UniqueId={UUID}&"),
    ("https://h.example.com/a.png?access_token=x", "https://h.example.com/a.png?"),
    ("https://h.example.com/a.png?accessToken=x", "https://h.example.com/a.png?"),
    ("https://h.example.com/a.png?api_key=x&apikey=y&X-API-Key=z", "https://h.example.com/a.png?"),
    ("https://h.example.com/a.png?w=3&password=hunter2", "https://h.example.com/a.png?w=3&"),
    ("https://h.example.com/a?password=hunter2", "https://h.example.com/a?"),
    (f"https://h.example.com/a.png?jwt={JWT}", "https://h.example.com/a.png?"),
    ("https://h.example.com/a.png?hmac=x", "https://h.example.com/a.png?"),
    ("https://h.example.com/a.png?client_secret=x", "https://h.example.com/a.png?"),
    ("https://h.example.com/a.png#token=x", "https://h.example.com/a.png?"),
    ("https://h.example.com/a.mp3?v=3#t=10&access_token=x", "https://h.example.com/a.mp3?v=3&CUT#t=10"),
    ("https://h.example.com/in;sig=x/a.png", "https://h.example.com/in/a.png?"),
    (f"https://h.example.com/a.png;jsessionid={HEX}?v=3", "https://h.example.com/a.png?v=3&"),
    ("HTTPS://H.EXAMPLE.COM/A.PNG?X-AMZ-SIGNATURE=x", "HTTPS://H.EXAMPLE.COM/A.PNG?"),
    ("//h.example.com/a.png?token=x", "//h.example.com/a.png?"),
    ("https://h.example.com/get?file=a&token=x", "https://h.example.com/get?file=a&"),
    ("https://h.example.com/get?id=7&token=x", "https://h.example.com/get?id=7&"),
    ("https://proxy.example.com/?url=https://b.example.com/a.png?X-Amz-Signature=x&w=3",
     "https://proxy.example.com/?url=https://b.example.com/a.png&w=3&"),
]  # fmt: skip

OPENED_BY_WHAT_MAY_BE_THEIR_NAME = [
    # url, and what of it must not be kept; a digest stands there
    ("https://h.example.com/get?token=abc", "abc"),
    (f"https://h.example.com/get?token={HEX}&expires=1700000000", HEX),
    (f"https://h.example.com/get?d={JWT}", JWT),
    (f"https://h.example.com/get?{HEX}", HEX),
    (f"https://h.example.com/a.png?x={UUID}", UUID),
    (f"https://h.example.com/a.png?hash={HEX}", HEX),
    (f"https://h.example.com/a.png?s={HEX}", HEX),
    ("https://h.example.com/a.png?md5=abc", "abc"),
    ("https://h.example.com/a.png?key=abc", "abc"),
    ("https://h.example.com/a.png?auth=abc", "abc"),
    (f"https://functions.example.com/api/picture?code={HEX}==", HEX),
    ("https://api.telegram.org/file/bot123456789:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K/photos/file_1.jpg",
     "AAEhBOweik6ad9r"),
    (f"https://customer-1.cloudflarestream.example.com/{JWT}/manifest/video.m3u8", JWT),
    ("https://user:hunter2@h.example.com/a.png", "hunter2"),
    ("https://ghp_x@h.example.com/a.png", "ghp_x"),
    (f"https://h.example.com/?url={quote(f'https://b.example.com/a?X-Amz-Date={HEX}', '')}", HEX),
    ("see https://h.example.com/a.png?token=abc, and more", "abc"),
    ("s3://key:hunter2@bucket/a.png", "hunter2"),
]  # fmt: skip

PLAIN = [
    "https://cdn.example.com/a.png",
    "https://cdn.example.com/a.png?v=3",
    "https://cdn.example.com/a.png?expires=never",
    "https://cdn.example.com/a.png?w=1200&h=800&fit=crop&auto=format#t=10",
    f"https://cdn.example.com/get?id={HEX}{HEX[:8]}",
    f"https://cdn.example.com/get?file={UUID}&versionId={HEX}",
    f"https://cdn.example.com/{HEX}/{UUID}",
    "https://cdn.example.com/get?key=faces/a.png",
    "https://cdn.example.com/get?at=2026-01-02T03:04:05Z&title=My+holiday+in+2026",
    "https://cdn.example.com/a.png?x-oss-process=image/resize,w_100",
    "https://cdn.example.com/a.png?sv=3&st=5&sp=r",
    "https://cdn.example.com/a.png?author=jim&keyword=x&design=new&monkey=1&tokens=5",
    "https://proxy.example.com/?url=https%3A%2F%2Fb.example.com%2Fa.png%3Fv%3D3",
    "see https://cdn.example.com/a.png?v=3 and write to me@example.com; cost: 3 = three?",
    "either/or // not a URL ? token = 5",
    "",
]


@pytest.mark.parametrize(("url", "plain"), OPENED_BY_SOMETHING_ELSE_THAN_THEIR_NAME)
def test_what_opens_a_file_that_is_named_otherwise_leaves_no_trace(url: str, plain: str) -> None:
    expected = plain.replace("CUT", CUT) if "CUT" in plain else plain + CUT
    assert links.kept(url) == expected
    assert links.is_cut(links.kept(url))


@pytest.mark.parametrize(("url", "secret"), OPENED_BY_WHAT_MAY_BE_THEIR_NAME)
def test_what_may_name_the_file_leaves_its_digest(url: str, secret: str) -> None:
    kept = links.kept(url)
    assert secret not in kept
    assert f"{CUT}-" in kept
    assert links.is_cut(kept)


@pytest.mark.parametrize("text", PLAIN)
def test_what_opens_nothing_is_kept_as_it_is(text: str) -> None:
    assert links.kept(text) == text
    assert not links.is_cut(text)


ALL = [
    *(url for url, _ in OPENED_BY_SOMETHING_ELSE_THAN_THEIR_NAME),
    *(url for url, _ in OPENED_BY_WHAT_MAY_BE_THEIR_NAME),
    *PLAIN,
]


@pytest.mark.parametrize("url", ALL)
def test_keeping_what_was_kept_changes_nothing(url: str) -> None:
    assert links.kept(links.kept(url)) == links.kept(url)


def test_no_two_of_them_are_taken_for_one_but_those_of_one_file() -> None:
    same_file = {links.kept(url) for url, _ in OPENED_BY_SOMETHING_ELSE_THAN_THEIR_NAME}
    files = {plain for _, plain in OPENED_BY_SOMETHING_ELSE_THAN_THEIR_NAME}
    assert len(same_file) == len(files)
    others = [url for url, _ in OPENED_BY_WHAT_MAY_BE_THEIR_NAME] + PLAIN
    assert len({*map(links.kept, others)} | same_file) == len(others) + len(files)


# -- for any URL ---------------------------------------------------------------------------

random_values = st.text(string.ascii_letters + string.digits, min_size=24, max_size=40).filter(
    lambda text: any(char.isdigit() for char in text) and len(set(text)) > 12
)
words = st.text(string.ascii_lowercase, min_size=1, max_size=12)
opening_names = st.sampled_from([
    "token", "access_token", "sig", "signature", "X-Amz-Signature", "X-Goog-Signature", "hdnts",
    "auth", "verify", "key", "apiKey", "hash", "md5", "password", "jwt", "hmac", "sessionid", "s",
    "whatever",
])  # fmt: skip
naming_names = st.sampled_from(["file", "id", "path", "name", "image", "v", "versionId", "page"])


@given(random_values, opening_names, st.sampled_from("?&#;"), words, st.sampled_from(["", ".png"]))
def test_nothing_random_is_kept_wherever_it_stands(
    secret: str, name: str, mark: str, word: str, suffix: str
) -> None:
    head = f"https://h.example.com/{word}{suffix}"
    before = "?" if mark == "&" else ""
    url = f"{head}{before}{mark}{name}={secret}"
    assert secret not in links.kept(url)
    assert secret not in http.redact(f"GET {url} failed")
    assert secret not in http.redact(f"GET /{word}{mark}{name}={secret} failed")
    text = f"first {url} then"
    assert secret not in str(links.kept_body({"values": {"any": [text]}}))
    assert links.kept(f"{head}?{name}={secret}") == links.kept(
        links.kept(f"{head}?{name}={secret}")
    )


@st.composite
def files(draw: st.DrawFn) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return what names a file: a path, and parameters that say which one."""
    path = "/".join(draw(st.lists(st.one_of(words, random_values), min_size=1, max_size=3)))
    suffix = draw(st.sampled_from(["", ".png", ".php"]))
    values = st.one_of(words, random_values)
    pairs = draw(st.lists(st.tuples(st.one_of(naming_names, words), values), max_size=2))
    return path + suffix, tuple(pairs)


@given(files(), files(), st.lists(st.tuples(opening_names, random_values), max_size=2))
def test_two_files_are_never_taken_for_one(
    one: tuple[str, Any], other: tuple[str, Any], opening: list[tuple[str, str]]
) -> None:
    """However they are opened, and whether an unknown name is thought to open or to name."""

    def url(file: tuple[str, Any]) -> str:
        pairs = [*file[1], *opening, ("expires", "1700000000")]
        return f"https://h.example.com/{file[0]}?" + "&".join(map("=".join, pairs))

    if one != other:
        assert links.kept(url(one)) != links.kept(url(other))


@given(random_values, random_values, st.sampled_from(["token", "sig", "d", "key", "hash", "auth"]))
def test_where_only_a_token_tells_files_apart_it_does(one: str, other: str, name: str) -> None:
    urls = [f"https://h.example.com/get?{name}={value}" for value in (one, other)]
    assert (links.kept(urls[0]) == links.kept(urls[1])) == (one == other)


@given(st.text(max_size=200))
def test_any_text_can_be_kept_and_shown(text: str) -> None:
    for url in (text, f"https://{text}", f"//h/a?{text}", f"https://h/a.png?token=x&{text}"):
        kept = links.kept(url)
        assert links.kept(kept) == kept
        http.redact(url)


# -- payloads ------------------------------------------------------------------------------


def test_a_file_that_is_signed_anew_is_the_same_payload_and_another_file_is_not() -> None:
    def print_of(url: str) -> str:
        return good_payload(image_url=url).fingerprint

    first = print_of("https://h.example.com/get?file=abc&token=x")
    assert print_of("https://h.example.com/get?file=abc&token=y") == first
    assert print_of("https://h.example.com/get?file=abd&token=y") != first
    assert print_of("https://h.example.com/a.png?X-Amz-Signature=1") == print_of(
        "https://h.example.com/a.png?X-Amz-Signature=2"
    )


def test_a_cut_url_is_seen_at_any_depth_of_a_body() -> None:
    kept = links.kept("https://h.example.com/a.png?token=x")
    assert links.is_cut({"values": {"avatar": [{"image_url": kept}]}})
    assert not links.is_cut({"values": {"avatar": ["https://h.example.com/a.png", 3, None]}})


def test_a_url_of_the_asset_store_is_told_from_every_other() -> None:
    name = links.asset_name(64 * "a", ".png")
    assert links.asset_of(f"https://bucket.example.com/in/{name}") == name
    for other in (
        f"https://bucket.example.com/in/{name}?v=3", f"see https://h/{name} there", name,
        f"https://[broken/{name}#x", f"https://h/x{name}",
    ):  # fmt: skip
        assert links.asset_of(other) is None
