from __future__ import annotations

import asyncio
import inspect
import socket
import time
from typing import Any

import pytest

from tests.helpers.faulty_server import FaultyServer, reply
from tfi_notebook.errors import UnreachableSourceError
from tfi_notebook.local.addresses import address_problem
from tfi_notebook.local.fetch import fetch

REFUSED = [
    "127.0.0.1", "127.255.0.9", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1",
    "100.64.0.1", "169.254.169.254", "192.0.0.8", "192.0.2.1", "192.88.99.1", "198.18.0.1",
    "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "fe80::1", "fe80::1%eth0",
    "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1", "3fff::1", "5f00::1",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "100::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2", "no address",
]  # fmt: skip
ALLOWED = ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


def get(url: str, **options: Any) -> bytes:
    """Fetch as the service does for a picture, from this machine too."""
    defaults: dict[str, Any] = {"max_bytes": 1000, "allow_private": True, "field": "image_url"}
    return asyncio.run(fetch(url, **(defaults | options))).data


def test_the_servers_word_for_the_file_comes_along() -> None:
    answer = reply(200, b"picture", "content-type: Image/PNG; charset=x")
    with FaultyServer(lambda *_: answer) as server:
        found = asyncio.run(fetch(server.url, field="image_url", max_bytes=10, allow_private=True))
    assert found == (b"picture", "image/png")


@pytest.mark.parametrize("address", REFUSED)
def test_special_addresses_are_refused(address: str) -> None:
    assert address_problem(address)


@pytest.mark.parametrize("address", ALLOWED)
def test_public_addresses_are_allowed_also_inside_ipv6(address: str) -> None:
    assert address_problem(address) is None


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "224.0.0.1", "0.0.0.0", "::"])
def test_allowing_private_networks_does_not_allow_everything(address: str) -> None:
    assert address_problem("192.168.1.1", allow_private=True) is None
    assert address_problem(address, allow_private=True)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/x", "http://127.1:{port}/x", "http://2130706433:{port}/x",
        "http://0x7f.1:{port}/x", "http://0.0.0.0:{port}/x", "http://[::ffff:127.0.0.1]:{port}/x",
        "http://localhost:{port}/x", "http://good.example\\@127.0.0.1:{port}/x",
        "http://user@127.0.0.1:{port}/x",
    ],
)  # fmt: skip
def test_no_spelling_of_loopback_gets_through(url: str) -> None:
    with FaultyServer(lambda *_: reply(200, b"secret")) as server:
        with pytest.raises(UnreachableSourceError) as caught:
            get(url.format(port=server.port), allow_private=False)
        assert server.requests == []
    assert caught.value.field == "image_url"


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://example.com/a", "data:,a", "http:///a"]
)
def test_only_http_urls_with_a_host_are_fetched(url: str) -> None:
    with pytest.raises(UnreachableSourceError, match="not an http or https URL"):
        get(url)


def test_a_file_is_fetched_with_the_hosts_own_name_and_no_key() -> None:
    with FaultyServer(lambda *_: reply(200, b"picture")) as server:
        assert get(f"http://localhost:{server.port}/a.png?size=1") == b"picture"
        head = server.requests[0]
    assert head.startswith("GET /a.png?size=1 HTTP/1.1")
    assert f"host: localhost:{server.port}" in head.lower()
    assert "x-api-key" not in head.lower()


