"""Counts API calls in a Kubernetes audit log (JSON lines, Metadata level) from a position on."""

import re
from collections import Counter
from pathlib import Path

import msgspec
from msgspec import Struct


class _ObjectRef(Struct):
    resource: str = ""
    subresource: str = ""
    namespace: str = ""


class _Status(Struct):
    code: int = 0


class _Entry(Struct, rename="camel"):
    stage: str = ""
    verb: str = ""
    user_agent: str = ""
    object_ref: _ObjectRef | None = None
    response_status: _Status | None = None


_decode = msgspec.json.Decoder(_Entry).decode


def position(path: Path) -> int:
    """The end of the log now: where counting may start."""
    return path.stat().st_size


def calls(path: Path, start: int, agent: str) -> Counter[tuple[str, str, int]]:
    """Completed calls since `start` by (verb, resource, code), of user agents that match `agent`.

    Watches and leases are left out: they are there however many certificates are issued.
    """
    wanted = re.compile(agent)
    counts: Counter[tuple[str, str, int]] = Counter()
    with path.open("rb") as log:
        log.seek(start)
        for line in log:
            entry = _decode(line)
            ref = entry.object_ref
            if entry.stage != "ResponseComplete" or ref is None or not wanted.search(entry.user_agent):
                continue
            if entry.verb == "watch" or ref.resource == "leases":
                continue
            name = f"{ref.resource}/{ref.subresource}" if ref.subresource else ref.resource
            counts[entry.verb, name, entry.response_status.code if entry.response_status else 0] += 1
    return counts
