"""Where tests get a cluster from: an API server in this process, or the one that the command line names.

`cluster` is always in memory. `any_cluster` is what `--kubeconfig FILE` says, or a control plane started from
$KUBEBUILDER_ASSETS, or else in memory too. Tests that use them share one event loop, and one server.
"""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings
from msgspec import Struct
from pytest_asyncio import is_async_test

from certwright.apiserver.handler import ApiServer
from certwright.kube.cluster import ClusterConfig
from certwright.kube.kubeconfig import load_kubeconfig
from certwright.kube.transport import HttpTransport, Transport
from certwright.testing.clock import Clock
from certwright.testing.cluster import Cluster, as_admin, embedded_server, own_namespace
from certwright.testing.control_plane import control_plane

SHARED = ("server", "any_server")

# How long an example takes to draw says how busy the machine is, not whether the code is right.
settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")


class Server(Struct):
    """An API server to test on: whether garbage is collected there, and whether others work on it as well."""

    connect: Callable[[], Transport]
    embedded: ApiServer | None = None
    collects_garbage: bool = True
    is_shared: bool = False


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kubeconfig", type=Path, help="run the e2e tests on the cluster of this kubeconfig")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests on a shared server run on the loop that it lives on."""
    shared = pytest.mark.asyncio(loop_scope="session")
    for item in items:
        if is_async_test(item) and set(SHARED) & set(getattr(item, "fixturenames", ())):
            item.add_marker(shared, append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def server() -> AsyncIterator[Server]:
    """An API server in memory."""
    async with embedded_server(Clock()) as embedded:
        yield Server(lambda: as_admin(embedded), embedded)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def any_server(request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    """The API server that was asked for."""
    kubeconfig, assets = request.config.getoption("--kubeconfig"), os.environ.get("KUBEBUILDER_ASSETS")
    async with AsyncExitStack() as stack:
        if kubeconfig is not None:
            yield _over_http(load_kubeconfig(kubeconfig), is_shared=True)
        elif assets:
            plane = await stack.enter_async_context(control_plane(Path(assets)))
            yield _over_http(plane.config, collects_garbage=plane.collects_garbage)
        else:
            embedded = await stack.enter_async_context(embedded_server(Clock()))
            yield Server(lambda: as_admin(embedded), embedded)


@pytest_asyncio.fixture(loop_scope="session")
async def cluster(server: Server) -> AsyncIterator[Cluster]:
    """A namespace of its own on an API server in memory."""
    async with own_namespace(server.connect, Clock(), server.embedded) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def any_cluster(any_server: Server) -> AsyncIterator[Cluster]:
    """A namespace of its own on the API server that was asked for."""
    async with own_namespace(any_server.connect, Clock(), any_server.embedded) as made:
        yield made


def _over_http(config: ClusterConfig, *, collects_garbage: bool = True, is_shared: bool = False) -> Server:
    return Server(lambda: HttpTransport(config), None, collects_garbage, is_shared)
