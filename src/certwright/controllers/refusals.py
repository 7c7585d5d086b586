"""Which signers' requests we may not approve, and which request may ask again: bookkeeping alone. It calls
nobody and has no clock.

A refusal concerns the signer, whichever request it was that asked: the others of the signer are held. Each
waits its own backoff since the last refusal, so they come one after the other, and the first to come asks for
all. Whoever has not waited yet comes soon: somebody who has just repaired what was wrong, and creates a request
to see, does not wait for minutes.
"""

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from certwright.kube.queue import backoff

Signer = tuple[str, str, str, str]
"""Group, kind, namespace (empty for ClusterIssuers) and name of an issuer."""
Key = tuple[str, str]
"""Namespace and name of a request."""

SLOW: Final = timedelta(seconds=1)
"""A signer that has not been answered for longer than this is asked for no other request meanwhile."""
DOUBTFUL: Final = 8
"""So many requests may ask at a time whose signers have not been allowed before: answers may take long."""

_BASE: Final = 5.0
_CAP: Final = 300.0
_REMEMBERED: Final = 10_000


class Hold(Struct, frozen=True):
    """A request that is not to be approved before `until`; `refusal` is what was said, if anything."""

    until: datetime
    refusal: str = ""


class _Wait(Struct):
    """How many refusals a held request has waited for, the last of them at `since`."""

    count: int = 0
    since: datetime | None = None


class _Standing(Struct):
    """What is known of a signer that is being asked for, or that was refused."""

    refused_at: datetime | None = None
    refusal: str = ""
    asking: dict[Key, datetime] = {}
    held: dict[Key, _Wait] = {}


class Refusals:
    """What was answered to approvals, by signer. All times are aware and come from the caller.

    `base` and `cap` bound the backoff of a held request, in seconds.
    """

    def __init__(self, base: float = _BASE, cap: float = _CAP) -> None:
        self._base = base
        self._cap = cap
        self._standings: dict[Signer, _Standing] = {}
        self._allowed: OrderedDict[Signer, None] = OrderedDict()
        self._doubtful: set[tuple[Signer, Key]] = set()

    def is_refused(self, signer: Signer) -> bool:
        """Whether approval was refused for a signer and not allowed since, and somebody waits for it."""
        standing = self._standings.get(signer)
        return standing is not None and standing.refused_at is not None

    def hold(self, signer: Signer, key: Key, now: datetime, *, alone: bool) -> Hold | None:
        """Why a request must not ask now, or None if it may. `alone`: it would ask for nothing but approval.

        Who is told to wait is held until the signer is allowed, or the request is forgotten.
        """
        standing = self._standings.get(signer)
        if standing is not None and standing.refused_at is not None:
            wait = standing.held.setdefault(key, _Wait())
            if wait.since != standing.refused_at:
                wait.count, wait.since = wait.count + 1, standing.refused_at
            until = standing.refused_at + self._delay(key, wait.count)
            if now < until:
                return Hold(until, standing.refusal)
        elif not alone:
            return None
        if not self._is_busy(signer, now):
            return None
        standing = self._standings.setdefault(signer, _Standing())
        wait = standing.held.setdefault(key, _Wait())
        return Hold(now + self._delay(key, max(1, wait.count)), standing.refusal)

    def ask(self, signer: Signer, key: Key, now: datetime) -> None:
        """A request asks; `allow` or `refuse` has to follow, or else `give_up`."""
        self._standings.setdefault(signer, _Standing()).asking[key] = now
        if signer not in self._allowed:
            self._doubtful.add((signer, key))

    def allow(self, signer: Signer, key: Key) -> list[Key]:
        """A request was approved. Returns those that were held: they may ask now."""
        self._land(signer, key).refused_at = None
        self._allowed[signer] = None
        self._allowed.move_to_end(signer)
        if len(self._allowed) > _REMEMBERED:
            self._allowed.popitem(last=False)
        return self._release(signer)

    def refuse(self, signer: Signer, key: Key, now: datetime, refusal: str = "") -> bool:
        """A request was refused, or nobody could say; returns whether there is something new to tell.

        The first `refusal` counts until the signer is allowed: texts of events do not change.
        """
        standing = self._land(signer, key)
        self._allowed.pop(signer, None)
        is_news = bool(refusal) and not standing.refusal
        standing.refused_at = now
        standing.refusal = standing.refusal or refusal
        standing.held.setdefault(key, _Wait())
        return is_news

    def give_up(self, signer: Signer, key: Key) -> list[Key]:
        """A request asks no longer. If it has no answer, returns those that waited for this one alone."""
        standing = self._standings.get(signer)
        if standing is None or key not in standing.asking:
            return []
        self._land(signer, key)
        return [] if standing.refused_at is not None else self._release(signer)

    def forget(self, signer: Signer, key: Key) -> None:
        """A request is gone or decided: it waits no longer."""
        standing = self._standings.get(signer)
        if standing is not None:
            standing.held.pop(key, None)
            self._tidy(signer)

    def __len__(self) -> int:
        """How many signers are asked for or waited for."""
        return len(self._standings)

    def _delay(self, key: Key, count: int) -> timedelta:
        return timedelta(seconds=backoff(key, count, self._base, self._cap))

    def _is_busy(self, signer: Signer, now: datetime) -> bool:
        """Whether to see first what is answered to others."""
        standing = self._standings.get(signer)
        asking = standing.asking if standing is not None else {}
        if signer in self._allowed:
            return any(since < now - SLOW for since in asking.values())
        return bool(asking) or len(self._doubtful) >= DOUBTFUL

    def _land(self, signer: Signer, key: Key) -> _Standing:
        self._doubtful.discard((signer, key))
        standing = self._standings[signer]
        standing.asking.pop(key, None)
        return standing

    def _release(self, signer: Signer) -> list[Key]:
        standing = self._standings[signer]
        released = list(standing.held)
        standing.held.clear()
        standing.refusal = ""
        self._tidy(signer)
        return released

    def _tidy(self, signer: Signer) -> None:
        """Know nothing of a signer that nobody asks or waits for."""
        standing = self._standings[signer]
        if not standing.held and not standing.asking:
            del self._standings[signer]
