"""Rows of a ledger, for tests that also run code in processes of their own."""

from __future__ import annotations

from typing import Any

from tests.helpers.payloads import good_payload
from tfi_notebook.contract.records import JobStatus
from tfi_notebook.contract.snapshot import JobSnapshot


def row(key: str = "k1", **changes: Any) -> JobSnapshot:
    """Return an intent of the good payload on the local service, with some fields changed."""
    payload = good_payload()
    return JobSnapshot(
        key=key,
        service="local",
        local=True,
        fingerprint=payload.fingerprint,
        body=payload.body(),
        status=JobStatus.INTENT,
        created_at=1000.0,
    ).having(**changes)
