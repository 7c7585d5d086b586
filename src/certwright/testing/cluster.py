"""An API server for tests with our kinds, and controllers that tests start, stop and kill. No test framework.

    @pytest_asyncio.fixture
    async def cluster():
        async with in_memory() as cluster:
            yield cluster

    async def test_it(cluster):
        await cluster.create(ca_secret(), ca_issuer(), certificate("web"))
        await cluster.start()
        await cluster.settled()
        assert (await cluster.secret("web-tls")).data["tls.crt"]

Nothing sleeps: `settled` waits until nobody has anything left to do, `advance` moves the time.
"""

import asyncio
import itertools
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from certwright.api.certmanager import Certificate, CertificateRequest, ClusterIssuer, Issuer
from certwright.api.codec import decode
from certwright.api.crds import all_crds
from certwright.api.foreign import ConfigMap, Event, Namespace, PartialObject, Secret
from certwright.api.meta import (
    CERTIFICATE_REQUESTS,
    CERTIFICATES,
    CLUSTER_ISSUERS,
    CONFIG_MAPS,
    CUSTOM_RESOURCE_DEFINITIONS,
    EVENTS,
    ISSUERS,
    NAMESPACES,
    SECRETS,
    Resource,
)
from certwright.apiserver.cluster import Admission
from certwright.apiserver.handler import ApiServer
from certwright.apiserver.wire import MASTERS, UserInfo
from certwright.app.admission import Rules
from certwright.app.inprocess import InProcess
from certwright.controllers.manager import ControllerConfig
from certwright.controllers.secrets import LABELLED
from certwright.kube import requests
from certwright.kube.client import Client
from certwright.kube.errors import AlreadyExists, NotFound
from certwright.kube.lines import LineSplitter
from certwright.kube.requests import Selection
from certwright.kube.store import Store, key_of
from certwright.kube.transport import Transport
from certwright.kube.watcher import Deleted, Restarted, Watcher
from certwright.testing.checks import is_ready
from certwright.testing.clock import Clock
from certwright.testing.running import Running
from certwright.testing.tap import Cue, Tap

T = TypeVar("T", bound=Struct)

RESOURCES: dict[type[Struct], Resource] = {
    Certificate: CERTIFICATES,
    CertificateRequest: CERTIFICATE_REQUESTS,
    Issuer: ISSUERS,
    ClusterIssuer: CLUSTER_ISSUERS,
    Secret: SECRETS,
    ConfigMap: CONFIG_MAPS,
    Namespace: NAMESPACES,
    Event: EVENTS,
}
_names = itertools.count(1)


class Change(Struct, frozen=True):
    """One entry of a kind's history: ADDED, MODIFIED or DELETED, and the object as it then was."""

    type: str
    object: dict[str, Any]


