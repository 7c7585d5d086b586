"""One kind as its controller sees it: the store it reads, and the status that it alone writes."""

from functools import partial
from typing import Generic, TypeVar

from certwright.api.codec import decode
from certwright.api.meta import Resource
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
        metadata = obj.metadata
        patch = {"metadata": {"resourceVersion": metadata.resource_version}, "status": action.status}
        try:
            updated = await self._client.merge_patch(
                self.resource,
                metadata.name,
                metadata.namespace or None,
                patch,
                type_=self._decode,
                subresource="status",
                field_manager=action.field_manager,
            )
        except NotFound:
            self.store.remove(obj)
            raise Replan from None
        self.store.put(updated)
