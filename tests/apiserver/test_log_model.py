"""The log against a model that is a plain list: random histories, restarts, crashes, many tasks at once."""

import asyncio
import json
import random
import shutil

import pytest

from certwright.apiserver import cursor as cursor_module
from certwright.apiserver import log as log_module
from certwright.apiserver.log import Closed, Conflict, Log, TooOld


async def drain(cursor, upto):
    """Everything a cursor has to say up to a revision, read without waiting."""
    found = []
    while cursor.revision < upto:
        found += await cursor.next(timeout=0)
    return found


class Model:
    """The log as a list: every change there ever was."""

    def __init__(self):
        self.changes = []
        self.floor = 0

    def live(self, revision):
        found = {}
        for change in self.changes:
            if change[0] <= revision:
                found.pop(change[1], None)
                if not change[2]:
                    found[change[1]] = (change[0], change[3])
        return found

    def listed(self, prefix, after, revision):
        return [
            (key, *found)
            for key, found in sorted(self.live(revision).items())
            if key.startswith(prefix) and (not after or key > after)
        ]


PREFIXES = ["", "g/p/", "g/p/n1/", "g/q/", "g/p/n1/a"]
KEYS = [
    f"g/{plural}/{namespace}/{name}"
    for plural in "pq"
    for namespace in ("n1", "n2")
    for name in ("a", "ab", "b")
]


async def _random_write(rng, log, model):
    key = rng.choice(KEYS)
    live = log.get(key)
    actual = live.revision if live else 0
    expected = actual if rng.random() < 0.9 else rng.choice([0, actual + 1, 1])
    made = []

    def make(revision):
        made.append(b'{"r": %d, "pad": "%s"}' % (revision, b"x" * rng.randrange(30)))
        return made[0]

    deleting = bool(expected) and rng.random() < 0.3
    try:
        revision = await (log.delete if deleting else log.write)(key, expected, make)
    except Conflict as conflict:
        assert conflict.actual == actual != expected  # noqa: PT017 - half of the cases are no conflict
        assert not made
    else:
        assert actual == expected
        model.changes.append((revision, key, deleting, made[0]))


async def _check_list(rng, log, model):
    prefix, limit = rng.choice(PREFIXES), rng.randrange(4)
    after = rng.choice(["", *KEYS])
    revision = rng.choice([0, rng.randint(0, log.revision)])
    if 0 < revision < model.floor:
        with pytest.raises(TooOld):
            log.range(prefix, after, limit, revision)
        return
    page = log.range(prefix, after, limit, revision)
    expected = model.listed(prefix, after, revision or log.revision)
    assert page.revision == (revision or log.revision)
    found = [(record.key, record.revision, record.value) for record in page.records]
    assert found == (expected[:limit] if limit else expected)
    if page.revision == log.revision:
        assert page.remaining == len(expected) - len(found)
    assert (page.remaining > 0) == (len(expected) > len(found))


async def _check_watch(rng, log, model):
    prefix, start = rng.choice(PREFIXES), rng.randint(0, log.revision)
    if start < model.floor:
        with pytest.raises(TooOld):
            log.watch(prefix, start)
        return
    _check_changes(model, prefix, start, await drain(log.watch(prefix, start), log.revision))


def _check_changes(model, prefix, start, changes):
    expected = []
    before = {key: found[1] for key, found in model.live(start).items()}
    for revision, key, deleted, data in model.changes:
        if revision <= start:
            continue
        if key.startswith(prefix):
            expected.append((revision, key, deleted, data, before.get(key)))
        before[key] = None if deleted else data
    found = [
        (change.revision, change.key, change.deleted, change.value, change.previous) for change in changes
    ]
    assert found == expected


class SlowReader:
    """Reads now and then; begins again from the present where it was cut off."""

    def __init__(self, log, prefix):
        self.prefix = prefix
        self.begin(log)

    def begin(self, log):
        self.start = log.revision
        self.cursor = log.watch(self.prefix, self.start)
        self.seen = []

    async def read(self, log, model):
        overtaken = self.cursor.revision < model.floor
        try:
            self.seen += await self.cursor.next(timeout=0)
        except TooOld:
            assert overtaken
            self.begin(log)
        else:
            assert not overtaken
        if self.cursor.revision == log.revision:
            _check_changes(model, self.prefix, self.start, self.seen)


def _shrink_everything(rng, monkeypatch):
    monkeypatch.setattr(cursor_module, "WINDOW_CHANGES", rng.choice([2, 8, 1000]))
    monkeypatch.setattr(cursor_module, "BATCH", rng.choice([1, 3, 500]))
    monkeypatch.setattr(cursor_module, "SCAN", rng.choice([2, 5, 4096]))
    monkeypatch.setattr(log_module, "COMPACT_STEP", rng.choice([1, 4, 1000]))


