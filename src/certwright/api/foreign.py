"""The parts of core/v1 and coordination.k8s.io kinds that this project reads and writes. Not whole.

A field that is not here is lost when such an object is written back whole: patch it, or apply it.
"""

# ruff: noqa: RUF012 - msgspec copies empty defaults

from datetime import datetime
from typing import Any

from msgspec import field

from certwright.api.meta import ManagedObjectMeta, ObjectMeta
from certwright.api.wire import Wire


class Secret(Wire, frozen=True, kw_only=True):
    """A Secret (core/v1). Its repr leaves the data out."""

    api_version: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "Secret")
    metadata: ManagedObjectMeta = ManagedObjectMeta()
    type: str = ""
    immutable: bool | None = None
    data: dict[str, bytes] = {}
    string_data: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Secret({self.metadata.namespace}/{self.metadata.name}, keys={sorted(self.data)})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("name", f"{self.metadata.namespace}/{self.metadata.name}"), ("keys", sorted(self.data))]


class ConfigMap(Wire, frozen=True, kw_only=True):
    """A ConfigMap (core/v1)."""

    api_version: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "ConfigMap")
    metadata: ObjectMeta = ObjectMeta()
    data: dict[str, str] = {}
    binary_data: dict[str, bytes] = {}


class NamespaceStatus(Wire, frozen=True, kw_only=True):
    """Whether a Namespace is `Active` or `Terminating`."""

    phase: str = ""


class Namespace(Wire, frozen=True, kw_only=True):
    """A Namespace (core/v1)."""

    api_version: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "Namespace")
    metadata: ObjectMeta = ObjectMeta()
    status: NamespaceStatus = NamespaceStatus()


class ObjectReference(Wire, frozen=True, kw_only=True):
    """The object that an Event is about (core/v1)."""

    api_version: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    resource_version: str = ""
    field_path: str = ""


class EventSource(Wire, frozen=True, kw_only=True):
    """Who reported an Event (core/v1)."""

    component: str = ""
    host: str = ""


class Event(Wire, frozen=True, kw_only=True):
    """An Event (core/v1); `type` is Normal or Warning."""

    api_version: str = field(default_factory=lambda: "v1")
    kind: str = field(default_factory=lambda: "Event")
    metadata: ObjectMeta = ObjectMeta()
    involved_object: ObjectReference = ObjectReference()
    reason: str = ""
    message: str = ""
    type: str = ""
    source: EventSource = EventSource()
    first_timestamp: datetime | None = None
    last_timestamp: datetime | None = None
    count: int = 0
    event_time: datetime | None = None
    action: str = ""
    reporting_component: str = ""
    reporting_instance: str = ""


class LeaseSpec(Wire, frozen=True, kw_only=True):
    """Who leads and until when. The times are metav1.MicroTime as text: write them with `micro_time`."""

    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    acquire_time: str | None = None
    renew_time: str | None = None
    lease_transitions: int | None = None


class Lease(Wire, frozen=True, kw_only=True):
    """A Lease (coordination.k8s.io/v1)."""

    api_version: str = field(default_factory=lambda: "coordination.k8s.io/v1")
    kind: str = field(default_factory=lambda: "Lease")
    metadata: ObjectMeta = ObjectMeta()
    spec: LeaseSpec = LeaseSpec()


class PartialObject(Wire, frozen=True, kw_only=True):
    """Any object, reduced to what all objects have."""

    api_version: str = ""
    kind: str = ""
    metadata: ObjectMeta = ObjectMeta()
