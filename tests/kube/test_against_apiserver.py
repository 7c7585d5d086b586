"""The client, watcher and store against the embedded API server, called directly."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from certwright.api.foreign import ConfigMap
from certwright.api.meta import CONFIG_MAPS, NAMESPACES, ObjectMeta
from certwright.apiserver.handler import ApiServer
from certwright.kube import errors
from certwright.kube.client import Client
from certwright.kube.store import Store
from certwright.kube.watcher import Tuning, Watcher, reflect


def config_map(name: str, **data: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace="default"), data=data)


@asynccontextmanager
async def following(watcher: Watcher[ConfigMap]) -> AsyncIterator[Store[ConfigMap]]:
    store: Store[ConfigMap] = Store(
        {"colour": lambda obj: [obj.data["colour"]] if "colour" in obj.data else []}
    )
    task = asyncio.ensure_future(reflect(watcher, store))
    async with asyncio.timeout(20):
        await store.synced.wait()
        yield store
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def until_equal(client: Client, store: Store[ConfigMap]) -> None:
    """Wait until the store holds what the server holds."""
    wanted = {obj.metadata.name: obj for obj in await client.list_(CONFIG_MAPS, "default", type_=ConfigMap)}
    changed = asyncio.Event()
    stop = store.subscribe(lambda _old, _new: changed.set())
    while {obj.metadata.name: obj for obj in store.all()} != wanted:
        await changed.wait()
        changed.clear()
    stop()


async def test_writes_and_their_preconditions(direct: Client) -> None:
    made = await direct.create(CONFIG_MAPS, config_map("a", x="1"))
    with pytest.raises(errors.AlreadyExists):
        await direct.create(CONFIG_MAPS, config_map("a"))
    stale = {"metadata": {"resourceVersion": made.metadata.resource_version}, "data": {"x": "2"}}
    patched = await direct.merge_patch(CONFIG_MAPS, "a", "default", stale, type_=ConfigMap)
    assert patched.data == {"x": "2"}
    with pytest.raises(errors.Conflict):
        await direct.merge_patch(CONFIG_MAPS, "a", "default", stale, type_=ConfigMap)
    with pytest.raises(errors.Conflict):
        await direct.delete(CONFIG_MAPS, "a", "default", uid="somebody-else")
    assert await direct.delete(CONFIG_MAPS, "a", "default", uid=made.metadata.uid)
    with pytest.raises(errors.NotFound):
        await direct.get(CONFIG_MAPS, "a", "default", type_=ConfigMap)
    assert direct.calls.conflicts == {"configmaps": 2}


async def test_apply_takes_fields_by_force_and_only_by_force(direct: Client) -> None:
    async def apply(manager: str, force: bool, value: str) -> ConfigMap:
        return await direct.apply(
            CONFIG_MAPS,
            "a",
            "default",
            {"data": {"x": value}},
            field_manager=manager,
            force=force,
            type_=ConfigMap,
        )

    await apply("one", False, "1")
    with pytest.raises(errors.Conflict) as caught:
        await apply("two", False, "2")
    assert [cause.field for cause in caught.value.details.causes] == [".data.x"]
    assert (await apply("two", True, "2")).data == {"x": "2"}


async def test_invalid_objects_name_their_fields(direct: Client) -> None:
    with pytest.raises(errors.Invalid) as caught:
        await direct.create(CONFIG_MAPS, config_map("No_Such_Name"))
    assert caught.value.details.causes[0].field == "metadata.name"


async def test_a_dry_run_changes_nothing(direct: Client) -> None:
    await direct.create(CONFIG_MAPS, config_map("a"), dry_run=True)
    assert await direct.list_(CONFIG_MAPS, "default", type_=ConfigMap) == []


async def test_a_store_follows_by_streamed_list(direct: Client) -> None:
    await direct.create(CONFIG_MAPS, config_map("a", colour="red"))
    async with following(Watcher(direct, CONFIG_MAPS, ConfigMap, "default")) as store:
        assert len(store.by_index("colour", "red")) == 1
        await direct.create(CONFIG_MAPS, config_map("b", colour="red"))
        await until_equal(direct, store)
        assert len(store.by_index("colour", "red")) == 2
    assert direct.calls.counts[("watch", "configmaps", 200)] == 1


async def test_a_store_follows_by_pages(direct: Client) -> None:
    for number in range(7):
        await direct.create(CONFIG_MAPS, config_map(f"n{number}"))
    tuning = Tuning(can_stream=False, page_size=3)
    async with following(Watcher(direct, CONFIG_MAPS, ConfigMap, "default", tuning=tuning)) as store:
        assert len(store) == 7
        assert direct.calls.counts[("list", "configmaps", 200)] == 3
        await direct.delete(CONFIG_MAPS, "n3", "default")
        await until_equal(direct, store)


async def test_leaving_the_selection_is_like_being_deleted_but_not_for_ever(direct: Client) -> None:
    labelled = {"metadata": {"name": "a", "namespace": "default", "labels": {"mine": "yes"}}}
    await direct.create(CONFIG_MAPS, labelled)
    watcher = Watcher(direct, CONFIG_MAPS, ConfigMap, "default", label_selector="mine=yes")
    async with following(watcher) as store:
        heard: asyncio.Queue[bool] = asyncio.Queue()
        store.subscribe(lambda _old, new: heard.put_nowait(new is not None))
        for value, present in (("no", False), ("yes", True)):
            patch = {"metadata": {"labels": {"mine": value}}}
            await direct.merge_patch(CONFIG_MAPS, "a", "default", patch, type_=ConfigMap)
            assert await heard.get() is present
            assert len(store) == int(present)


async def test_watching_metadata_only(direct: Client) -> None:
    await direct.create(CONFIG_MAPS, config_map("a", secret="x"))
    watcher = Watcher(direct, CONFIG_MAPS, ConfigMap, "default", metadata_only=True)
    async with following(watcher) as store:
        (found,) = store.all()
        assert (found.metadata.name, found.data) == ("a", {})


async def test_a_version_that_was_compacted_away_leads_to_a_new_list(direct: Client, api: ApiServer) -> None:
    tuning = Tuning(lifetime=1)
    async with following(Watcher(direct, NAMESPACES, ConfigMap, tuning=tuning)) as store:
        for number in range(5):
            await direct.create(CONFIG_MAPS, config_map(f"n{number}"))
        await api.cluster.log.compact(api.cluster.log.revision)
        changed = asyncio.Event()
        store.subscribe(lambda _old, _new: changed.set())
        await direct.create(NAMESPACES, {"metadata": {"name": "later"}})
        await changed.wait()
        assert store.get(None, "later") is not None


@pytest.mark.parametrize("seed", range(5))
async def test_a_store_ends_like_the_server_whatever_was_written(direct: Client, seed: int) -> None:
    """Random writes, of which some answers are put into the store by hand, as controllers do."""
    rng = random.Random(seed)
    tuning = Tuning(lifetime=1, can_stream=seed % 2 == 0, page_size=3)
    async with following(Watcher(direct, CONFIG_MAPS, ConfigMap, "default", tuning=tuning)) as store:

        async def write() -> None:
            name = f"n{rng.randrange(5)}"
            patch = {"data": {"colour": rng.choice(["red", "blue"])}}
            try:
                match rng.randrange(4):
                    case 0:
                        answer = await direct.create(CONFIG_MAPS, config_map(name, colour="red"))
                    case 1:
                        known = store.get("default", name)
                        if await direct.delete(CONFIG_MAPS, name, "default") and known is not None:
                            store.remove(known)
                        return
                    case _:
                        answer = await direct.merge_patch(
                            CONFIG_MAPS, name, "default", patch, type_=ConfigMap
                        )
            except (errors.NotFound, errors.AlreadyExists):
                return
            if rng.random() < 0.5:
                await asyncio.sleep(0)
                store.put(answer)

        for _ in range(60):
            await asyncio.gather(*[write() for _ in range(rng.randrange(1, 4))])
        await until_equal(direct, store)
        for colour in ("red", "blue"):
            indexed = {obj.metadata.name for obj in store.by_index("colour", colour)}
            assert indexed == {obj.metadata.name for obj in store.all() if obj.data["colour"] == colour}
