from datetime import UTC, datetime, timedelta

from certwright.apiserver.compactor import Compactor
from certwright.apiserver.log import Log

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Clock:
    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now


async def _write(log, count):
    for _ in range(count):
        record = log.get("k")
        await log.write("k", record.revision if record else 0, lambda _: b"{}")


async def test_history_is_kept_for_the_time_asked_for():
    log, clock = Log.open(), Clock()
    compactor = Compactor(log, clock, keep_time=5 * MINUTE, keep_revisions=0)
    for _ in range(5):
        await _write(log, 10)
        assert await compactor.step() == 0
        clock.now += MINUTE
    for minute in range(5):
        assert await compactor.step() == 10 * (minute + 1)
        clock.now += MINUTE


async def test_a_number_of_revisions_is_kept_however_old_they_are():
    log, clock = Log.open(), Clock()
    compactor = Compactor(log, clock, keep_time=MINUTE, keep_revisions=30)
    await _write(log, 100)
    await compactor.step()
    clock.now += 60 * MINUTE
    assert await compactor.step() == 70


async def test_nothing_happens_while_nothing_is_old():
    log, clock = Log.open(), Clock()
    compactor = Compactor(log, clock, keep_revisions=0)
    assert await compactor.step() == 0
    await _write(log, 1)
    assert await compactor.step() == 0


async def test_the_task_ends_with_the_log():
    log, clock = Log.open(), Clock()
    compactor = Compactor(log, lambda: clock.now, keep_time=MINUTE, keep_revisions=0)
    await _write(log, 10)
    await compactor.step()
    await log.close()
    clock.now += 2 * MINUTE
    await compactor.run()
