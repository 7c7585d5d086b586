"""How many calls were made to an API server, by verb, resource and code: from whoever counts them."""

import asyncio
import re
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Protocol

import msgspec
from msgspec import Struct

from certwright.kube.client import Calls

Counts = Counter[tuple[str, str, int]]
_NOISE = {"leases"}
"""Kinds that are written however many certificates are issued."""
_SAMPLE = re.compile(
    r'certwright_api_calls_total\{verb="(\w+)",resource="([\w./]+)",code="(\d+)"\} (\d+)', re.ASCII
)


class Source(Protocol):
    """Somebody who counts."""

    async def read(self) -> Counts:
        """All calls so far, without watches."""


class ClientCalls(Source):
    """What a client in this process has counted."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def read(self) -> Counts:
        """All calls so far, without watches."""
        return _without_noise(Counter(self._calls.counts))


class MetricsCalls(Source):
    """The metrics endpoint of `certwright controller`."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def read(self) -> Counts:
        """All calls so far, without watches. Raises OSError when nobody answers."""
        text = await asyncio.to_thread(self._scrape)
        found = ((verb, kind, int(code), int(n)) for verb, kind, code, n in _SAMPLE.findall(text))
        return _without_noise(Counter({(verb, kind, code): n for verb, kind, code, n in found}))

    def _scrape(self) -> str:
        with urllib.request.urlopen(self._url, timeout=10) as answer:
            text: str = answer.read().decode()
            return text


class AuditCalls(Source):
    """A Kubernetes audit log (JSON lines, Metadata level), from now on, of user agents that match `agent`."""

    def __init__(self, path: Path, agent: str) -> None:
        self._path = path
        self._agent = re.compile(agent)
        self._position = path.stat().st_size
        self._counts: Counts = Counter()

    async def read(self) -> Counts:
        """All calls so far, without watches."""
        with self._path.open("rb") as log:
            log.seek(self._position)
            for line in log:
                if not line.endswith(b"\n"):
                    break  # still being written
                self._position += len(line)
                self._take(_decode(line))
        return _without_noise(self._counts.copy())

    def _take(self, entry: "_Entry") -> None:
        ref = entry.object_ref
        if entry.stage != "ResponseComplete" or ref is None or not self._agent.search(entry.user_agent):
            return
        name = f"{ref.resource}/{ref.subresource}" if ref.subresource else ref.resource
        code = entry.response_status.code if entry.response_status else 0
        self._counts[entry.verb, name, code] += 1


async def quiet(source: Source, calm: float = 1.0, patience: float = 60.0) -> tuple[Counts, float]:
    """Wait until no call was made for `calm` seconds; the counts, and when the last call was seen.

    That time is on the monotonic clock. Gives up after `patience` seconds.
    """
    counts, last = await source.read(), time.monotonic()
    deadline = last + patience
    while (now := time.monotonic()) < min(deadline, last + calm):
        await asyncio.sleep(calm / 10)
        fresh = await source.read()
        if fresh != counts:
            counts, last = fresh, now
    return counts, last


def _without_noise(counts: Counts) -> Counts:
    return Counter(
        {call: n for call, n in counts.items() if call[0] != "watch" and call[1].split("/")[0] not in _NOISE}
    )


class _ObjectRef(Struct):
    resource: str = ""
    subresource: str = ""


class _Status(Struct):
    code: int = 0


class _Entry(Struct, rename="camel"):
    stage: str = ""
    verb: str = ""
    user_agent: str = ""
    object_ref: _ObjectRef | None = None
    response_status: _Status | None = None


_decode = msgspec.json.Decoder(_Entry).decode
