"""What every object has: metadata, owners, and where its kind is served. Nothing about a certain kind."""

# ruff: noqa: RUF012 - msgspec copies empty defaults

from datetime import UTC, datetime
from typing import Any, Final

from msgspec import Struct, field

from certwright.api.wire import Wire


class OwnerReference(Wire, frozen=True, kw_only=True):
    """An object that this one belongs to (metav1.OwnerReference)."""

    api_version: str
    kind: str
    name: str
    uid: str
    controller: bool | None = None
    block_owner_deletion: bool | None = None


class ManagedFieldsEntry(Wire, frozen=True, kw_only=True):
    """What one field manager owns (metav1.ManagedFieldsEntry); `fields_v1` is the nested set as JSON."""

    manager: str = ""
    operation: str = ""
    api_version: str = ""
    time: datetime | None = None
    fields_type: str = ""
    fields_v1: dict[str, Any] | None = field(default=None, name="fieldsV1")
    subresource: str = ""


class ObjectMeta(Wire, frozen=True, kw_only=True):
    """The part of metav1.ObjectMeta that controllers read; times are aware UTC.

    managedFields are left out, since they are larger than many objects: `ManagedObjectMeta` has them.
    """

    name: str = ""
    generate_name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: list[OwnerReference] = []
    finalizers: list[str] = []


class ManagedObjectMeta(ObjectMeta, frozen=True, kw_only=True):
    """Metadata with the field managers, for the kinds whose field ownership decides something."""

    managed_fields: list[ManagedFieldsEntry] = []


class Resource(Struct, frozen=True, gc=False):
    """Where a kind is served: `plural` of `group`/`version`, namespaced or not."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """The `apiVersion` of its objects: group/version, or the version alone for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """`plural.group`, as kubectl and the names of CustomResourceDefinitions have it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


CERT_MANAGER_GROUP: Final = "cert-manager.io"
ACME_GROUP: Final = "acme.cert-manager.io"

CERTIFICATES: Final = Resource(CERT_MANAGER_GROUP, "v1", "certificates", "Certificate")
CERTIFICATE_REQUESTS: Final = Resource(CERT_MANAGER_GROUP, "v1", "certificaterequests", "CertificateRequest")
ISSUERS: Final = Resource(CERT_MANAGER_GROUP, "v1", "issuers", "Issuer")
CLUSTER_ISSUERS: Final = Resource(CERT_MANAGER_GROUP, "v1", "clusterissuers", "ClusterIssuer", False)
ORDERS: Final = Resource(ACME_GROUP, "v1", "orders", "Order")
CHALLENGES: Final = Resource(ACME_GROUP, "v1", "challenges", "Challenge")

SECRETS: Final = Resource("", "v1", "secrets", "Secret")
CONFIG_MAPS: Final = Resource("", "v1", "configmaps", "ConfigMap")
NAMESPACES: Final = Resource("", "v1", "namespaces", "Namespace", False)
EVENTS: Final = Resource("", "v1", "events", "Event")
SERVICE_ACCOUNTS: Final = Resource("", "v1", "serviceaccounts", "ServiceAccount")
LEASES: Final = Resource("coordination.k8s.io", "v1", "leases", "Lease")
CUSTOM_RESOURCE_DEFINITIONS: Final = Resource(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", False
)


def controller_of(meta: ObjectMeta) -> OwnerReference | None:
    """Return the owner that is marked as the controller, if there is one."""
    return next((owner for owner in meta.owner_references if owner.controller), None)


def controlled_by(meta: ObjectMeta, uid: str) -> bool:
    """Whether the object with this uid is the controller of the object that `meta` belongs to."""
    owner = controller_of(meta)
    return owner is not None and owner.uid == uid


def controller_reference(resource: Resource, owner: ObjectMeta) -> OwnerReference:
    """Make the reference that names `owner` as the controller and holds up its foreground deletion."""
    return OwnerReference(
        api_version=resource.api_version,
        kind=resource.kind,
        name=owner.name,
        uid=owner.uid,
        controller=True,
        block_owner_deletion=True,
    )


def whole_second(moment: datetime) -> datetime:
    """Cut an aware time to what metav1.Time can hold: UTC, whole seconds."""
    return moment.astimezone(UTC).replace(microsecond=0)


def micro_time(moment: datetime) -> str:
    """Write an aware time as metav1.MicroTime, which always has six decimals."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
