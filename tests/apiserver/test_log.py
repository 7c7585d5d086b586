"""The log: what a write, a read, a watch and a compaction promise, in memory and on disk."""

import asyncio
import contextlib
import json
import sqlite3

import pytest

from certwright.apiserver import cursor as cursor_module
from certwright.apiserver import log as log_module
from certwright.apiserver.log import Closed, Conflict, Log, TooNew, TooOld, WriteFailed
from certwright.apiserver.record import Record, _Decoded


def value(text="x"):
    return lambda revision: json.dumps(
        {"metadata": {"resourceVersion": str(revision)}, "text": text}
    ).encode()


@pytest.fixture(params=["memory", "disk"])
async def log(request, tmp_path):
    opened = Log.open(":memory:" if request.param == "memory" else tmp_path / "state.db")
    yield opened
    await opened.close()


async def drain(cursor, upto):
    """Everything a cursor has to say up to a revision, read without waiting."""
    found = []
    while cursor.revision < upto:
        found += await cursor.next(timeout=0)
    return found


def shown(changes):
    return [(change.revision, change.key, change.deleted) for change in changes]


# Writing


async def test_a_revision_is_inside_the_value_it_belongs_to(log):
    revision = await log.write("g/p/ns/a", 0, value())
    record = log.get("g/p/ns/a")
    assert record.revision == revision == log.revision
    assert record.object["metadata"]["resourceVersion"] == str(revision)


async def test_a_creation_needs_the_key_to_be_free(log):
    first = await log.write("g/p/ns/a", 0, value())
    with pytest.raises(Conflict) as caught:
        await log.write("g/p/ns/a", 0, value())
    assert caught.value.actual == first


async def test_an_update_needs_the_revision_it_was_made_from(log):
    first = await log.write("g/p/ns/a", 0, value())
    second = await log.write("g/p/ns/a", first, value("y"))
    with pytest.raises(Conflict) as caught:
        await log.write("g/p/ns/a", first, value("z"))
    assert caught.value.actual == second
    assert log.get("g/p/ns/a").object["text"] == "y"


async def test_a_deleted_key_is_free_again(log):
    first = await log.write("g/p/ns/a", 0, value())
    gone = await log.delete("g/p/ns/a", first, value("last"))
    assert log.get("g/p/ns/a") is None
    with pytest.raises(Conflict):
        await log.write("g/p/ns/a", first, value())
    with pytest.raises(Conflict):
        await log.delete("g/p/ns/a", first, value())
    again = await log.write("g/p/ns/a", 0, value("new"))
    assert first < gone < again
    assert len(log) == 1


async def test_what_was_never_there_cannot_be_deleted(log):
    with pytest.raises(Conflict):
        await log.delete("g/p/ns/a", 5, value())
    with pytest.raises(ValueError, match="expects no live object"):
        await log.delete("g/p/ns/a", 0, value())


