from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tfi_notebook.errors import LedgerError
from tfi_notebook.lifecycle.lease import acquire, holder
from tfi_notebook.lifecycle.ledger import Ledger
from tfi_notebook.lifecycle.owner import Owner

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OTHER = """
import asyncio, sys
from pathlib import Path
from tfi_notebook.lifecycle.lease import acquire
from tfi_notebook.lifecycle.ledger import Ledger
async def run():
    lease = await acquire(Ledger(Path(sys.argv[1])), "run", ttl_s=float(sys.argv[2]))
    print("held" if lease else "taken", flush=True)
    beat = asyncio.create_task(lease.keep()) if lease and "keep" in sys.argv else None
    await asyncio.to_thread(sys.stdin.readline)
    if lease and "release" in sys.argv:
        await lease.release()
asyncio.run(run())
"""


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(tmp_path / "ledger.sqlite")
    yield opened
    opened.close()


@contextmanager
def another_process(ledger: Ledger, ttl_s: float, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Let another process ask for the lease `run`; it prints `held` or `taken`."""
    command = [sys.executable, "-c", OTHER, str(ledger.path), str(ttl_s), *words]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        if process.poll() is None:
            process.communicate("\n", timeout=30)


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_one_holds_and_the_other_is_told_who(ledger: Ledger) -> None:
    with another_process(ledger, 60) as process:
        assert said(process) == "held"
        held = holder(ledger, "run")
        assert held is not None
        assert held.owner is not None
        assert (held.owner.pid, held.owner.is_alive()) == (process.pid, True)
        assert asyncio.run(acquire(ledger, "run")) is None
        assert asyncio.run(acquire(ledger, "another run")) is not None
        with another_process(ledger, 60) as third:
            assert said(third) == "taken"


def test_a_lease_that_was_given_back_is_free(ledger: Ledger) -> None:
    with another_process(ledger, 60, "release") as process:
        assert said(process) == "held"
        process.communicate("\n", timeout=30)
    assert holder(ledger, "run") is None
    assert asyncio.run(acquire(ledger, "run")) is not None


def test_the_lease_of_a_dead_process_is_free_at_once(ledger: Ledger) -> None:
    with another_process(ledger, 3600) as process:
        assert said(process) == "held"
        os.kill(process.pid, signal.SIGKILL)
        process.wait(30)
    assert holder(ledger, "run") is None
    assert asyncio.run(acquire(ledger, "run")) is not None


def test_a_lease_runs_out_without_a_heartbeat_and_its_holder_learns_of_it(ledger: Ledger) -> None:
    async def run() -> None:
        slow = await acquire(ledger, "run", ttl_s=0.05)
        assert slow is not None
        assert await slow.renew()
        quick = None
        while quick is None:  # the end of a lease is nobody's event
            quick = await acquire(ledger, "run", ttl_s=60)
        assert not await slow.renew()
        await slow.release()  # which takes nothing from the new holder
        assert await quick.renew()
        await asyncio.wait_for(slow.keep(), 10)

    asyncio.run(run())


def test_a_heartbeat_keeps_a_lease_beyond_its_life(ledger: Ledger) -> None:
    with another_process(ledger, 0.3, "keep") as process:
        assert said(process) == "held"
        first = holder(ledger, "run")
        assert first is not None
        until = time.monotonic() + 10
        while (now := holder(ledger, "run")) is not None and time.monotonic() < until:
            if now.expires_tick_s > first.expires_tick_s + 0.3:
                break
            time.sleep(0.05)
        assert now is not None
        assert (now.token, now.owner) == (first.token, first.owner)


def test_a_jump_of_the_wall_clock_neither_ends_nor_prolongs_a_lease(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time
    assert asyncio.run(acquire(ledger, "run", ttl_s=60)) is not None
    for days in (1, -1):
        monkeypatch.setattr(time, "time", lambda days=days: now() + days * 86_400)
        assert asyncio.run(acquire(ledger, "run")) is None
    monkeypatch.setattr(time, "time", now)
    start = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: start() + 61)
    assert holder(ledger, "run") is None


def test_without_the_ledger_there_is_no_lease(ledger: Ledger) -> None:
    ledger._db.execute("PRAGMA query_only = 1")
    with pytest.raises(LedgerError):
        asyncio.run(acquire(ledger, "run"))


def test_an_owner_is_told_apart_from_one_that_only_has_its_number() -> None:
    me = Owner.this()
    fields = json.loads(me.text())
    assert Owner.parse(me.text()) == me
    assert me.is_alive()
    assert Owner(**(fields | {"started": "1"})).is_alive() is False
    assert Owner(**(fields | {"host": "another machine"})).is_alive() is None
    assert Owner(**(fields | {"space": "before the last boot"})).is_alive() is None
    for text in (None, "", "{", "[]", '{"pid": 1}'):
        assert Owner.parse(text) is None


def test_a_process_that_has_ended_is_dead_even_before_its_parent_looks() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        me = json.loads(Owner.this().text())
        with open(f"/proc/{process.pid}/stat") as file:  # noqa: PTH123 - no file of ours
            started = file.read().rpartition(")")[2].split()[19]
        owner = Owner(**(me | {"pid": process.pid, "started": started}))
        assert owner.is_alive()
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert owner.is_alive() is False
