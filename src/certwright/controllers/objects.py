"""One kind as its controller sees it: the store it reads, and the status that it alone writes."""

from functools import partial
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from certwright.api.codec import decode
from certwright.api.meta import ManagedObjectMeta, Resource
from certwright.controllers.engine import Replan
from certwright.kube.client import Client
from certwright.kube.errors import NotFound
from certwright.kube.store import HasMetadata, Store
from certwright.plan.actions import PatchStatus

T = TypeVar("T", bound=HasMetadata)


class Objects(Generic[T]):
    """The objects of a kind: `store` holds them as they were last seen, our own writes included."""

    def __init__(self, client: Client, resource: Resource, type_: type[T], store: Store[T]) -> None:
        self.resource = resource
        self.store = store
        self._client = client
        self._decode = partial(decode, cls=type_)

    async def refresh(self, namespace: str, name: str) -> None:
        """Take in an object as it is now; if it is gone, the watch will say so."""
        try:
            obj = await self._client.get(self.resource, name, namespace or None, type_=self._decode)
        except NotFound:
            return
        self.store.put(obj)

    async def patch_status(self, obj: T, action: PatchStatus) -> None:
        """Write what changed of an object's status, only if nobody has written the object since.

        Raises Conflict when somebody has, and Replan when the object is gone.
        """
        try:
            if action.apply:
                await self._apply(obj, action)
            else:
                await self._merge(obj, action.status, action.field_manager)
        except NotFound:
            self.store.remove(obj)
            raise Replan from None

    async def _merge(self, obj: T, status: dict[str, Any], field_manager: str) -> None:
        metadata = obj.metadata
        updated = await self._client.merge_patch(
            self.resource,
            metadata.name,
            metadata.namespace or None,
            {"metadata": {"resourceVersion": metadata.resource_version}, "status": status},
            type_=self._decode,
            subresource="status",
            field_manager=field_manager,
        )
        self.store.put(updated)

    async def _apply(self, obj: T, action: PatchStatus) -> None:
        metadata = obj.metadata
        guard = {"name": metadata.name, "resourceVersion": metadata.resource_version}
        body = await self._client.apply(
            self.resource,
            metadata.name,
            metadata.namespace or None,
            {"metadata": guard, "status": action.status},
            type_=_as_it_is,
            subresource="status",
            field_manager=action.field_manager,
        )
        updated = self._decode(body)
        self.store.put(updated)
        stale = _left_over(body, action.status)
        if stale:  # an apply takes back only what the same manager has applied
            await self._merge(updated, dict.fromkeys(stale), action.field_manager)


_PREFIX = "cert-manager-"
"""What the names of our field managers begin with, as those of cert-manager's controllers do."""


class _Applied(Struct):
    """What an apply answers, as far as ownership goes."""

    metadata: ManagedObjectMeta
    status: dict[str, Any] = {}


def _left_over(body: bytes, wanted: dict[str, Any]) -> list[str]:
    """Fields that were left out of an apply and are still there, and that nobody else has ever set.

    Ours are patches from before applies were switched on, and what cert-manager's own controllers wrote
    before us. A field that anybody else owns stays: it is not ours to remove.
    """
    applied = msgspec.json.decode(body, type=_Applied)
    entries = applied.metadata.managed_fields
    left = []
    for name in applied.status.keys() - wanted.keys():
        owners = [entry for entry in entries if f"f:{name}" in (entry.fields_v1 or {}).get("f:status", {})]
        if all(entry.manager.startswith(_PREFIX) for entry in owners):
            left.append(name)
    return sorted(left)


def _as_it_is(body: bytes) -> bytes:
    return body