async def test_a_value_that_cannot_be_made_costs_nothing(log):
    with pytest.raises(ZeroDivisionError):
        await log.write("g/p/ns/a", 0, lambda revision: b"%d" % (revision // 0))
    assert await log.write("g/p/ns/a", 0, value()) == 1


async def test_a_write_is_seen_by_nobody_before_it_is_durable(log):
    cursor = log.watch("", 0)
    writing = asyncio.create_task(log.write("g/p/ns/a", 0, value()))
    await asyncio.sleep(0)
    assert log.get("g/p/ns/a") is None
    assert log.revision == 0
    assert await cursor.next(timeout=0) == [] or log.revision == 1
    await writing
    assert log.revision == 1


async def test_of_many_writers_of_one_revision_one_wins_and_the_others_learn_where_it_is(log):
    first = await log.write("g/p/ns/a", 0, value())
    results = await asyncio.gather(
        *(log.write("g/p/ns/a", first, value(str(n))) for n in range(20)), return_exceptions=True
    )
    won = [result for result in results if isinstance(result, int)]
    lost = [result for result in results if isinstance(result, Conflict)]
    assert len(won) == 1
    assert len(lost) == 19
    assert {conflict.actual for conflict in lost} == {log.revision}


async def test_writers_that_read_and_try_again_lose_no_update(log):
    await log.write("g/p/ns/counter", 0, lambda _: b'{"n": 0}')

    async def add():
        for _ in range(10):
            while True:
                record = log.get("g/p/ns/counter")
                count = record.object["n"] + 1
                try:
                    await log.write("g/p/ns/counter", record.revision, lambda _, n=count: b'{"n": %d}' % n)
                    break
                except Conflict:
                    continue

    await asyncio.gather(*(add() for _ in range(8)))
    assert log.get("g/p/ns/counter").object == {"n": 80}


async def test_a_cancelled_write_still_happens_and_holds_nobody_up(log):
    writing = asyncio.create_task(log.write("g/p/ns/a", 0, value()))
    await asyncio.sleep(0)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    with pytest.raises(Conflict):
        await log.write("g/p/ns/a", 0, value())
    assert await log.write("g/p/ns/a", 1, value()) == 2


async def test_a_cancelled_waiter_holds_nobody_up(log):
    tasks = [asyncio.create_task(log.write("g/p/ns/a", 0, value(str(n)))) for n in range(3)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    assert await tasks[0] == 1
    with pytest.raises(Conflict):
        await tasks[2]


# A disk that refuses


def _allow_pages(log, count):
    log._journal._writer.execute(f"PRAGMA max_page_count = {count}")


async def test_a_full_disk_fails_the_writes_that_do_not_fit_and_nothing_else(log):
    first = await log.write("g/p/ns/a", 0, value())
    _allow_pages(log, 1)
    big = value("x" * 100_000)
    results = await asyncio.gather(
        log.write("g/p/ns/a", first, big), log.write("g/p/ns/b", 0, big), return_exceptions=True
    )
    assert [type(result) for result in results] == [WriteFailed, WriteFailed]
    assert "full" in str(results[0])
    assert log.revision == first
    assert log.get("g/p/ns/b") is None
    assert shown(await drain(log.watch("", 0), first)) == [(first, "g/p/ns/a", False)]
    _allow_pages(log, 100_000)
    second = await log.write("g/p/ns/a", first, big)
    third = await log.write("g/p/ns/b", 0, big)
    assert first + 2 < second < third
    assert shown(await drain(log.watch("", 0), third))[1:] == [
        (second, "g/p/ns/a", False),
        (third, "g/p/ns/b", False),
    ]


async def test_a_writer_waiting_for_one_that_fails_gets_its_turn(log):
    first = await log.write("g/p/ns/a", 0, value())
    _allow_pages(log, 1)
    failing = asyncio.create_task(log.write("g/p/ns/a", first, value("x" * 100_000)))
    waiting = asyncio.create_task(log.write("g/p/ns/a", first, value("small")))
    with pytest.raises(WriteFailed):
        await failing
    await waiting
    assert log.get("g/p/ns/a").object["text"] == "small"


async def test_a_big_batch_that_does_not_fit_leaves_nothing_of_itself(log):
    _allow_pages(log, 40)
    results = await asyncio.gather(
        *(log.write(f"g/p/ns/{n}", 0, value("x" * 1000)) for n in range(300)), return_exceptions=True
    )
    written = {f"g/p/ns/{n}" for n, result in enumerate(results) if isinstance(result, int)}
    assert len(written) < 300
    assert {record.key for record in log.range("").records} == written
    _allow_pages(log, 100_000)
    await log.write("g/p/ns/x", 0, value())


# Reading


async def test_a_list_is_sorted_limited_and_continued(log):
    for name in ("c", "a", "b", "d"):
        await log.write(f"g/p/ns/{name}", 0, value())
    await log.write("g/other/ns/a", 0, value())
    page = log.range("g/p/", limit=3)
    assert [record.key[-1] for record in page.records] == ["a", "b", "c"]
    assert (page.revision, page.remaining) == (log.revision, 1)
    rest = log.range("g/p/", after_key=page.records[-1].key, limit=3, at_revision=page.revision)
    assert [record.key[-1] for record in rest.records] == ["d"]
    assert rest.remaining == 0


async def test_a_list_is_continued_as_it_was_though_everything_has_changed(log):
    for name in "abcd":
        await log.write(f"g/p/ns/{name}", 0, value("old"))
    page = log.range("g/p/", limit=1)
    await log.delete("g/p/ns/c", 3, value())
    await log.write("g/p/ns/d", 4, value("new"))
    await log.write("g/p/ns/bb", 0, value())
    rest = log.range("g/p/", after_key="g/p/ns/a", limit=2, at_revision=page.revision)
    assert [(record.key[-1], record.object["text"]) for record in rest.records] == [
        ("b", "old"),
        ("c", "old"),
    ]
    assert rest.revision == page.revision
    assert rest.remaining > 0
    assert [record.key[-1] for record in log.range("g/p/").records] == ["a", "b", "b", "d"]


async def test_a_revision_that_is_not_there_yet_cannot_be_listed(log):
    with pytest.raises(TooNew, match="too large resource version: 5, current: 0"):
        log.range("", at_revision=5)


async def test_decoded_objects_are_shared_and_given_up_when_there_are_too_many():
    records = [Record("k", n, b'{"n": %d}' % n) for n in range(4)]
    decoded = _Decoded(limit=2 * len(records[0].value))
    for record in records:
        assert record.object is record.object
        decoded.remember(record)
    assert [record._object is None for record in records] == [True, True, False, False]
    assert records[0].object == {"n": 0}


# Watching


async def test_a_watch_continues_where_a_list_ended(log):
    await log.write("g/p/ns/a", 0, value())
    page = log.range("g/p/")
    cursor = log.watch("g/p/", page.revision)
    second = await log.write("g/p/ns/b", 0, value())
    await log.write("g/other/ns/b", 0, value())
    third = await log.delete("g/p/ns/a", 1, value())
    changes = await cursor.next() + await cursor.next(timeout=0)
    assert shown(changes) == [(second, "g/p/ns/b", False), (third, "g/p/ns/a", True)]


async def test_a_change_carries_what_it_replaced(log):
    first = await log.write("g/p/ns/a", 0, value("one"))
    second = await log.write("g/p/ns/a", first, value("two"))
    third = await log.delete("g/p/ns/a", second, value("three"))
    await log.write("g/p/ns/a", 0, value("four"))
    created, updated, deleted, recreated = await log.watch("", 0).next()
    assert created.previous is None
    assert updated.previous == created.value
    assert deleted.previous == updated.value
    assert json.loads(deleted.value) == {"metadata": {"resourceVersion": str(third)}, "text": "three"}
    assert recreated.previous is None


async def test_a_sleeping_watch_is_woken_by_its_own_prefix_only(log):
    cursor = log.watch("g/p/", 0)
    reading = asyncio.create_task(cursor.next())
    for n in range(5):
        await log.write(f"g/other/ns/{n}", 0, value())
    assert not reading.done()
    assert cursor.revision == log.revision
    revision = await log.write("g/p/ns/a", 0, value())
    assert shown(await reading) == [(revision, "g/p/ns/a", False)]


async def test_a_watch_with_nothing_to_say_is_never_overtaken_by_compaction(log):
    cursor = log.watch("g/p/", 0)
    reading = asyncio.create_task(cursor.next())
    for n in range(5):
        await log.write(f"g/other/ns/{n}", 0, value())
        await log.compact(log.revision)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert cursor.revision == log.revision
    assert await cursor.next(timeout=0) == []
    revision = await log.write("g/p/ns/a", 0, value())
    assert shown(await cursor.next()) == [(revision, "g/p/ns/a", False)]


async def test_a_cancelled_read_loses_nothing(log):
    cursor = log.watch("", 0)
    seen = []
    for n in range(50):
        reading = asyncio.create_task(cursor.next())
        await asyncio.sleep(0)
        writing = asyncio.create_task(log.write(f"g/p/ns/{n}", 0, value()))
        for _ in range(n % 4):
            await asyncio.sleep(0)
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            seen += await reading
        await writing
    seen += await drain(cursor, log.revision)
    assert [change.revision for change in seen] == list(range(1, 51))


async def test_a_watch_from_a_revision_to_come_begins_there(log):
    cursor = log.watch("", 2)
    reading = asyncio.create_task(cursor.next())
    for name in "abc":
        await log.write(f"g/p/ns/{name}", 0, value())
    assert shown(await reading) == [(3, "g/p/ns/c", False)]


async def test_a_timeout_is_an_empty_answer_and_a_bookmark(log):
    await log.write("g/other/ns/a", 0, value())
    cursor = log.watch("g/p/", 0)
    assert await cursor.next(timeout=0.001) == []
    assert cursor.revision == 1


async def test_slow_readers_see_everything_when_they_come_to_it(log, monkeypatch):
    monkeypatch.setattr(cursor_module, "WINDOW_CHANGES", 10)
    monkeypatch.setattr(cursor_module, "BATCH", 7)
    monkeypatch.setattr(cursor_module, "SCAN", 13)
    cursors = [log.watch("g/p/", 0) for _ in range(3)]
    revision = 0
    for n in range(200):
        revision = await log.write(
            "g/p/ns/a" if n % 3 else f"g/other/ns/{n}", revision if n % 3 == 2 else 0, value()
        )
        if n % 3 == 2:
            revision = await log.delete("g/p/ns/a", revision, value())
    expected = [
        revision for revision, key, _ in shown(await drain(log.watch("", 0), log.revision)) if "/p/" in key
    ]
    for cursor in cursors:
        assert [change.revision for change in await drain(cursor, log.revision)] == expected


async def test_the_window_is_bounded_in_bytes_too(log, monkeypatch):
    monkeypatch.setattr(cursor_module, "WINDOW_BYTES", 5000)
    for n in range(40):
        await log.write(f"g/p/ns/{n}", 0, value("x" * 900))
    assert log._window._bytes <= 10_000
    assert [change.revision for change in await drain(log.watch("", 0), 40)] == list(range(1, 41))


# Compaction


async def test_below_the_floor_there_is_only_410(log):
    for n in range(5):
        await log.write("g/p/ns/a", n, value())
    await log.compact(3)
    assert log.floor == 3
    with pytest.raises(TooOld, match=r"too old resource version: 2 \(3\)"):
        log.watch("", 2)
    with pytest.raises(TooOld):
        log.range("", at_revision=2)
    assert shown(await log.watch("", 3).next()) == [(4, "g/p/ns/a", False), (5, "g/p/ns/a", False)]
    assert log.range("", at_revision=3).records[0].revision == 3


async def test_a_watch_that_compaction_overtakes_ends_with_410(log):
    cursor = log.watch("", 0)
    for n in range(5):
        await log.write("g/p/ns/a", n, value())
    await log.compact(5)
    with pytest.raises(TooOld):
        await cursor.next()


async def test_compaction_drops_what_was_superseded_and_keeps_what_lives(log):
    await log.write("g/p/ns/quiet", 0, value("never changed"))
    await log.write("g/p/ns/gone", 0, value())
    await log.delete("g/p/ns/gone", 2, value())
    for n in range(20):
        record = log.get("g/p/ns/busy")
        await log.write("g/p/ns/busy", record.revision if record else 0, value(str(n)))
    await log.compact(log.revision)
    rows = [row[0] for row in log._journal._reader.execute("SELECT key FROM log ORDER BY key")]
    assert rows == ["g/p/ns/busy", "g/p/ns/quiet"]
    again = await log.write("g/p/ns/gone", 0, value("again"))
    await log.delete("g/p/ns/gone", again, value())


async def test_compaction_never_goes_back_or_ahead(log):
    for n in range(5):
        await log.write("g/p/ns/a", n, value())
    await log.compact(4)
    await log.compact(2)
    assert log.floor == 4
    with pytest.raises(TooNew):
        await log.compact(6)


async def test_writes_and_compactions_at_the_same_time_do_not_disturb_each_other(log, monkeypatch):
    monkeypatch.setattr(log_module, "COMPACT_STEP", 2)
    finished = False

    async def churn(name):
        for _ in range(60):
            revision = await log.write(name, 0, value())
            await log.delete(name, revision, value())

    async def compact():
        while not finished:
            await log.compact(log.revision)
            await asyncio.sleep(0)

    compacting = asyncio.create_task(compact())
    await asyncio.gather(*(churn(f"g/p/ns/{n}") for n in range(5)))
    finished = True
    await compacting
    await log.compact(log.revision)
    assert len(log) == 0
    assert log._graves == {}
    assert log._journal._reader.execute("SELECT count(*) FROM log").get == 0


async def test_a_key_can_be_created_again_while_its_past_is_being_dropped(log, monkeypatch):
    monkeypatch.setattr(log_module, "COMPACT_STEP", 1)
    keys = [f"g/p/ns/{n}" for n in range(60)]
    revisions = await asyncio.gather(*(log.write(key, 0, value()) for key in keys))
    await asyncio.gather(
        *(log.delete(key, revision, value()) for key, revision in zip(keys, revisions, strict=True))
    )
    compacting = asyncio.create_task(log.compact(log.revision))
    for key in reversed(keys):
        await log.write(key, 0, value())
    await compacting
    assert len(log) == 60


# Closing and opening


async def test_after_closing_nothing_is_written_and_watches_end(log):
    reading = asyncio.create_task(log.watch("", 0).next())
    await asyncio.sleep(0)
    writing = asyncio.create_task(log.write("g/p/ns/a", 0, value()))
    await asyncio.sleep(0)
    await log.close()
    assert await writing == 1
    with pytest.raises(Closed):
        await reading
    with pytest.raises(Closed):
        await log.write("g/p/ns/b", 0, value())
    with pytest.raises(Closed):
        await log.compact(1)


async def test_everything_is_there_again_after_opening(tmp_path):
    log = Log.open(tmp_path / "state.db")
    first = await log.write("g/p/ns/a", 0, value("a"))
    second = await log.write("g/p/ns/b", 0, value("b"))
    third = await log.delete("g/p/ns/b", second, value("b"))
    await log.close()
    log = Log.open(tmp_path / "state.db")
    assert log.revision == third
    assert [record.revision for record in log.range("").records] == [first]
    assert shown(await log.watch("", 0).next()) == [
        (first, "g/p/ns/a", False),
        (second, "g/p/ns/b", False),
        (third, "g/p/ns/b", True),
    ]
    assert await log.write("g/p/ns/b", 0, value()) == third + 1
    await log.close()


async def test_a_revision_is_not_used_again_though_its_row_was_compacted_away(tmp_path):
    log = Log.open(tmp_path / "state.db")
    await log.write("g/p/ns/a", 0, value())
    gone = await log.delete("g/p/ns/a", 1, value())
    await log.compact(gone)
    await log.close()
    log = Log.open(tmp_path / "state.db")
    assert (log.revision, log.floor) == (gone, gone)
    assert await log.write("g/p/ns/a", 0, value()) == gone + 1
    await log.close()


async def test_the_files_are_private(tmp_path):
    log = Log.open(tmp_path / "state.db")
    await log.write("g/p/ns/a", 0, value())
    files = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert files == {"state.db": 0o600, "state.db-wal": 0o600, "state.db-shm": 0o600}
    await log.close()


async def test_the_index_on_disk_is_a_second_compare_and_swap(tmp_path):
    log = Log.open(tmp_path / "state.db")
    first = await log.write("g/p/ns/a", 0, value())
    meddler = sqlite3.connect(tmp_path / "state.db")
    meddler.execute("INSERT INTO log VALUES (99, 'g/p/ns/a', ?, 0, x'7b7d')", (first,))
    meddler.commit()
    meddler.close()
    with pytest.raises(WriteFailed, match="UNIQUE"):
        await log.write("g/p/ns/a", first, value())
    await log.close()