class Cluster:
    """An API server, a client that may do everything, and a namespace to work in.

    `connect` makes a transport to the server; `server` is the server itself where it is an embedded one.
    """

    def __init__(
        self,
        connect: Callable[[], Transport],
        clock: Clock,
        namespace: str,
        server: ApiServer | None = None,
    ) -> None:
        self.clock = clock
        self.namespace = namespace
        self.server = server
        self.client = Client(connect(), "certwright-test", clock.now)
        self.running: list[Running] = []
        self._connect = connect

    async def start(self, config: ControllerConfig | None = None, cue: Cue | None = None) -> Running:
        """Start controllers; `cue` says which of their calls go wrong. By default they see one namespace."""
        config = config or ControllerConfig(namespace=self.namespace)
        running = Running(Tap(self._connect(), cue), self.clock, config)
        self.running.append(running)
        await running.synced()
        return running

    async def stop(self, running: Running) -> None:
        """Stop controllers in good order."""
        self.running.remove(running)
        await running.stop()

    async def kill(self, running: Running) -> None:
        """Kill controllers."""
        self.running.remove(running)
        await running.kill()

    async def settled(self) -> None:
        """Wait until nobody has anything to do before time moves on, and the caches hold what is stored."""
        while True:
            before = [running.syncs() for running in self.running]
            for running in self.running:
                await running.idle()
            if self.server is not None:
                await self.server.settled()
            caught_up = all([await self._caught_up(running) for running in self.running])
            quiet = all(running.is_idle() for running in self.running)
            if caught_up and quiet and before == [running.syncs() for running in self.running]:
                return
            await asyncio.sleep(0 if self.server is not None else 0.01)

    async def until(self, type_: type[T], name: str, holds: Callable[[T], bool]) -> T:
        """Watch an object, which need not exist yet, until something holds of it."""
        async with aclosing(self._states(type_, name)) as states:
            async for obj in states:
                if obj is not None and holds(obj):
                    return obj
        raise RuntimeError("a watch never ends")

    async def until_gone(self, type_: type[Struct], name: str) -> None:
        """Wait until there is no such object."""
        async with aclosing(self._states(type_, name)) as states:
            async for obj in states:
                if obj is None:
                    return

    async def until_ready(self, name: str) -> Certificate:
        """Wait until a Certificate is Ready and rests, while others are still busy."""
        return await self.until(Certificate, name, is_ready)

    async def advance(self, by: timedelta) -> None:
        """Jump ahead in time, and let everybody do what has become due."""
        await self.settled()
        self.clock.jump(by)
        for running in self.running:
            running.look_again()
        await self.settled()

    async def live_through(self, span: timedelta) -> None:
        """Pass a span of time in steps, so that everything happens when it is due."""
        await self.settled()
        end = self.clock.seconds() + span.total_seconds()
        while True:
            times = [due for running in self.running if (due := running.next_due()) is not None]
            due = min(times, default=end)
            if due >= end:
                break
            await self.advance(timedelta(seconds=max(0.0, due - self.clock.seconds())))
        await self.advance(timedelta(seconds=max(0.0, end - self.clock.seconds())))

    async def create(self, *objects: Any) -> None:
        """Create objects, in the namespace of the cluster where they name none."""
        for obj in objects:
            resource = RESOURCES[type(obj)]
            await self.client.create(resource, obj, self._where(resource, obj.metadata.namespace))

    async def patch(self, type_: type[T], name: str, patch: dict[str, Any], subresource: str = "") -> T:
        """Merge a patch into an object."""
        resource = RESOURCES[type_]
        return await self.client.merge_patch(
            resource, name, self._where(resource), patch, type_=type_, subresource=subresource or None
        )

    async def delete(
        self, type_: type[Struct], name: str, propagation: requests.Propagation | None = None
    ) -> None:
        """Delete an object."""
        resource = RESOURCES[type_]
        await self.client.delete(resource, name, self._where(resource), propagation=propagation)

    async def get(self, type_: type[T], name: str) -> T:
        """Read an object. Raises NotFound."""
        resource = RESOURCES[type_]
        return await self.client.get(resource, name, self._where(resource), type_=type_)

    async def objects(self, type_: type[T]) -> list[T]:
        """Read all objects of a kind in the namespace."""
        resource = RESOURCES[type_]
        return await self.client.list_(resource, self._where(resource), type_=partial(decode, cls=type_))

    async def exists(self, type_: type[Struct], name: str) -> bool:
        """Whether there is such an object."""
        with suppress(NotFound):
            await self.get(type_, name)
            return True
        return False

    async def certificate(self, name: str) -> Certificate:
        """Read a Certificate. Raises NotFound."""
        return await self.get(Certificate, name)

    async def secret(self, name: str) -> Secret:
        """Read a Secret. Raises NotFound."""
        return await self.get(Secret, name)

    async def history(self, type_: type[Struct], since: str) -> list[Change]:
        """All changes of a kind in the namespace after a resourceVersion, as a watch tells them."""
        resource = RESOURCES[type_]
        end = f"end-of-history-{next(_names)}"
        mark: dict[str, Any] = {"metadata": {"name": end}} | (
            {"type": "Opaque"} if resource == SECRETS else {}
        )
        if resource not in (SECRETS, CONFIG_MAPS):
            raise ValueError(f"no harmless object of kind {resource.kind} can mark the end of its history")
        await self.client.create(resource, mark, self.namespace)
        selection = Selection(resource=resource, namespace=self.namespace)
        changes: list[Change] = []
        splitter = LineSplitter()
        async with self.client.stream(requests.watch(selection, resource_version=since)) as chunks:
            async for chunk in chunks:
                for line in splitter.feed(chunk):
                    change = msgspec.json.decode(line, type=Change)
                    if change.object["metadata"].get("name") == end:
                        await self.client.delete(resource, end, self.namespace)
                        return changes
                    changes.append(change)
        raise RuntimeError("the watch ended early")

    async def resource_version(self) -> str:
        """The version that the store of the API server is at now."""
        page = await self.client.list_page(
            Selection(resource=SECRETS, namespace=self.namespace), type_=PartialObject, limit=1
        )
        return page.resource_version

    async def end(self) -> None:
        """Kill the controllers that still run."""
        for running in list(self.running):
            await self.kill(running)

    async def _states(self, type_: type[T], name: str) -> AsyncGenerator[T | None]:
        """An object as it is now and after every change, None while it does not exist."""
        resource = RESOURCES[type_]
        watcher: Watcher[Any] = Watcher(
            self.client, resource, type_, self._where(resource), field_selector=f"metadata.name={name}"
        )
        async with aclosing(watcher.events()) as events:
            async for event in events:
                if isinstance(event, Restarted):
                    yield next(iter(event.objects), None)
                else:
                    yield None if isinstance(event, Deleted) else event.obj

    def _where(self, resource: Resource, namespace: str = "") -> str | None:
        return (namespace or self.namespace) if resource.namespaced else None

    async def _caught_up(self, running: Running) -> bool:
        """Whether every cache holds exactly what the server holds."""
        controllers, namespace = running.controllers, running.config.namespace
        caches: list[tuple[Selection, Store[Any]]] = [
            (Selection(resource=CERTIFICATES, namespace=namespace), controllers.certificates),
            (Selection(resource=CERTIFICATE_REQUESTS, namespace=namespace), controllers.requests),
            (Selection(resource=ISSUERS, namespace=namespace), controllers.issuers),
            (
                Selection(resource=SECRETS, namespace=namespace, label_selector=LABELLED),
                controllers.secrets.labelled,
            ),
        ]
        if namespace is None:
            caches.append((Selection(resource=CLUSTER_ISSUERS), controllers.cluster_issuers))
        for (where, name), store in controllers.secrets.followed().items():
            followed = Selection(resource=SECRETS, namespace=where, field_selector=f"metadata.name={name}")
            caches.append((followed, store))
        return all([await self._same(selection, store) for selection, store in caches])

    async def _same(self, selection: Selection, store: Store[Any]) -> bool:
        page = await self.client.list_page(selection, type_=PartialObject, limit=0)
        stored = {key_of(obj): obj.metadata.resource_version for obj in page.items}
        return stored == {key_of(obj): obj.metadata.resource_version for obj in store.all()}