async def _compact(rng, log, model):
    model.floor = max(model.floor, rng.randint(max(0, log.revision - 30), log.revision))
    await log.compact(model.floor)


ACTIONS = {_random_write: 60, _check_list: 14, _check_watch: 10, _compact: 4}


@pytest.mark.parametrize("seed", range(24))
async def test_it_behaves_like_its_model(seed, tmp_path, monkeypatch):
    rng = random.Random(seed)
    _shrink_everything(rng, monkeypatch)
    path = ":memory:" if seed % 3 == 0 else tmp_path / "0.db"
    log, model = Log.open(path), Model()
    reader = SlowReader(log, "g/p/")
    for step in range(150):
        await rng.choices(list(ACTIONS), list(ACTIONS.values()))[0](rng, log, model)
        if rng.random() < 0.05:
            await reader.read(log, model)
        if rng.random() < 0.03 and path != ":memory:":
            path = await _reopen(rng, log, path, tmp_path / f"{step + 1}.db")
            log = Log.open(path)
            assert log.floor == model.floor
            reader.begin(log)
        assert log.revision == (model.changes[-1][0] if model.changes else 0)
        assert len(log) == len(model.live(log.revision))
    await log.close()


async def _reopen(rng, log, path, crashed):
    """Close and open again, or go on from a copy of its files, as after a crash."""
    if rng.random() < 0.5:
        await log.close()
        return path
    _copy(path, crashed)
    await log.close()
    return crashed


def _copy(path, target):
    shutil.copy(path, target)
    shutil.copy(f"{path}-wal", f"{target}-wal")


class Crowd:
    """Many writers and watchers of one log; whoever writes keeps count of what was acknowledged."""

    def __init__(self, seed, path):
        self.seed = seed
        self.path = path
        self.log = Log.open(path)
        self.acknowledged = {}
        self.copies = []

    async def write(self, number):
        rng = random.Random(self.seed * 100 + number)
        for _ in range(40):
            try:
                await self._write_once(rng.choice(KEYS), rng.random() < 0.3)
            except Conflict:
                continue
            if self.path != ":memory:" and not rng.randrange(60):
                target = self.path.with_name(f"copy-{number}-{len(self.copies)}.db")
                self.copies.append((dict(self.acknowledged), target))
                _copy(self.path, target)

    async def _write_once(self, key, deleting):
        live = self.log.get(key)
        expected = live.revision if live else 0
        change = self.log.delete if deleting and live else self.log.write
        revision = await change(key, expected, lambda revision: json.dumps({"r": revision}).encode())
        self.acknowledged[revision] = (key, bool(deleting and live))

    async def watch(self, prefix, pause):
        cursor, seen = self.log.watch(prefix, 0), []
        while True:
            try:
                seen += await cursor.next()
            except Closed:
                return prefix, cursor.revision, seen
            for _ in range(pause):
                await asyncio.sleep(0)


@pytest.mark.parametrize("seed", range(6))
async def test_many_writers_and_many_watchers_agree_on_one_history(seed, tmp_path, monkeypatch):
    monkeypatch.setattr(cursor_module, "WINDOW_CHANGES", 20)
    monkeypatch.setattr(cursor_module, "BATCH", 9)
    crowd = Crowd(seed, ":memory:" if seed % 2 else tmp_path / "state.db")
    watchers = [
        asyncio.create_task(crowd.watch(prefix, pause)) for prefix in PREFIXES for pause in (0, 1, 50)
    ]
    await asyncio.gather(*(crowd.write(number) for number in range(12)))
    expected = [(revision, *crowd.acknowledged[revision]) for revision in sorted(crowd.acknowledged)]
    assert shown(await drain(crowd.log.watch("", 0), crowd.log.revision)) == expected
    await crowd.log.close()
    for prefix, reached, seen in await asyncio.gather(*watchers):
        assert shown(seen) == [
            change for change in expected if change[1].startswith(prefix) and change[0] <= reached
        ]
    for promised, path in crowd.copies:
        await _check_copy(promised, path)


def shown(changes):
    return [(change.revision, change.key, change.deleted) for change in changes]


async def _check_copy(promised, path):
    log = Log.open(path)
    there = {
        change.revision: (change.key, change.deleted)
        for change in await drain(log.watch("", 0), log.revision)
    }
    assert promised.items() <= there.items()
    assert await log.write("after/the/crash/x", 0, lambda _: b"{}") > max(there, default=0)
    await log.close()
