"""Commits whose outcome is in doubt, and a thread that outlives whatever happens to it."""

import asyncio

import apsw
import pytest

from certwright.apiserver.log import Log, WriteFailed


@pytest.fixture(params=["memory", "disk"])
async def log(request, tmp_path):
    opened = Log.open(":memory:" if request.param == "memory" else tmp_path / "state.db")
    yield opened
    await opened.close()


async def test_a_commit_that_reports_an_error_but_took_place_is_a_success(log, monkeypatch):
    append = log._journal.append

    def late_error(rows):
        append(rows)
        raise apsw.IOError("disk I/O error")

    monkeypatch.setattr(log._journal, "append", late_error)
    first = await log.write("g/p/ns/a", 0, lambda _: b"{}")
    assert log.get("g/p/ns/a").revision == first
    monkeypatch.undo()
    assert await log.write("g/p/ns/a", first, lambda _: b"{}") == first + 1


@pytest.mark.parametrize("error", [MemoryError(), apsw.IOError("disk I/O error"), RuntimeError("surprise")])
async def test_any_error_reaches_the_writers_and_the_next_write_is_tried(log, monkeypatch, error):
    def fail(rows):
        raise error

    monkeypatch.setattr(log._journal, "append", fail)
    with pytest.raises(WriteFailed, match=f"cannot write {log._journal.path}: {error}"):
        await log.write("g/p/ns/a", 0, lambda _: b"{}")
    monkeypatch.undo()
    assert await log.write("g/p/ns/a", 0, lambda _: b"{}") == 2


async def test_a_compaction_that_fails_is_finished_by_the_next(log, monkeypatch):
    for n in range(5):
        await log.write("g/p/ns/a", n, lambda _: b"{}")

    def fail(start, end):
        raise apsw.FullError("database or disk is full")

    monkeypatch.setattr(log._journal, "compact", fail)
    with pytest.raises(WriteFailed, match=r"cannot compact .*full"):
        await log.compact(3)
    monkeypatch.undo()
    assert log.floor == 3
    await log.compact(4)
    assert log._journal._reader.execute("SELECT min(rev) FROM log").get == 4


async def test_closing_during_a_compaction_waits_for_no_more_than_the_step_at_hand(tmp_path):
    log = Log.open(tmp_path / "state.db")
    for n in range(50):
        await log.write("g/p/ns/a", n, lambda _: b"{}")
    compacting = asyncio.create_task(log.compact(50))
    await asyncio.sleep(0)
    await log.close()
    await compacting
    log = Log.open(tmp_path / "state.db")
    assert log.get("g/p/ns/a").revision == 50
    await log.close()
