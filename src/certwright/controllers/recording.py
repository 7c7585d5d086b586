"""Emits the events of plans. Adds what the recorder does not know: source names, and at-most-once."""

from collections import OrderedDict
from collections.abc import Iterable

from certwright.api.meta import Resource
from certwright.kube.events import EventRecorder, reference
from certwright.kube.store import HasMetadata
from certwright.plan.actions import Event

_REMEMBERED = 100_000
"""So many objects may wait for something at a time, and each is told of it once."""


class PlanEvents:
    """Hands events of plans to a recorder, under upstream's component names."""

    def __init__(self, recorder: EventRecorder) -> None:
        self._recorder = recorder
        self._seen: OrderedDict[int, None] = OrderedDict()

    def emit(self, resource: Resource, obj: HasMetadata, events: Iterable[Event]) -> int:
        """Record events about an object; returns how many of them are new."""
        count = 0
        for event in events:
            if event.once and self._already(obj, event):
                continue
            count += 1
            self._recorder.record(
                reference(resource, obj),
                event.type,
                event.reason,
                event.message,
                f"cert-manager-{event.component}",
            )
        return count

    def _already(self, obj: HasMetadata, event: Event) -> bool:
        key = hash((obj.metadata.uid, event.reason, event.message, event.cause))
        if key in self._seen:
            return True
        self._seen[key] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return False
