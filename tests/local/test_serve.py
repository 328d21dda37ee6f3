"""`tfi-notebook serve` as a process: who reaches it, and how it ends."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

import psutil  # type: ignore[import-untyped]
import pytest

from tests.local.conftest import until
from tests.local.test_shared_queue import served_process
from tests.local.test_worker import all_gone, family, rendering, submit_long
from tfi_notebook.local.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from tests.local.conftest import Caller

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")


def test_it_listens_on_loopback_and_gives_no_other_page_a_look() -> None:
    with served_process() as (process, served):
        listening = {place.laddr.ip for place in psutil.Process(process.pid).net_connections()}
        assert listening == {"127.0.0.1"}
        page = {"origin": "https://evil.example"}
        asked = page | {
            "access-control-request-method": "POST",
            "access-control-request-headers": "x-api-key",
        }
        answers = [
            served.get("/auth/credits", headers=page),
            served.get("/local/health", headers=page),
            served.ask("OPTIONS", "/jobs/v2", headers=asked),
        ]
        assert [answer.status_code for answer in answers] == [200, 200, 405]
        for answer in answers:
            assert not [name for name in answer.headers if name.startswith("access-control")]
        assert served.get("/local/health", headers={"host": "evil.example"}).status_code == 403


@pytest.mark.render
def test_an_interrupt_ends_it_cleanly_and_keeps_the_job(
    tfi_home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with served_process() as (process, served):
        job_id = submit_long(served, **own_portrait(served))
        until(lambda: rendering(served, job_id, 0.05), "the rendering")
        below = family(process.pid)[1:]
        assert len(below) >= 2
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert all_gone(below)
    assert capfd.readouterr().err == ""
    store = Store(tfi_home / "local")
    row = store.job(job_id) or {}
    store.close()
    assert (row["status"], row["tries"]) == ("QUEUED", 0)


def own_portrait(served: Caller) -> dict[str, str]:
    return {"image_url": f"{served.base_url}/samples/portrait.png"}
