"""The sorted keys and the live objects, against Python's own sorting."""

from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.apiserver import head
from certwright.apiserver.head import Head, SortedKeys, after_prefix
from certwright.apiserver.record import Record

KEYS = st.text(alphabet="ab/-z", max_size=4)


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    monkeypatch.setattr(head, "_BLOCK", 2)


@given(initial=st.sets(KEYS), changes=st.lists(KEYS), prefix=KEYS, after=KEYS, limit=st.integers(0, 5))
def test_a_range_is_what_sorting_and_filtering_would_give(initial, changes, prefix, after, limit):
    records = {key: Record(key, 1, b"{}") for key in initial}
    index = Head(records.values())
    for revision, key in enumerate(changes, start=2):
        if key in records and revision % 2:
            del records[key]
            index.remove(key)
        else:
            records[key] = Record(key, revision, b"{}")
            index.put(records[key])
    expected = [
        records[key] for key in sorted(records) if key.startswith(prefix) and (not after or key > after)
    ]
    found, left = index.range(prefix, after, limit)
    assert found == (expected[:limit] if limit else expected)
    assert left == (max(len(expected) - limit, 0) if limit else 0)
    assert len(index) == len(records)
    assert all(index.get(key) is record for key, record in records.items())


@given(st.lists(st.text(alphabet="abc", min_size=1, max_size=3), unique=True))
def test_keys_come_and_go_and_leave_nothing_behind(keys):
    index = SortedKeys()
    for key in keys:
        index.add(key)
    assert list(chain.from_iterable(index.between("", None, after=False))) == sorted(keys)
    for key in keys:
        index.remove(key)
    assert list(index.between("", None, after=False)) == []


@given(KEYS, KEYS)
def test_the_end_of_a_prefix_is_just_beyond_all_that_start_with_it(prefix, key):
    end = after_prefix(prefix)
    assert key.startswith(prefix) == (key >= prefix and (end is None or key < end))