@asynccontextmanager
async def in_memory(start: datetime | None = None) -> AsyncIterator[Cluster]:
    """A cluster of its own in this process, with our CustomResourceDefinitions; `start` is its time."""
    clock = Clock(start)
    async with embedded_server(clock) as server:
        cluster = Cluster(partial(as_admin, server), clock, "default", server)
        try:
            yield cluster
        finally:
            await cluster.end()
            await cluster.client.close()


@asynccontextmanager
async def embedded_server(
    clock: Clock, admission: Sequence[Admission] | None = None
) -> AsyncIterator[ApiServer]:
    """An API server in memory, with our CustomResourceDefinitions and our rules for what may be stored.

    `admission` is asked instead of our rules, if it is given.
    """
    server = await ApiServer.open(None, clock.now, admission=[Rules()] if admission is None else admission)
    try:
        await install(Client(as_admin(server)))
        yield server
    finally:
        await server.close()


@asynccontextmanager
async def own_namespace(
    connect: Callable[[], Transport], clock: Clock, server: ApiServer | None = None
) -> AsyncIterator[Cluster]:
    """A namespace of its own on an API server that has our kinds; it is deleted in the end."""
    cluster = Cluster(connect, clock, "", server)
    created = await cluster.client.create(NAMESPACES, {"metadata": {"generateName": "certwright-test-"}})
    cluster.namespace = created["metadata"]["name"]
    try:
        yield cluster
    finally:
        await cluster.end()
        with suppress(NotFound):
            await cluster.client.delete(NAMESPACES, cluster.namespace)
        await cluster.client.close()


def as_admin(server: ApiServer) -> Transport:
    """A direct line to an embedded server, as somebody who may do everything."""
    return InProcess(server, UserInfo("admin", groups=(MASTERS,)))


async def install(client: Client) -> None:
    """Create our CustomResourceDefinitions where they are missing, and wait until they are served."""
    for crd in all_crds():
        with suppress(AlreadyExists):
            await client.create(CUSTOM_RESOURCE_DEFINITIONS, crd)
    for resource in (CERTIFICATES, CERTIFICATE_REQUESTS, ISSUERS, CLUSTER_ISSUERS):
        while True:
            with suppress(NotFound):
                await client.list_page(Selection(resource=resource), type_=PartialObject, limit=1)
                break
            await asyncio.sleep(0.1)
