"""A watch: the objects there are, if asked for, then every change, as lines of JSON, until it ends. It keeps
no queue.

A 410 at the start is an HTTP status; one that comes later (the reader was overtaken by compaction) is an
ERROR event.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

import msgspec

from certwright.apiserver.cluster import Cluster, Target
from certwright.apiserver.kinds import Object
from certwright.apiserver.log import Change, Closed, Cursor, Record, TooOld
from certwright.apiserver.options import ListOptions, Query
from certwright.apiserver.reads import parse_version, selector_of, single_key
from certwright.apiserver.representation import PARTIAL, TABLE, Format, include_object, partial, served, table
from certwright.apiserver.selectors import Selector, event
from certwright.apiserver.status import expired, too_new

BOOKMARK_SECONDS: Final = 60.0
"""How often a quiet watch is told where it stands."""
LONGEST_SECONDS: Final = 3600
"""How long a watch may last when the client does not say; chosen between half of it and all."""
INITIAL_END: Final = "k8s.io/initial-events-end"
_CHUNK: Final = 256 * 1024
_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class Watch:
    """One watch: what it selects, how it shows it, where it stands."""

    cluster: Cluster
    target: Target
    selector: Selector
    wanted: Format
    include: str
    cursor: Cursor
    initial: list[Record]
    marks_end: bool
    """Whether the end of the initial objects is announced."""
    bookmarks: bool
    deadline: float
    headers: bool = True
    """Whether the next table still has to say its columns."""


def start(cluster: Cluster, target: Target, options: ListOptions, wanted: Format, query: Query) -> Watch:
    """Prepare a watch. Raises StatusError: 400, 410 when the revision is compacted, 504 when it is yet to
    come.
    """
    selector = selector_of(target.kind, options)
    prefix = single_key(target, selector) or target.kind.prefix_in(target.namespace)
    asked, current = parse_version(options.version), cluster.log.revision
    if asked > current:
        raise too_new(asked, current)
    lists = options.initial_events if options.initial_events is not None else not asked
    initial: list[Record] = []
    if lists:
        records = cluster.log.range(prefix).records
        initial = records if selector.everything else [r for r in records if selector.matches(r.object)]
    after = current if lists or not asked else asked
    try:
        cursor = cluster.log.watch(prefix, after)
    except TooOld as error:
        raise expired(str(error)) from None
    seconds = options.timeout or LONGEST_SECONDS * random.uniform(0.5, 1)  # noqa: S311 - spreads reconnects
    return Watch(
        cluster,
        target,
        selector,
        wanted,
        include_object(query) if wanted.form == TABLE else "",
        cursor,
        initial,
        bool(options.initial_events) and options.bookmarks,
        options.bookmarks,
        asyncio.get_running_loop().time() + seconds,
    )


async def lines(watch: Watch) -> AsyncIterator[bytes]:
    """The events, several lines in a chunk, until the time is up or the server stops."""
    size, chunk = 0, []
    for record in watch.initial:
        chunk.append(_line(watch, "ADDED", record))
        size += len(chunk[-1])
        if size > _CHUNK:
            yield b"".join(chunk)
            size, chunk = 0, []
    watch.initial = []
    if watch.marks_end:
        chunk.append(_bookmark(watch, {INITIAL_END: "true"}))
    if chunk:
        yield b"".join(chunk)
    loop = asyncio.get_running_loop()
    while (left := watch.deadline - loop.time()) > 0:
        try:
            changes = await watch.cursor.next(min(left, BOOKMARK_SECONDS))
        except Closed:
            return
        except TooOld as error:
            status = _encode(expired(str(error)).status)
            yield b'{"type":"ERROR","object":%b}\n' % status
            return
        found = b"".join(_lines(watch, changes)) if changes else b""
        if not changes and watch.bookmarks:
            found = _bookmark(watch, {})
        if found:
            yield found


def _lines(watch: Watch, changes: list[Change]) -> list[bytes]:
    selector = watch.selector
    return [_line(watch, *found) for change in changes if (found := event(change, selector)) is not None]


def _line(watch: Watch, kind: str, record: Record) -> bytes:
    if watch.wanted.form == "plain":
        value = served(watch.target.kind, record.value)
        return b'{"type":"%b","object":%b}\n' % (kind.encode(), value)
    return _shown(watch, kind, record.object)


def _shown(watch: Watch, kind: str, obj: Object) -> bytes:
    if watch.wanted.form == PARTIAL:
        shown = partial(obj, watch.wanted)
    else:
        now = watch.cluster.clock().timestamp()
        shown = table(watch.target.kind, [obj], watch.wanted, watch.include, now, headers=watch.headers)
        watch.headers = False
    return _encode({"type": kind, "object": shown}) + b"\n"


def _bookmark(watch: Watch, annotations: dict[str, str]) -> bytes:
    kind = watch.target.kind
    metadata: Object = {"resourceVersion": str(watch.cursor.revision)}
    if annotations:
        metadata["annotations"] = annotations
    obj: Object = {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": metadata}
    if watch.wanted.form == "plain":
        return _encode({"type": "BOOKMARK", "object": obj}) + b"\n"
    return _shown(watch, "BOOKMARK", obj)
