"""Issuers and ClusterIssuers: one controller for both, the kind is part of the key."""

from collections.abc import Callable
from datetime import datetime

from certwright.api.certmanager import ClusterIssuer, Issuer, IssuerRef
from certwright.api.meta import CLUSTER_ISSUERS, ISSUERS, Resource
from certwright.api.outcomes import Checked
from certwright.api.references import is_ours, issuer_key
from certwright.controllers.engine import Retry
from certwright.controllers.objects import Objects
from certwright.controllers.recording import PlanEvents
from certwright.issuers.contract import Reader, Site
from certwright.issuers.registry import ISSUER_TYPES
from certwright.kube.client import Client
from certwright.kube.store import Store
from certwright.plan import actions
from certwright.plan.actions import Action, Plan
from certwright.plan.issuer import plan_issuer
from certwright.plan.request import is_ready, issuer_type_of
from certwright.plan.world import IssuerWorld, Policy

Key = tuple[str, str, str]
"""Kind, namespace (empty for ClusterIssuer) and name."""

RESOURCES: dict[str, Resource] = {"Issuer": ISSUERS, "ClusterIssuer": CLUSTER_ISSUERS}
TYPES: dict[str, type[Issuer]] = {"Issuer": Issuer, "ClusterIssuer": ClusterIssuer}


class IssuerLookup:
    """Finds the issuer that a reference means, and where that issuer keeps its Secrets.

    `stores` has one for each kind that is served.
    """

    def __init__(self, stores: dict[str, Store[Issuer]], cluster_resource_namespace: str) -> None:
        self.stores = stores
        self._cluster_namespace = cluster_resource_namespace

    def find(self, namespace: str, ref: IssuerRef) -> Issuer | None:
        """The issuer of our own group that `ref` means from `namespace`, or None."""
        name, kind, _ = issuer_key(ref)
        store = self.stores.get(kind)
        if store is None or not is_ours(ref):
            return None
        return store.get("" if kind == "ClusterIssuer" else namespace, name)

    def serves(self, kind: str) -> bool:
        """Whether issuers of this kind are looked at: a controller of one namespace has no ClusterIssuers."""
        return kind in self.stores

    def namespace_of(self, issuer: Issuer, kind: str) -> str:
        """The namespace of an issuer's own Secrets."""
        return self._cluster_namespace if kind == "ClusterIssuer" else issuer.metadata.namespace or ""

    def secrets(self) -> set[tuple[str, str]]:
        """The Secrets that issuers refer to."""
        return {
            (self.namespace_of(issuer, kind), name)
            for kind, store in self.stores.items()
            for issuer in store.all()
            for name in secret_names(issuer)
        }


class Issuers:
    """The controller of issuers; one writer of their status."""

    name = "issuers"

    def __init__(
        self,
        client: Client,
        lookup: IssuerLookup,
        reader: Reader,
        events: PlanEvents,
        policy: Policy,
        clock: Callable[[], datetime],
    ) -> None:
        self._policy = policy
        self._objects = {
            kind: Objects(client, RESOURCES[kind], TYPES[kind], store)
            for kind, store in lookup.stores.items()
        }
        self._lookup = lookup
        self._reader = reader
        self._events = events
        self._clock = clock

    async def gather(self, key: Key) -> IssuerWorld | None:
        """Read an issuer and check it."""
        kind, namespace, name = key
        issuer = self._lookup.stores[kind].get(namespace, name)
        if issuer is None:
            return None
        if issuer.metadata.deletion_timestamp is not None:
            return IssuerWorld(issuer, Checked(ready=False, reason="Deleted"), kind)
        return IssuerWorld(issuer, await self._check(issuer, kind), kind)

    def plan(self, world: IssuerWorld, now: datetime) -> Plan:
        """Decide; an issuer whose check should be repeated asks for it as its last action."""
        plan = plan_issuer(world, now, self._policy)
        if not world.checked.retry:
            return plan
        return Plan((*plan.actions, _CheckAgain()), plan.wake_at, plan.trace, plan.summary)

    async def perform(self, world: IssuerWorld, action: Action) -> None:
        """Do one action, then tell of it."""
        if isinstance(action, _CheckAgain):
            raise Retry(world.checked.message)
        if isinstance(action, actions.PatchStatus):
            await self._objects[world.kind].patch_status(world.issuer, action)
        self._events.emit(RESOURCES[world.kind], world.issuer, action.events)

    async def refresh(self, key: Key) -> None:
        """Take in the issuer as it is now."""
        kind, namespace, name = key
        await self._objects[kind].refresh(namespace, name)

    async def _check(self, issuer: Issuer, kind: str) -> Checked:
        name = issuer_type_of(issuer)
        type_ = ISSUER_TYPES.get(name)
        if type_ is not None:
            namespace = self._lookup.namespace_of(issuer, kind)
            return await type_.check(Site(issuer, namespace, self._reader, self._clock()))
        if not name:
            text = (
                f"no issuer specified for Issuer '{issuer.metadata.namespace or ''}/{issuer.metadata.name}'"
            )
            return Checked(ready=False, reason="ErrInitIssuer", message=text, event="ErrInitIssuer")
        text = f"this version signs with issuers of type {', '.join(sorted(ISSUER_TYPES))}, not {name}"
        return Checked(ready=False, reason="UnsupportedIssuer", message=text, event="UnsupportedIssuer")


class _CheckAgain(Action, frozen=True):
    """Come back after the key's backoff: what the issuer needs may appear without an event."""


def signs_at_once(issuer: Issuer | None) -> bool:
    """Whether an issuer is there, ready, and of a type that signs in this process without waiting."""
    return issuer is not None and is_ready(issuer) and issuer_type_of(issuer) in ISSUER_TYPES


def secret_names(issuer: Issuer) -> list[str]:
    """The Secrets an issuer needs in order to sign."""
    ca = issuer.spec.ca
    return [ca.secret_name] if ca is not None and ca.secret_name else []
