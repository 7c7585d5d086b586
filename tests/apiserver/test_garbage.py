"""Owner references, collected over the real log with the smallest API server that can delete."""

import asyncio
import contextlib
import itertools
import json
import logging
import random

import pytest

from certwright.apiserver.garbage import GarbageCollector
from certwright.apiserver.log import Conflict, Log

NAMESPACED = {"Parent": True, "Child": True, "ClusterParent": False, "ClusterChild": False}
UIDS = itertools.count(1)


class Server:
    """Deletion with finalizers and propagation policies, as an API server does it, and nothing else."""

    def __init__(self):
        self.log = Log.open()
        self.kinds = dict(NAMESPACED)
        self.deletions = []
        self.refuse = set()

    def key(self, kind, name, namespace="ns"):
        return f"test.dev/{kind.lower()}s/{namespace if NAMESPACED[kind] else ''}/{name}"

    async def create(self, kind, name, *owners, namespace="ns", finalizers=(), block=True):
        references = [self.reference(owner, block) for owner in owners]
        obj = {
            "apiVersion": "test.dev/v1",
            "kind": kind,
            "metadata": {"name": name, "uid": f"uid-{next(UIDS)}", "finalizers": list(finalizers)},
        }
        if references:
            obj["metadata"]["ownerReferences"] = references
        key = self.key(kind, name, namespace)
        await self.log.write(key, 0, lambda revision: self._encoded(obj, revision))
        return key

    def reference(self, owner, block):
        if isinstance(owner, dict):
            return owner
        obj = self.log.get(owner).object
        return {
            "apiVersion": obj["apiVersion"],
            "kind": obj["kind"],
            "name": obj["metadata"]["name"],
            "uid": obj["metadata"]["uid"],
            "blockOwnerDeletion": block,
        }

    def namespaced(self, api_version, kind):
        return self.kinds.get(kind)

    async def delete(self, key, uid, revision, propagation):
        record = self.log.get(key)
        if record is None or record.revision != revision or record.object["metadata"]["uid"] != uid:
            raise Conflict(key, revision, 0)
        if key in self.refuse:
            raise PermissionError("denied by a webhook")
        self.deletions.append((key, propagation))
        finalizers = [
            f for f in record.object["metadata"]["finalizers"] if f not in ("orphan", "foregroundDeletion")
        ]
        finalizers += {"Orphan": ["orphan"], "Foreground": ["foregroundDeletion"], "Background": []}[
            propagation
        ]
        await self._store(record, {"finalizers": finalizers, "deletionTimestamp": "2026-01-01T00:00:00Z"})

    async def patch_metadata(self, key, revision, fields):
        record = self.log.get(key)
        if record is None or record.revision != revision:
            raise Conflict(key, revision, 0)
        await self._store(record, fields)

    async def _store(self, record, fields):
        obj = {**record.object, "metadata": {**record.object["metadata"], **fields}}
        encode = lambda revision: self._encoded(obj, revision)  # noqa: E731
        if obj["metadata"].get("deletionTimestamp") and not obj["metadata"]["finalizers"]:
            await self.log.delete(record.key, record.revision, encode)
        else:
            await self.log.write(record.key, record.revision, encode)

    @staticmethod
    def _encoded(obj, revision):
        return json.dumps({**obj, "metadata": {**obj["metadata"], "resourceVersion": str(revision)}}).encode()

    async def user_deletes(self, key, propagation="Background"):
        record = self.log.get(key)
        await self.delete(key, record.object["metadata"]["uid"], record.revision, propagation)

    async def user_patches(self, key, **fields):
        await self.patch_metadata(key, self.log.get(key).revision, fields)

    def names(self):
        return [record.key.rpartition("/")[2] for record in self.log.range("").records]

    def owners(self, key):
        return [ref["name"] for ref in self.log.get(key).object["metadata"].get("ownerReferences", [])]


@contextlib.asynccontextmanager
async def collecting(server):
    collector = GarbageCollector(server.log, server)
    task = asyncio.create_task(collector.run())
    try:
        await collector.settled()
        yield collector
    finally:
        await server.log.close()
        await task


@pytest.fixture
async def server():
    return Server()


