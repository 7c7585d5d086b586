import logging
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certwright.api.meta import ObjectMeta
from certwright.kube.packing import Packing
from certwright.kube.store import Store


class Thing(msgspec.Struct, frozen=True):
    """An API struct."""

    metadata: ObjectMeta
    colour: str = ""


class PlainMeta(NamedTuple):
    name: str
    namespace: str | None
    uid: str
    resource_version: str


class Plain(NamedTuple):
    """Not an API struct at all."""

    metadata: PlainMeta


def thing(name: str, version: int, uid: str = "", colour: str = "red", namespace: str = "ns") -> Thing:
    meta = ObjectMeta(name=name, namespace=namespace, uid=uid or f"uid-{name}", resource_version=str(version))
    return Thing(metadata=meta, colour=colour)


class Heard:
    """A subscriber that writes down what it hears, as old and new resourceVersions."""

    def __init__(self, store: Store[Thing]) -> None:
        self.calls: list[tuple[str | None, str | None]] = []
        self.stop = store.subscribe(self)

    def __call__(self, old: Thing | None, new: Thing | None) -> None:
        versions = (o.metadata.resource_version if o else None for o in (old, new))
        self.calls.append((next(versions), next(versions)))


def colour_index(obj: Thing) -> list[str]:
    return [obj.colour] if obj.colour else []


def test_an_older_object_is_ignored_and_an_equal_one_calls_nobody() -> None:
    store: Store[Thing] = Store()
    heard = Heard(store)
    assert store.put(thing("a", 9))
    assert not store.put(thing("a", 8))
    assert not store.put(thing("a", 9))
    assert store.put(thing("a", 10))
    assert heard.calls == [(None, "9"), ("9", "10")]
    found = store.get("ns", "a")
    assert found is not None
    assert found.metadata.resource_version == "10"


def test_versions_are_compared_as_numbers() -> None:
    store: Store[Thing] = Store()
    store.put(thing("a", 99))
    assert store.put(thing("a", 100))


def test_a_late_event_does_not_resurrect_a_deleted_object() -> None:
    store: Store[Thing] = Store()
    store.put(thing("a", 5))
    assert store.remove(thing("a", 5))  # our own deletion
    heard = Heard(store)
    assert not store.put(thing("a", 6))  # somebody's write just before it, seen late
    assert not store.discard(thing("a", 7))  # the deletion as the watch sees it
    assert store.get("ns", "a") is None
    assert heard.calls == []


def test_another_form_of_the_same_version_is_swapped_in_and_calls_nobody() -> None:
    store: Store[Thing] = Store()
    store.put(thing("a", 5))
    heard = Heard(store)
    store.swap(thing("a", 5, colour=""))
    store.swap(thing("a", 4, colour="blue"))
    store.swap(thing("b", 1))
    assert [(found.metadata.name, found.colour) for found in store.all()] == [("a", "")]
    assert heard.calls == []


def test_what_goes_while_each_object_is_looked_at_is_left_out() -> None:
    store: Store[Thing] = Store()
    for name in ("a", "b", "c"):
        store.put(thing(name, 1))
    seen = []
    for found in store.each():
        seen.append(found.metadata.name)
        store.remove(thing("b", 1))
        store.put(thing("d", 2))
    assert seen == ["a", "c"]


def test_the_late_answer_to_our_own_write_does_not_resurrect_either() -> None:
    store: Store[Thing] = Store()
    store.discard(thing("a", 7))  # never seen alive
    assert not store.put(thing("a", 6))


def test_an_object_that_left_the_selection_may_come_back() -> None:
    store: Store[Thing] = Store()
    store.put(thing("a", 5))
    assert store.discard(thing("a", 7))  # a label was changed
    assert not store.put(thing("a", 6))
    assert store.put(thing("a", 9))


def test_an_object_that_came_back_outlives_the_late_event_of_its_leaving() -> None:
    store: Store[Thing] = Store()
    store.put(thing("a", 9))  # the answer to our own write
    assert not store.discard(thing("a", 7))
    assert len(store) == 1


