"""Which signers' requests we may not approve, and which request may ask again: bookkeeping alone. It calls
nobody and has no clock.

A refusal concerns the signer, whichever request it was that asked: the others of the signer are held, and one
of them asks again for all, ever more rarely. A request that is new asks soon: somebody who has just repaired
what was wrong, and creates a request to see, does not wait for minutes.
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
_REST: Final = 3600.0
"""Seconds after which those look again, just in case, who wait for others to ask."""
_REMEMBERED: Final = 10_000


class Hold(Struct, frozen=True):
    """A request that is not to be approved before `until`; `refusal` is what was said, if anything."""

    until: datetime
    refusal: str = ""


class _Standing(Struct):
    """What is known of a signer that is asked for, or waited for."""

    refused_at: datetime | None = None
    refusal: str = ""
    count: int = 0
    """Refusals in a row."""
    turn: Key | None = None
    """Who asks next, at `due`."""
    due: datetime = datetime.min
    asking: dict[Key, datetime] = {}
    held: dict[Key, None] = {}


class Refusals:
    """What was answered to approvals, by signer. All times are aware and come from the caller.

    `base` and `cap` bound the backoff of a signer, in seconds.
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
            hold = self._hold_refused(standing, key, now, standing.refused_at)
            if hold is not None:
                return hold
        elif not alone:
            return None
        if not self._is_busy(signer, now):
            return None
        standing = self._standings.setdefault(signer, _Standing())
        standing.held[key] = None
        return Hold(now + self._delay(key, 1), standing.refusal)

    def _hold_refused(
        self, standing: _Standing, key: Key, now: datetime, refused_at: datetime
    ) -> Hold | None:
        """Wait for one's turn, or for another to ask."""
        count = standing.count if key in standing.held else 1
        standing.held[key] = None
        if standing.turn != key and not standing.asking:
            due = refused_at + self._delay(key, count)
            if standing.turn is None or due < standing.due:
                standing.turn, standing.due = key, due
        if standing.turn != key:
            return Hold(now + timedelta(seconds=backoff(key, 1, _REST, _REST)), standing.refusal)
        return Hold(standing.due, standing.refusal) if now < standing.due else None

    def ask(self, signer: Signer, key: Key, now: datetime) -> None:
        """A request asks; `allow` or `refuse` has to follow, or else `give_up`."""
        standing = self._standings.setdefault(signer, _Standing())
        standing.asking[key] = now
        standing.turn = None
        if signer not in self._allowed:
            self._doubtful.add((signer, key))

    def allow(self, signer: Signer, key: Key) -> list[Key]:
        """A request was approved. Returns those that were held: they may ask now."""
        self._land(signer, key)
        self._allowed[signer] = None
        self._allowed.move_to_end(signer)
        if len(self._allowed) > _REMEMBERED:
            self._allowed.popitem(last=False)
        return self._release(signer)

    def refuse(self, signer: Signer, key: Key, now: datetime, refusal: str = "") -> list[Key]:
        """A request was refused, or nobody could say. Returns those to whom this is news, if any.

        The first `refusal` counts until the signer is allowed: texts of events do not change.
        """
        standing = self._land(signer, key)
        self._allowed.pop(signer, None)
        is_news = bool(refusal) and not standing.refusal
        standing.refused_at, standing.count = now, standing.count + 1
        standing.refusal = standing.refusal or refusal
        standing.held[key] = None
        return list(standing.held) if is_news else []

    def give_up(self, signer: Signer, key: Key) -> list[Key]:
        """A request asks no longer. If it has no answer, returns those that may ask now."""
        standing = self._standings.get(signer)
        if standing is None or key not in standing.asking:
            return []
        self._land(signer, key)
        return self._next(standing) if standing.refused_at is not None else self._release(signer)

    def forget(self, signer: Signer, key: Key) -> list[Key]:
        """A request is gone or decided: it waits no longer. Returns who may have to ask in its place."""
        standing = self._standings.get(signer)
        if standing is None or key not in standing.held:
            return []
        del standing.held[key]
        if standing.turn == key:
            standing.turn = None
        following = self._next(standing)
        self._tidy(signer)
        return following

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

    def _next(self, standing: _Standing) -> list[Key]:
        """Somebody who is held, if nobody asks or is going to."""
        if standing.turn is None and not standing.asking:
            return list(standing.held)[:1]
        return []

    def _release(self, signer: Signer) -> list[Key]:
        standing = self._standings[signer]
        released = list(standing.held)
        standing.held.clear()
        standing.refused_at, standing.refusal, standing.count, standing.turn = None, "", 0, None
        self._tidy(signer)
        return released

    def _tidy(self, signer: Signer) -> None:
        """Know nothing of a signer that nobody asks or waits for."""
        standing = self._standings[signer]
        if not standing.held and not standing.asking:
            del self._standings[signer]
