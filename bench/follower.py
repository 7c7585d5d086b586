"""Follows one kind on a server that keeps dying: lists once, then watches, resuming where it was cut off.

Not the watcher of the controllers, on purpose: it checks what that one takes for granted.
"""

import asyncio
from contextlib import aclosing
from typing import Any

import msgspec

from bench.ledger import Ledger, Object
from certwright.api.meta import Resource
from certwright.kube import requests
from certwright.kube.client import Client
from certwright.kube.errors import ApiError, Gone
from certwright.kube.lines import LineSplitter

PAUSE = 0.02


class Follower:
    """The state of one kind, as lists and watches tell it. Every version goes into the ledger."""

    def __init__(self, client: Client, resource: Resource, ledger: Ledger) -> None:
        self.objects: dict[tuple[str, str], Object] = {}
        self.since = 0
        """The resourceVersion of the first list."""
        self.version = 0
        """All changes up to here were seen."""
        self.gaps: list[tuple[int, int]] = []
        """Spans of versions that were skipped, as history had been compacted."""
        self.plural = resource.plural
        self._client = client
        self._resource = resource
        self._ledger = ledger
        self._expired = False

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            try:
                if not self.version or self._expired:
                    await self._list()
                await self._watch()
            except Gone:
                self._expired = True
            except ApiError:
                await asyncio.sleep(PAUSE)

    async def compare(self) -> None:
        """List, and complain about every object that the watch has told otherwise. Raises ApiError."""
        objects, version = await self._fetch()
        while self.version < version and not await self._is_quiet():
            pass
        for key in objects.keys() | self.objects.keys():
            listed, watched = (_version(found.get(key)) for found in (objects, self.objects))
            if listed != watched and max(listed, watched) <= version:
                name = "/".join(key)
                self._ledger.complain(
                    f"{self._resource.plural} {name}: listed at {listed}, by the watch at {watched}"
                )

    async def _is_quiet(self) -> bool:
        """Versions of other kinds move the list, and no event of this kind will ever tell."""
        before = self.version
        await asyncio.sleep(1)
        return self.version == before

    async def _list(self) -> None:
        self.objects, version = await self._fetch()
        if self._expired:
            self.gaps.append((self.version, version))
        else:
            self.since = version
        self._expired = False
        self.version = version

    async def _fetch(self) -> tuple[dict[tuple[str, str], Object], int]:
        before = self._ledger.newest
        body = await self._client.send(requests.list_(requests.Selection(resource=self._resource)))
        found = msgspec.json.decode(body)
        version = int(found["metadata"]["resourceVersion"])
        self._ledger.saw_list(self._resource.plural, version, before)
        for item in found["items"]:
            self._ledger.saw(self._resource.plural, item)
        return {_key(item): item for item in found["items"]}, version

    async def _watch(self) -> None:
        request = requests.watch(
            requests.Selection(resource=self._resource), resource_version=str(self.version)
        )
        lines = LineSplitter()
        async with self._client.stream(request) as chunks, aclosing(chunks):  # type: ignore[type-var]
            async for chunk in chunks:
                for line in lines.feed(chunk):
                    self._take(msgspec.json.decode(line))

    def _take(self, event: dict[str, Any]) -> None:
        type_, obj = event["type"], event["object"]
        if type_ == "ERROR":
            if obj.get("code") == 410:
                raise Gone(410, "Expired", obj.get("message", ""))
            self._ledger.complain(f"watch of {self._resource.plural}: {obj}")
            raise ApiError(int(obj.get("code", 500)), "", obj.get("message", ""))
        version = int(obj["metadata"]["resourceVersion"])
        if version < self.version or (version == self.version and type_ != "BOOKMARK"):
            self._ledger.complain(
                f"watch of {self._resource.plural}: {type_} at {version} after {self.version}"
            )
        self.version = version
        if type_ == "BOOKMARK":
            return
        self._ledger.saw_change(self._resource.plural, obj)
        self._check_order(type_, obj)
        if type_ == "DELETED":
            self.objects.pop(_key(obj), None)
        else:
            self.objects[_key(obj)] = obj

    def _check_order(self, type_: str, obj: Object) -> None:
        known = _key(obj) in self.objects
        if known != (type_ != "ADDED"):
            name = "/".join(_key(obj))
            self._ledger.complain(f"watch of {self._resource.plural}: {type_} {name}, known: {known}")


def _key(obj: Object) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _version(obj: Object | None) -> int:
    return int(obj["metadata"]["resourceVersion"]) if obj else 0