async def test_in_the_background_dependents_go_after_their_owner_and_their_own_dependents_after_them(server):
    parent = await server.create("Parent", "p")
    child = await server.create("Child", "c", parent)
    await server.create("Child", "grandchild", child)
    await server.create("Child", "stranger")
    async with collecting(server) as collector:
        assert server.deletions == []
        await server.user_deletes(parent)
        await collector.settled()
        assert server.names() == ["stranger"]


async def test_an_owner_with_a_finalizer_keeps_its_dependents_until_it_is_gone(server):
    parent = await server.create("Parent", "p", finalizers=["acme.example/hold"])
    await server.create("Child", "c", parent)
    async with collecting(server) as collector:
        await server.user_deletes(parent)
        await collector.settled()
        assert server.names() == ["c", "p"]
        await server.user_patches(parent, finalizers=[])
        await collector.settled()
        assert server.names() == []


async def test_in_the_foreground_the_owner_goes_last(server):
    parent = await server.create("Parent", "p")
    await server.create("Child", "c", parent, block=True)
    await server.create("Child", "loose", parent, block=False)
    cursor = server.log.watch("", server.log.revision)
    async with collecting(server) as collector:
        await server.user_deletes(parent, "Foreground")
        await collector.settled()
        assert server.names() == []
        gone = [change.key.rpartition("/")[2] for change in await cursor.next() if change.deleted]
        assert gone.index("c") < gone.index("p")


async def test_a_foreground_deletion_is_passed_on_to_dependents_of_dependents(server):
    parent = await server.create("Parent", "p")
    child = await server.create("Child", "c", parent)
    await server.create("Child", "grandchild", child)
    cursor = server.log.watch("", server.log.revision)
    async with collecting(server) as collector:
        await server.user_deletes(parent, "Foreground")
        await collector.settled()
        gone = [change.key.rpartition("/")[2] for change in await cursor.next() if change.deleted]
        assert gone == ["grandchild", "c", "p"]


async def test_a_foreign_finalizer_on_a_dependent_holds_a_foreground_deletion_open_quietly(server):
    parent = await server.create("Parent", "p")
    child = await server.create("Child", "c", parent, finalizers=["issuer.example/hold"])
    async with collecting(server) as collector:
        await server.user_deletes(parent, "Foreground")
        await collector.settled()
        assert server.names() == ["c", "p"]
        assert [key for key, _ in server.deletions].count(child) == 1
        revision = server.log.revision
        await server.create("Child", "unrelated")
        await collector.settled()
        assert server.log.revision == revision + 1
        await server.user_patches(child, finalizers=[])
        await collector.settled()
        assert server.names() == ["unrelated"]


async def test_a_dependent_that_no_longer_blocks_lets_the_owner_go(server):
    parent = await server.create("Parent", "p")
    child = await server.create("Child", "c", parent, finalizers=["issuer.example/hold"])
    async with collecting(server) as collector:
        await server.user_deletes(parent, "Foreground")
        await collector.settled()
        await server.user_patches(child, ownerReferences=[server.reference(parent, False)])
        await collector.settled()
        assert server.names() == ["c"]


async def test_two_that_own_each_other_do_not_hold_a_foreground_deletion_for_ever(server):
    parent = await server.create("Parent", "p")
    child = await server.create("Child", "c", parent)
    await server.user_patches(parent, ownerReferences=[server.reference(child, True)])
    async with collecting(server) as collector:
        await server.user_deletes(parent, "Foreground")
        await collector.settled()
        assert server.names() == []


async def test_orphans_stay_and_forget_only_the_owner_that_left(server):
    parent = await server.create("Parent", "p")
    other = await server.create("Parent", "other")
    one = await server.create("Child", "one", parent)
    two = await server.create("Child", "two", parent, other)
    async with collecting(server) as collector:
        await server.user_deletes(parent, "Orphan")
        await collector.settled()
        assert server.names() == ["one", "two", "other"]
        assert server.owners(one) == []
        assert server.owners(two) == ["other"]


async def test_an_orphan_that_is_itself_going_away_is_released_too(server):
    parent = await server.create("Parent", "p")
    child = await server.create("Child", "c", parent, finalizers=["issuer.example/hold"])
    async with collecting(server) as collector:
        await server.user_deletes(child)
        await server.user_deletes(parent, "Orphan")
        await collector.settled()
        assert server.names() == ["c"]
        assert server.owners(child) == []


