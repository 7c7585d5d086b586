"""Selectors: the same answers and messages as upstream's parser, and what a transition is to a watcher."""

import json
from pathlib import Path

import pytest

from certwright.apiserver.record import Change, Record
from certwright.apiserver.selectors import (
    EVERYTHING,
    NOTHING,
    SelectorError,
    event,
    label_selector,
    parse_fields,
    parse_labels,
)

RECORDED = json.loads((Path(__file__).parent / "data" / "selectors.json").read_text(encoding="utf-8"))


def _labelled(labels):
    return {"metadata": {"name": "x", "labels": labels}}


def _with_fields(fields):
    return {"metadata": {path.removeprefix("metadata."): value for path, value in fields.items()}}


def _ask(kind, selector):
    objects = [_labelled(labels) for labels in RECORDED["label_sets"]]
    if kind == "labels":
        compiled = parse_labels(selector)
    elif kind == "object":
        compiled = label_selector(selector)
    else:
        compiled = parse_fields(selector)
        objects = [_with_fields(fields) for fields in RECORDED["field_sets"]]
    return [compiled.matches(obj) for obj in objects]


@pytest.mark.parametrize(
    "case", RECORDED["cases"], ids=lambda case: f"{case['kind']}: {case['selector']!r}"[:60]
)
def test_answers_and_messages_are_those_of_upstream(case):
    if "error" in case:
        with pytest.raises(SelectorError) as caught:
            _ask(case["kind"], case["selector"])
        assert case["error"] == str(caught.value)
    else:
        assert case["matches"] == _ask(case["kind"], case["selector"])


def test_an_object_without_labels_is_like_one_with_none():
    assert parse_labels("!app").matches({"metadata": {"name": "x"}})
    assert not parse_labels("app").matches({"metadata": {"labels": None}})


def test_a_field_the_kind_is_not_selectable_by_is_refused_by_name():
    with pytest.raises(SelectorError, match=r"^field label not supported: spec\.color$"):
        parse_fields("spec.color=red")


def test_values_of_declared_fields_are_compared_as_text():
    obj = {"metadata": {"name": "x"}, "spec": {"ready": True, "count": 3, "off": False}}
    declared = {"spec.ready", "spec.count", "spec.off", "spec.nothing", "spec.ready.deeper"}
    for selector in (
        "spec.ready=true",
        "spec.count=3",
        "spec.off=false",
        "spec.nothing=",
        "spec.ready.deeper=",
    ):
        assert parse_fields(selector, declared).matches(obj), selector
    assert not parse_fields("spec.count!=3", declared).matches(obj)


def test_an_exact_name_can_be_read_off_a_field_selector():
    selector = parse_fields("metadata.name=web,metadata.namespace!=a")
    assert selector.exact == {"metadata.name": "web"}
    assert (parse_labels("app") & selector).exact == {"metadata.name": "web"}


def test_both_selectors_together_select_what_each_of_them_does():
    both = parse_labels("app=web") & parse_fields("metadata.name=x")
    assert both.matches(_labelled({"app": "web"}))
    assert not both.matches(_labelled({}))
    assert not both.matches({"metadata": {"name": "y", "labels": {"app": "web"}}})
    assert not both.everything
    assert (EVERYTHING & parse_labels("")).everything


def _record(revision, app):
    obj = {"metadata": {"name": "x", "labels": {"app": app}, "resourceVersion": str(revision)}}
    return Record("g/p/ns/x", revision, json.dumps(obj).encode())


IN, OUT = "web", "db"


@pytest.mark.parametrize(
    ("before", "after", "deleted", "expected"),
    [
        (None, IN, False, "ADDED"),
        (None, OUT, False, None),
        (IN, IN, False, "MODIFIED"),
        (OUT, IN, False, "ADDED"),
        (IN, OUT, False, "DELETED"),
        (OUT, OUT, False, None),
        (IN, IN, True, "DELETED"),
        (OUT, OUT, True, None),
        (OUT, IN, True, None),
    ],
)
def test_the_event_type_follows_from_the_transition(before, after, deleted, expected):
    change = Change(_record(7, after), None if before is None else _record(3, before), deleted)
    found = event(change, parse_labels("app=web"))
    assert expected == (found and found[0])


def test_without_a_selector_every_change_is_an_event():
    assert event(Change(_record(7, IN), None, False))[0] == "ADDED"
    assert event(Change(_record(7, IN), _record(3, IN), False))[0] == "MODIFIED"
    assert event(Change(_record(7, IN), _record(3, IN), True))[0] == "DELETED"
    assert event(Change(_record(7, IN), _record(3, IN), True), NOTHING) is None


def test_an_object_that_leaves_the_selection_is_sent_as_it_was_with_the_new_revision():
    before = _record(3, IN)
    _, record = event(Change(_record(7, OUT), before, False), parse_labels("app=web"))
    assert record.object == {"metadata": {"name": "x", "labels": {"app": IN}, "resourceVersion": "7"}}
    assert json.loads(record.value) == record.object
    assert before.object["metadata"]["resourceVersion"] == "3"


def test_a_deleted_object_is_sent_with_its_tombstone():
    tombstone = _record(7, IN)
    assert event(Change(tombstone, _record(3, IN), True), parse_labels("app=web")) == ("DELETED", tombstone)