def test_the_connection_goes_to_the_address_that_was_judged() -> None:
    """A name server that answers differently a moment later is not asked a second time."""
    asked: list[str] = []

    async def rebinding(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

    with FaultyServer(lambda *_: reply(200, b"picture")) as server:
        url = f"http://rebind.example:{server.port}/a.png"
        assert get(url, resolve=rebinding) == b"picture"
        assert f"host: rebind.example:{server.port}" in server.requests[0].lower()
    assert asked == ["rebind.example"]


def test_one_refused_address_among_several_refuses_the_host() -> None:
    async def mixed(_host: str, _port: int) -> list[str]:
        return ["8.8.8.8", "127.0.0.1"]

    with pytest.raises(UnreachableSourceError, match="a loopback address") as caught:
        get("http://mixed.example/a.png", resolve=mixed, allow_private=False)
    assert "tfi.asset" in caught.value.hint


def test_the_next_address_is_tried_when_one_takes_no_connection() -> None:
    async def two(_host: str, _port: int) -> list[str]:
        return ["127.0.0.2", "127.0.0.1"]  # the server listens on the second one only

    with FaultyServer(lambda *_: reply(200, b"picture")) as server:
        assert get(f"http://two.example:{server.port}/", resolve=two) == b"picture"


def test_redirects_are_followed_three_times() -> None:
    def behave(_method: str, path: str, _body: bytes) -> bytes:
        left = int(path[1:])
        return reply(302, b"", f"location: /{left - 1}") if left else reply(200, b"picture")

    with FaultyServer(behave) as server:
        assert get(f"{server.url}/3") == b"picture"
        with pytest.raises(UnreachableSourceError, match="more than 3 times"):
            get(f"{server.url}/4")


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("http://169.254.169.254/latest/meta-data", "a link-local address"),
        ("//[fe80::1]/", "a link-local address"),
        ("file:///etc/passwd", "not an http or https URL"),
        ("http://host:port/", "connection failed"),
    ],
)
def test_each_redirect_is_judged_like_the_first_url(target: str, reason: str) -> None:
    with (
        FaultyServer(lambda *_: reply(302, b"", f"location: {target}")) as server,
        pytest.raises(UnreachableSourceError, match=reason),
    ):
        get(server.url)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (reply(404, b"gone"), "answered HTTP 404"),
        (reply(302, b""), "answered HTTP 302"),
        (reply(200, b"x" * 1001), "larger than 1,000 bytes"),
        (reply(200, b"x", "content-encoding: gzip"), "compressed"),
        ("reset", "connection failed"),
    ],
)
def test_bad_answers_are_typed_errors(answer: bytes | str, reason: str) -> None:
    def behave(*_: object) -> bytes | str:
        return answer

    with FaultyServer(behave) as server, pytest.raises(UnreachableSourceError, match=reason):
        get(server.url)


def test_the_text_holds_no_query_string() -> None:
    with (
        FaultyServer(lambda *_: reply(403, b"")) as server,
        pytest.raises(UnreachableSourceError) as caught,
    ):
        get(f"{server.url}/a.png?signature=canary")
    assert "canary" not in str(caught.value)
    assert "/a.png answered HTTP 403" in str(caught.value)


def test_a_closed_port_is_an_unreachable_source() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(UnreachableSourceError, match="connection failed"):
        get(f"http://127.0.0.1:{port}/")


def test_an_unknown_host_is_an_unreachable_source() -> None:
    with pytest.raises(UnreachableSourceError, match="host name is not known"):
        get("http://no-such-host.invalid/")


def test_a_body_without_a_length_is_cut_at_the_cap() -> None:
    chunk = b"258\r\n" + b"x" * 600 + b"\r\n"
    answer = b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n" + 2 * chunk
    with (
        FaultyServer(lambda *_: answer) as server,
        pytest.raises(UnreachableSourceError, match="larger than 1,000 bytes"),
    ):
        get(server.url)


def test_everything_has_ten_seconds() -> None:
    assert inspect.signature(fetch).parameters["deadline_s"].default == 10


def test_a_host_that_takes_no_connection_meets_the_deadline() -> None:
    """Its queue of connections is full, so that a knock gets no answer at all."""
    with (
        socket.create_server(("127.0.0.1", 0), backlog=0) as deaf,
        socket.create_connection(deaf.getsockname()),  # takes the one place there is
        pytest.raises(UnreachableSourceError, match=r"did not answer within 0\.3 s"),
    ):
        get(f"http://127.0.0.1:{deaf.getsockname()[1]}/", deadline_s=0.3)


def test_a_name_server_that_hangs_meets_the_deadline() -> None:
    async def never(_host: str, _port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    with pytest.raises(UnreachableSourceError, match=r"did not answer within 0\.1 s"):
        get("http://slow.example/", resolve=never, deadline_s=0.1)


def test_a_server_that_drips_meets_the_deadline() -> None:
    """Each read is quick, so only a limit on the whole can end it."""

    async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 X\r\ncontent-length: 900\r\n\r\n")
        try:
            while True:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.02)
        except ConnectionError:
            hung_up.set()
        finally:
            writer.close()

    async def run() -> None:
        server = await asyncio.start_server(drip, "127.0.0.1", 0)
        async with server:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            try:
                await fetch(
                    url, field="image_url", max_bytes=1000, allow_private=True, deadline_s=0.3
                )
            finally:
                await asyncio.wait_for(hung_up.wait(), 5)

    hung_up = asyncio.Event()
    started = time.monotonic()
    with pytest.raises(UnreachableSourceError, match=r"did not answer within 0\.3 s"):
        asyncio.run(run())
    assert time.monotonic() - started < 3
