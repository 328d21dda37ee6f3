"""Whose account a row belongs to: jobs are seen only by the account that made them.

A row keeps a hash of the key that it was sent with, made with a salt of the ledger's own file by a
slow function, once for each connection; the key cannot be had back from it. Another hash may be
another account, or a new key of the same one. The service can tell: an account is asked for its
newest job with the key of now. If that is found, the key has changed, and nothing is paid for
again; if not, the payload counts as new.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Final

from tfi_notebook.errors import AuthError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tfi_notebook.api.client import AsyncClient
    from tfi_notebook.contract.snapshot import JobSnapshot
    from tfi_notebook.keys import ApiKey
    from tfi_notebook.lifecycle.ledger import Ledger
    from tfi_notebook.settings import Settings

ROUNDS: Final = 100_000
FORBIDDEN: Final = 403
_SALT = "SELECT value FROM kept WHERE name = 'salt'"
_ACCOUNT = "SELECT account FROM jobs WHERE key = ?"
_NEWEST = (
    "SELECT job_id FROM jobs WHERE service = ? AND account = ? AND job_id IS NOT NULL "
    "ORDER BY seq DESC LIMIT 1"
)
_TAKE_OVER = "UPDATE jobs SET account = ? WHERE service = ? AND account = ?"


class Accounts:
    """Tells one's own earlier submits from those of another account on the same service.

    Args:
        settings: the connection.
        client: where an account's job is asked for.
        ledger: its new rows belong to the connection's key from now on.
    """

    def __init__(self, settings: Settings, client: AsyncClient, ledger: Ledger) -> None:
        self._service = settings.service_name
        self._client = client
        self._ledger = ledger
        if not settings.embedded:  # a service in this process has no accounts
            account = _hashing(settings.api_key, ledger)
            ledger.author = replace(ledger.author, account=account)

    async def is_strangers(self, row: JobSnapshot) -> bool:
        """Tell whether a row is another account's; it does not count as submitted then.

        Raises:
            ApiError: the service could not be asked; nothing was sent that is paid for.
            LedgerError: the ledger cannot be used.
        """
        author = self._ledger.author
        found = self._ledger.query(_ACCOUNT, row.key)
        account = found[0][0] if found else None
        if account is None or author.account() in {None, account}:
            return False
        newest = self._ledger.query(_NEWEST, self._service, account)
        if not newest:  # nothing to ask by: rather an error now than a second payment
            return False
        if await self._sees(newest[0][0]):
            values = (author.account(), self._service, account)
            await self._ledger.transact(lambda db: db.execute(_TAKE_OVER, values).rowcount)
            return False
        strangers = self._ledger.author.strangers | {account}
        self._ledger.author = replace(self._ledger.author, strangers=strangers)
        return True

    async def _sees(self, job_id: str) -> bool:
        try:
            await self._client.get_job(job_id)
        except NotFoundError:
            return False
        except AuthError as error:
            if error.status_code != FORBIDDEN:
                raise
            return False
        return True


def _hashing(key: ApiKey, ledger: Ledger) -> Callable[[], str]:
    """Return what tells the hash; it takes 30 ms, which only who submits something waits for."""
    ((salt,),) = ledger.query(_SALT)
    return cache(lambda: hashlib.pbkdf2_hmac("sha256", key.reveal().encode(), salt, ROUNDS).hex())