def test_a_namesake_created_after_the_deletion_is_a_new_object() -> None:
    store: Store[Thing] = Store()
    store.put(thing("a", 5, uid="one"))
    heard = Heard(store)
    assert store.put(thing("a", 8, uid="two"))  # the deletion was not seen yet
    assert heard.calls == [("5", None), (None, "8")]
    assert not store.discard(thing("a", 7, uid="one"))  # now it is
    assert store.get("ns", "a") is not None


def test_replacing_removes_what_is_gone_and_keeps_what_is_newer_than_the_list() -> None:
    store: Store[Thing] = Store()
    for obj in (thing("stays", 1), thing("gone", 2), thing("changed", 3), thing("ours", 12)):
        store.put(obj)
    heard = Heard(store)
    store.replace([thing("stays", 1), thing("changed", 7), thing("new", 8)], "10")
    assert {obj.metadata.name for obj in store.all()} == {"stays", "changed", "new", "ours"}
    assert sorted(heard.calls, key=str) == [("2", None), ("3", "7"), (None, "8")]


def test_a_late_answer_does_not_bring_back_what_a_list_showed_to_be_gone() -> None:
    store: Store[Thing] = Store()
    store.put(thing("a", 5))
    store.replace([], "10")
    assert not store.put(thing("a", 7))


def test_replacing_keeps_objects_that_could_not_be_read() -> None:
    store: Store[Thing] = Store()
    store.put(thing("odd", 1))
    store.replace([], "10", keep={("ns", "odd")})
    assert len(store) == 1


def test_reset_forgets_tombstones_too() -> None:
    store: Store[Thing] = Store()
    store.put(thing("a", 5))
    store.remove(thing("a", 5))
    store.put(thing("b", 5))
    store.reset()
    assert len(store) == 0
    assert store.put(thing("a", 2))


def test_indexes_follow_changes() -> None:
    store: Store[Thing] = Store({"colour": colour_index})
    store.put(thing("a", 1, colour="red"))
    store.put(thing("b", 2, colour="red"))
    assert [obj.metadata.name for obj in store.by_index("colour", "red")] == ["a", "b"]
    store.put(thing("a", 3, colour="blue"))
    store.remove(thing("b", 2))
    assert store.by_index("colour", "red") == []
    assert [obj.metadata.name for obj in store.by_index("colour", "blue")] == ["a"]
    with pytest.raises(KeyError):
        store.by_index("size", "red")


def test_one_failing_subscriber_or_index_harms_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    def broken_index(obj: Thing) -> list[str]:
        raise RuntimeError("odd object")

    def broken_subscriber(old: Thing | None, new: Thing | None) -> None:
        raise RuntimeError("bug")

    store: Store[Thing] = Store({"broken": broken_index, "colour": colour_index})
    store.subscribe(broken_subscriber)
    heard = Heard(store)
    with caplog.at_level(logging.ERROR):
        store.put(thing("a", 1))
    assert heard.calls == [(None, "1")]
    assert len(store.by_index("colour", "red")) == 1
    assert "index broken failed for ns/a" in caplog.text


def test_subscribers_see_the_new_content_and_can_leave() -> None:
    store: Store[Thing] = Store({"colour": colour_index})
    seen: list[int] = []
    stop = store.subscribe(lambda _old, _new: seen.append(len(store.by_index("colour", "red"))))
    store.put(thing("a", 1))
    stop()
    store.put(thing("b", 2))
    assert seen == [1]


def test_anything_with_metadata_can_be_stored_cluster_scoped_or_not() -> None:
    store: Store[Plain] = Store()
    store.put(Plain(PlainMeta("a", None, "u", "1")))
    assert store.get(None, "a") is not None
    assert store.get("", "a") is not None


def test_objects_without_numeric_versions_are_taken_in_order_of_arrival() -> None:
    store: Store[Plain] = Store()
    store.put(Plain(PlainMeta("a", "ns", "u", "x9")))
    assert store.put(Plain(PlainMeta("a", "ns", "u", "x8")))
    assert not store.put(Plain(PlainMeta("a", "ns", "u", "x8")))
    assert not store.discard(Plain(PlainMeta("a", "ns", "another", "x7")))
    assert store.discard(Plain(PlainMeta("a", "ns", "u", "x9")))


