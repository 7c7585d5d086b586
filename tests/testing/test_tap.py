"""The transport that notes calls and breaks on cue."""

import asyncio

import pytest

from certwright.api.foreign import ConfigMap
from certwright.api.meta import CONFIG_MAPS, ObjectMeta
from certwright.kube.client import Client
from certwright.kube.errors import NotFound, Unreachable
from certwright.kube.requests import Request
from certwright.testing.cluster import Cluster, as_admin
from certwright.testing.tap import Tap, Trouble


def config_map(cluster: Cluster, name: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace=cluster.namespace))


def tapped(cluster: Cluster, trouble: Trouble | None = None) -> tuple[Tap, Client]:
    async def cue(_request: Request) -> Trouble | None:
        return trouble

    assert cluster.server is not None
    tap = Tap(as_admin(cluster.server), cue)
    return tap, Client(tap)


async def test_every_call_is_noted_with_its_code(cluster: Cluster) -> None:
    tap, client = tapped(cluster)
    await client.create(CONFIG_MAPS, config_map(cluster, "a"))
    with pytest.raises(NotFound):
        await client.get(CONFIG_MAPS, "b", cluster.namespace, type_=ConfigMap)
    assert [(call.verb, call.resource, call.code) for call in tap.calls] == [
        ("create", "configmaps", 201),
        ("get", "configmaps", 404),
    ]
    assert tap.writes == tap.calls[:1]


@pytest.mark.parametrize("done", [False, True])
async def test_a_broken_connection_is_an_error_whether_or_not_the_call_was_done(
    cluster: Cluster, done: bool
) -> None:
    _, client = tapped(cluster, Trouble(done=done))
    with pytest.raises(Unreachable):
        await client.create(CONFIG_MAPS, config_map(cluster, "a"))
    assert await cluster.exists(ConfigMap, "a") == done


async def test_a_dead_line_never_answers_again(cluster: Cluster) -> None:
    tap, client = tapped(cluster, Trouble(done=True, fatal=True))
    first = asyncio.ensure_future(client.create(CONFIG_MAPS, config_map(cluster, "a")))
    await cluster.until(ConfigMap, "a", lambda _: True)
    second = asyncio.ensure_future(client.create(CONFIG_MAPS, config_map(cluster, "b")))
    await cluster.settled()
    assert tap.dead.is_set()
    assert not first.done()
    assert not second.done()
    assert not await cluster.exists(ConfigMap, "b")
    first.cancel()
    second.cancel()