async def test_with_several_owners_a_dependent_stays_until_the_last_is_gone(server):
    first, second = await server.create("Parent", "first"), await server.create("Parent", "second")
    child = await server.create("Child", "c", first, second)
    async with collecting(server) as collector:
        await server.user_deletes(first)
        await collector.settled()
        assert server.owners(child) == ["second"]
        await server.user_deletes(second)
        await collector.settled()
        assert server.names() == []


async def test_a_second_owner_is_let_go_of_by_a_foreground_deletion_of_the_first(server):
    first, second = await server.create("Parent", "first"), await server.create("Parent", "second")
    child = await server.create("Child", "c", first, second)
    async with collecting(server) as collector:
        await server.user_deletes(first, "Foreground")
        await collector.settled()
        assert server.names() == ["c", "second"]
        assert server.owners(child) == ["second"]


@pytest.mark.parametrize(
    "wrong",
    [{"uid": "uid-of-nobody"}, {"name": "misspelt"}, {"kind": "Child"}],
    ids=lambda wrong: next(iter(wrong)),
)
async def test_a_reference_that_does_not_fit_a_live_owner_is_dangling(server, wrong):
    parent = await server.create("Parent", "p")
    await server.create("Child", "c", {**server.reference(parent, True), **wrong})
    async with collecting(server):
        assert server.names() == ["p"]


async def test_a_recreated_owner_of_the_same_name_does_not_keep_old_dependents(server):
    parent = await server.create("Parent", "p")
    await server.create("Child", "c", parent)
    await server.user_deletes(parent)
    await server.create("Parent", "p")
    async with collecting(server):
        assert server.names() == ["p"]


async def test_an_owner_in_another_namespace_is_no_owner(server):
    parent = await server.create("Parent", "p", namespace="elsewhere")
    await server.create("Child", "c", parent)
    async with collecting(server):
        assert server.names() == ["p"]


async def test_a_cluster_scoped_owner_may_own_in_every_namespace(server):
    parent = await server.create("ClusterParent", "p")
    await server.create("Child", "c", parent)
    await server.create("ClusterChild", "d", parent)
    async with collecting(server) as collector:
        assert server.names() == ["c", "d", "p"]
        await server.user_deletes(parent)
        await collector.settled()
        assert server.names() == []


async def test_a_cluster_scoped_dependent_of_a_namespaced_owner_is_left_alone(server):
    parent = await server.create("Parent", "p")
    await server.create("ClusterChild", "d", parent)
    async with collecting(server) as collector:
        await server.user_deletes(parent)
        await collector.settled()
        assert server.names() == ["d"]


async def test_a_dependent_of_an_unknown_kind_waits_until_the_kind_is_known(server):
    missing = {"apiVersion": "x.dev/v1", "kind": "Unheard", "name": "u", "uid": "uid-unheard"}
    await server.create("Child", "c", missing)
    async with collecting(server) as collector:
        assert server.names() == ["c"]
        server.kinds["Unheard"] = True
        collector.kinds_changed()
        await collector.settled()
        assert server.names() == []


async def test_dependents_of_an_owner_seen_to_go_are_collected_though_its_kind_goes_with_it(server):
    parent = await server.create("Parent", "p")
    await server.create("Child", "c", parent)
    async with collecting(server) as collector:
        await server.user_deletes(parent)
        del server.kinds["Parent"]
        await collector.settled()
        assert server.names() == []


async def test_a_deletion_honours_the_finalizers_a_dependent_already_has(server):
    parent = await server.create("Parent", "p")
    child = await server.create("Child", "c", parent, finalizers=["orphan"])
    grandchild = await server.create("Child", "grandchild", child)
    async with collecting(server) as collector:
        await server.user_deletes(parent)
        await collector.settled()
        assert (child, "Orphan") in server.deletions
        assert server.names() == ["grandchild"]
        assert server.owners(grandchild) == []


async def test_what_was_left_half_done_is_finished_after_a_restart(server):
    parent = await server.create("Parent", "p")
    await server.create("Child", "c", parent)
    orphaning = await server.create("Parent", "o")
    orphan = await server.create("Child", "stays", orphaning)
    await server.create("Child", "late", {**server.reference(parent, True), "uid": "uid-long-gone"})
    await server.user_deletes(parent, "Foreground")
    await server.user_deletes(orphaning, "Orphan")
    async with collecting(server):
        assert server.names() == ["stays"]
        assert server.owners(orphan) == []