class Deed(NamedTuple):
    """One step of what really happened: a write, or the end of an object or of its being selected."""

    obj: Thing
    ended: bool
    before: Thing | None


class History(NamedTuple):
    """What really happened on a server, and what is there in the end."""

    deeds: list[Deed]
    final: dict[str, Thing]


@st.composite
def histories(draw: st.DrawFn) -> History:
    alive: dict[str, Thing] = {}
    hidden: dict[str, str] = {}
    deeds: list[Deed] = []
    for version in range(1, draw(st.integers(1, 25)) + 1):
        name, colour = draw(st.sampled_from("abc")), draw(st.sampled_from(["red", "blue"]))
        before = alive.pop(name, None)
        uid = before.metadata.uid if before else hidden.pop(name, f"{name}-{version}")
        happening = draw(st.sampled_from(["write", "delete", "hide"])) if before else "write"
        deeds.append(Deed(thing(name, version, uid, colour), happening != "write", before))
        if happening == "write":
            alive[name] = deeds[-1].obj
        if happening == "hide":  # a label was changed: the same object may come back into the selection
            hidden[name] = uid
    return History(deeds, alive)


@settings(max_examples=400, deadline=None)
@given(histories(), st.data())
def test_any_mix_of_watch_events_and_own_writes_ends_like_the_server(
    history: History, data: st.DataObject
) -> None:
    """The watch arrives in order. Answers to our own writes arrive early or late, in any order."""
    packing = data.draw(st.sampled_from([None, Packing(Thing)]))
    store: Store[Thing] = Store({"colour": colour_index}, packing)
    heard: dict[str, Thing] = {}

    def mirror(old: Thing | None, new: Thing | None) -> None:
        name = (old or new).metadata.name  # type: ignore[union-attr]
        assert heard.get(name) == old
        if new is None:
            del heard[name]
        else:
            assert old is None or int(new.metadata.resource_version) > int(old.metadata.resource_version)
            heard[name] = new

    store.subscribe(mirror)
    last_of = {deed.obj.metadata.uid: number for number, deed in enumerate(history.deeds)}
    arrivals = [("watch", number) for number in range(len(history.deeds))]
    for number in data.draw(st.lists(st.sampled_from(range(len(history.deeds))), unique=True)):
        arrivals.insert(data.draw(st.integers(0, len(arrivals))), ("own", number))
    deleted: set[str] = set()
    for origin, number in arrivals:
        deed = history.deeds[number]
        uid = deed.obj.metadata.uid
        if origin == "watch":
            store.discard(deed.obj) if deed.ended else store.put(deed.obj)
        elif not deed.ended:
            store.put(deed.obj)
        elif last_of[uid] == number and deed.before is not None:
            store.remove(deed.before)  # we deleted it, and know it as it was before
            deleted.add(uid)
        assert not deleted & {stored.metadata.uid for stored in store.all()}
    assert {obj.metadata.name: obj for obj in store.all()} == history.final == heard
    for colour in ("red", "blue"):
        indexed = {obj.metadata.name for obj in store.by_index("colour", colour)}
        assert indexed == {name for name, obj in history.final.items() if obj.colour == colour}


@settings(max_examples=200, deadline=None)
@given(histories(), st.data())
def test_a_list_after_a_gap_ends_like_the_server(history: History, data: st.DataObject) -> None:
    """Some events are missed; a list is taken at some point, and the watch goes on from there."""
    store: Store[Thing] = Store(packing=data.draw(st.sampled_from([None, Packing(Thing)])))
    listed_at = data.draw(st.integers(0, len(history.deeds)))
    world: dict[str, Thing] = {}
    for number, (obj, ended, _) in enumerate(history.deeds):
        if number < listed_at and data.draw(st.booleans()):
            store.discard(obj) if ended else store.put(obj)
        if number < listed_at:
            world.pop(obj.metadata.name, None) if ended else world.update({obj.metadata.name: obj})
        elif not ended and data.draw(st.booleans()):
            store.put(obj)  # our own write, newer than the list that is under way
    store.replace(world.values(), str(listed_at))
    for obj, ended, _ in history.deeds[listed_at:]:
        store.discard(obj) if ended else store.put(obj)
    assert {obj.metadata.name: obj for obj in store.all()} == history.final
