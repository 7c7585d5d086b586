"""What this process did for each Certificate during the last hour: requests made, Secrets repaired.

Memory only, and lost with the process: what has to outlive it stands in requests and conditions.
"""

from collections import OrderedDict
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from certwright.api.meta import whole_second
from certwright.plan.budget import HOUR
from certwright.plan.world import Recent

_NOTHING = Recent()


class _Work(Struct):
    """What was done for one Certificate, and when last."""

    recent: Recent
    last: datetime


class RecentWork:
    """Work by the uid of the Certificate. What is older than an hour is forgotten as new work is noted."""

    def __init__(self) -> None:
        self._by_uid: OrderedDict[str, _Work] = OrderedDict()

    def of(self, uid: str) -> Recent:
        """What was done for a Certificate, as far as it is remembered."""
        work = self._by_uid.get(uid)
        return work.recent if work is not None else _NOTHING

    def note_request(self, uid: str, made: datetime) -> None:
        """A request was made; `made` is an aware time, kept in whole seconds as plans see them."""
        made = whole_second(made)
        since = made - HOUR
        kept = tuple(moment for moment in self.of(uid).requests if moment > since)
        self._put(uid, replace(self.of(uid), requests=(*kept, made)), made)

    def note_repair(self, uid: str, generation: int, done: datetime) -> None:
        """The Secret was repaired for a generation of the Certificate; `done` is an aware time."""
        done = whole_second(done)
        since = done - HOUR
        kept = tuple(
            repair for repair in self.of(uid).repairs if repair[0] == generation and repair[1] > since
        )
        self._put(uid, replace(self.of(uid), repairs=(*kept, (generation, done))), done)

    def __len__(self) -> int:
        return len(self._by_uid)

    def _put(self, uid: str, recent: Recent, now: datetime) -> None:
        self._by_uid[uid] = _Work(recent, now)
        self._by_uid.move_to_end(uid)
        while True:
            oldest, work = next(iter(self._by_uid.items()))
            if oldest == uid or work.last > now - HOUR:
                return
            del self._by_uid[oldest]
