"""Keeps a directory like the TLS Secrets of a server: watches them, and hands each to `app.export`.

Files of a Secret that was deleted stay: what serves with them would break, and the key may be the only copy.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from functools import partial
from pathlib import Path

from certwright.api.annotations import TLS_SECRET_TYPE
from certwright.api.codec import decode
from certwright.api.foreign import Secret
from certwright.api.meta import SECRETS
from certwright.app.errors import RunError
from certwright.app.export import export, is_complete, make_private
from certwright.kube.client import Client
from certwright.kube.store import Key, key_of, version_of
from certwright.kube.watcher import Applied, Deleted, Restarted, Watcher

log = logging.getLogger(__name__)

SELECTOR = f"type={TLS_SECRET_TYPE}"
RETRY_SECONDS = 5.0

_decode = partial(decode, cls=Secret)


class Exporter:
    """Exports to `root`; raises RunError at once when that cannot be written."""

    def __init__(self, client: Client, root: Path) -> None:
        self.root = root
        self._client = client
        self._waiting: dict[Key, dict[str, bytes]] = {}
        self._news = asyncio.Event()
        self._seen: dict[Key, int] = {}
        self._writing = asyncio.Lock()
        try:
            make_private(root.absolute())
            probe = root / ".writable"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise RunError(f"--export {root}: {(error.strerror or str(error)).lower()}") from error

    async def run(self) -> None:
        """Export every Secret as it is and as it changes, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch())
            group.create_task(self._write_for_ever())

    async def export_all(self) -> None:
        """Export every Secret as it is now. Raises RunError when a file cannot be written, ApiError."""
        for secret in await self._client.list_(SECRETS, type_=_decode, field_selector=SELECTOR):
            self._take(secret)
        await self._write_all()

    async def _watch(self) -> None:
        watcher: Watcher[Secret] = Watcher(self._client, SECRETS, _decode, field_selector=SELECTOR)
        async with aclosing(watcher.events()) as events:
            async for event in events:
                match event:
                    case Applied(secret):
                        self._take(secret)
                    case Restarted():
                        for secret in event.objects:
                            self._take(secret)
                    case Deleted(secret):
                        self._gone(secret)

    def _take(self, secret: Secret) -> None:
        if secret.type != TLS_SECRET_TYPE or not is_complete(secret.data):
            return
        key = key_of(secret)
        version = version_of(secret) or 0
        # `export_all` may have read a later state than the one that the watch tells of now.
        if version > self._seen.get(key, -1):
            self._seen[key] = version
            self._waiting[key] = secret.data
            self._news.set()

    def _gone(self, secret: Secret) -> None:
        key = key_of(secret)
        self._waiting.pop(key, None)
        directory = self.root.joinpath(*key)
        if directory.exists():
            log.warning("Secret %s/%s is gone; its files stay in %s", *key, directory)

    async def _write_for_ever(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await self._write_all()
            except RunError as error:
                log.warning("%s; next try in %.0f s", error, RETRY_SECONDS)
                self._news.set()
                await asyncio.sleep(RETRY_SECONDS)

    async def _write_all(self) -> None:
        """Write what waits, and what comes while writing. Raises RunError with what could not be written."""
        failed: dict[Key, str] = {}
        while todo := [key for key in self._waiting if key not in failed]:
            for key in todo:
                data = self._waiting.get(key)
                if data is None:
                    continue
                try:
                    async with self._writing:
                        await asyncio.to_thread(export, self.root, *key, data)
                except OSError as error:
                    reason = (error.strerror or str(error)).lower()
                    failed[key] = f"{self.root.joinpath(*key)} cannot be written: {reason}"
                    continue
                if self._waiting.get(key) is data:
                    del self._waiting[key]
        if failed:
            raise RunError(*failed.values())