async def test_a_dependent_that_cannot_be_deleted_is_tried_again_and_stops_nobody(server, caplog):
    parent = await server.create("Parent", "p")
    stuck = await server.create("Child", "stuck", parent)
    await server.create("Child", "c", parent)
    server.refuse.add(stuck)
    cursor = server.log.watch("", server.log.revision)
    async with collecting(server) as collector:
        with caplog.at_level(logging.WARNING, "certwright.apiserver.garbage"):
            await server.user_deletes(parent)
            while server.names() != ["stuck"] or not caplog.records:
                await cursor.next(timeout=0.01)
        assert f"cannot collect {stuck}" in caplog.text
        server.refuse.clear()
        await collector.settled()
        assert server.names() == []


async def test_an_unreadable_object_stops_nobody(server, caplog):
    parent = await server.create("Parent", "p")
    await server.create("Child", "c", parent)
    await server.log.write("test.dev/childs/ns/odd", 0, lambda _: b'{"metadata": {"uid": 7}}')
    async with collecting(server) as collector:
        await server.user_deletes(parent)
        await collector.settled()
        assert server.names() == ["odd"]


@pytest.mark.parametrize("propagation", ["Background", "Foreground", "Orphan"])
async def test_thousands_of_dependents_cost_one_write_or_two_each(server, propagation):
    parent = await server.create("Parent", "p")
    await asyncio.gather(*(server.create("Child", f"c{n}", parent) for n in range(2000)))
    async with collecting(server) as collector:
        revision = server.log.revision
        await server.user_deletes(parent, propagation)
        await collector.settled()
        assert len(server.names()) == (2000 if propagation == "Orphan" else 0)
        assert server.log.revision - revision <= 2000 + 2


@pytest.mark.parametrize("seed", range(20))
async def test_whatever_is_deleted_in_whatever_way_in_the_end_everything_left_has_a_reason(server, seed):
    rng = random.Random(seed)
    keys = []
    async with collecting(server) as collector:
        for n in range(40):
            owners = [
                key for key in rng.sample(keys, min(len(keys), rng.randrange(3))) if server.log.get(key)
            ]
            held = ["foreign.example/hold"] if rng.random() < 0.2 else []
            keys.append(
                await server.create("Child", f"c{n}", *owners, finalizers=held, block=rng.random() < 0.7)
            )
        for _ in range(12):
            live = [record.key for record in server.log.range("").records]
            with contextlib.suppress(Conflict, AttributeError):
                await server.user_deletes(
                    rng.choice(live), rng.choice(["Background", "Foreground", "Orphan"])
                )
        await collector.settled()
        _check_that_all_have_a_reason(server)
        for key in keys:
            if server.log.get(key):
                finalizers = server.log.get(key).object["metadata"]["finalizers"]
                await server.user_patches(
                    key, finalizers=[f for f in finalizers if f != "foreign.example/hold"]
                )
                await collector.settled()
        _check_that_all_have_a_reason(server)
        assert not [key for key, metadata in _metadata(server).items() if "deletionTimestamp" in metadata]


def _metadata(server):
    return {record.key: record.object["metadata"] for record in server.log.range("").records}


def _check_that_all_have_a_reason(server):
    everything = _metadata(server)
    by_uid = {metadata["uid"]: metadata for metadata in everything.values()}
    blocked = {
        reference["uid"]
        for metadata in everything.values()
        for reference in metadata.get("ownerReferences", [])
        if reference["blockOwnerDeletion"]
    }
    for key, metadata in everything.items():
        owners = [by_uid.get(reference["uid"]) for reference in metadata.get("ownerReferences", [])]
        if "deletionTimestamp" not in metadata:
            assert not owners or all(owner and not _waits(owner) for owner in owners), key
        else:
            assert "orphan" not in metadata["finalizers"], key
            assert "foreign.example/hold" in metadata["finalizers"] or metadata["uid"] in blocked, key


def _waits(metadata):
    return "deletionTimestamp" in metadata and "foregroundDeletion" in metadata["finalizers"]
