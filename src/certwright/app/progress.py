"""What a person sees while certificates are issued: a line for each change. `app.table` is for terminals.

It reads the stores of the controllers and writes to standard output; it has no say in anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, Protocol

import msgspec

from certwright.api.certmanager import Certificate, Issuer
from certwright.api.conditions import find, has
from certwright.api.meta import CERTIFICATES, CLUSTER_ISSUERS, ISSUERS
from certwright.controllers.manager import Controllers
from certwright.kube.store import Store

DELETED = "deleted"


class Row(msgspec.Struct, frozen=True):
    """One object: `Certificate shop/web`, whether it is Ready, and the rest of the story."""

    title: str
    ready: bool
    detail: str


class Progress(Protocol):
    """A display. `say` writes a line whatever else is shown; `settled` is called once everything is Ready."""

    def say(self, line: str) -> None: ...  # noqa: D102
    def settled(self, lines: Sequence[str]) -> None: ...  # noqa: D102
    async def run(self, controllers: Controllers) -> None: ...  # noqa: D102


def is_ready(certificate: Certificate) -> bool:
    """Whether a Certificate is Ready as its spec is now."""
    condition = find(certificate.status.conditions, "Ready")
    if condition is None or condition.status != "True":
        return False
    return condition.observed_generation in (None, certificate.metadata.generation)


def rows(controllers: Controllers) -> list[Row]:
    """Everything that can be Ready, issuers first, each kind by name."""
    kinds: tuple[tuple[str, Sequence[Certificate | Issuer]], ...] = (
        (CLUSTER_ISSUERS.kind, controllers.cluster_issuers.all()),
        (ISSUERS.kind, controllers.issuers.all()),
        (CERTIFICATES.kind, controllers.certificates.all()),
    )
    return [
        row_of(kind, obj)
        for kind, objects in kinds
        for obj in sorted(objects, key=lambda each: (each.metadata.namespace, each.metadata.name))
    ]


def row_of(kind: str, obj: Certificate | Issuer) -> Row:
    """The row of one object."""
    where = f"{obj.metadata.namespace}/{obj.metadata.name}" if obj.metadata.namespace else obj.metadata.name
    title = f"{kind} {where}"
    if isinstance(obj, Certificate):
        return Row(title, is_ready(obj), _certificate_detail(obj))
    condition = find(obj.status.conditions, "Ready")
    ready = condition is not None and condition.status == "True"
    return Row(title, ready, "" if ready or condition is None else condition.message)


def _certificate_detail(certificate: Certificate) -> str:
    conditions = certificate.status.conditions
    if is_ready(certificate):
        until = certificate.status.not_after
        text = f"until {until:%Y-%m-%d %H:%M}" if until is not None else ""
        return f"{text}, renewing" if has(conditions, "Issuing") else text
    for type_ in ("Issuing", "Ready"):
        condition = find(conditions, type_)
        if condition is not None and condition.message:
            return condition.message
    return ""


class Lines:
    """A line for each change, for logs and pipes."""

    def __init__(self, write: Callable[[str], None] | None = None) -> None:
        self._write = write or _print
        self._shown: dict[str, Row] = {}

    def say(self, line: str) -> None:
        """Write a line."""
        self._write(line)

    def settled(self, lines: Sequence[str]) -> None:
        """Write what there is to know when everything is Ready."""
        for line in lines:
            self._write(line)

    async def run(self, controllers: Controllers) -> None:
        """Write every change, until cancelled."""
        async with aclosing(changes(controllers)) as batches:
            async for batch in batches:
                for row in batch:
                    if self._shown.get(row.title) != row:
                        self._shown[row.title] = row
                        self._write(_line(row))


async def changes(controllers: Controllers) -> AsyncGenerator[list[Row]]:
    """First everything there is, then what has changed since the last time, for ever."""
    changed = {row.title: row for row in rows(controllers)}
    news = asyncio.Event()
    news.set()

    def note(kind: str, old: Certificate | Issuer | None, new: Certificate | Issuer | None) -> None:
        present = new if new is not None else old
        if present is not None:
            row = row_of(kind, present)
            changed[row.title] = row if new is not None else Row(row.title, False, DELETED)
            news.set()

    stores: tuple[tuple[str, Store[Any]], ...] = (
        (CLUSTER_ISSUERS.kind, controllers.cluster_issuers),
        (ISSUERS.kind, controllers.issuers),
        (CERTIFICATES.kind, controllers.certificates),
    )
    ends = [store.subscribe(partial(note, kind)) for kind, store in stores]
    try:
        while True:
            await news.wait()
            news.clear()
            batch = list(changed.values())
            changed.clear()
            yield batch
    finally:
        for end in ends:
            end()


def _line(row: Row) -> str:
    if row.detail == DELETED:
        return f"{row.title}: {DELETED}"
    state = "Ready" if row.ready else "not Ready"
    return f"{row.title}: {state}" + (f", {row.detail}" if row.detail else "")


def _print(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - the display
