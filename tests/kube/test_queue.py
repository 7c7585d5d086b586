import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.kube.queue import HEAD_START, Queue, QueueClosed, backoff
from certwright.kube.schedule import Lane

Virtual = Callable[[Any], Any]


def now() -> float:
    return asyncio.get_running_loop().time()


def test_a_key_added_many_times_comes_once(virtual: Virtual) -> None:
    async def scenario() -> None:
        queue: Queue[str] = Queue()
        for _ in range(5):
            queue.add("a")
        assert await queue.get() == "a"
        queue.done("a")
        await queue.idle()
        assert len(queue) == 0

    virtual(scenario())


def test_a_getter_sleeps_until_the_earliest_key_is_due(virtual: Virtual) -> None:
    async def scenario() -> None:
        queue: Queue[str] = Queue()
        began = now()
        queue.add_after("a", 60)
        queue.add_after("a", 10)
        queue.add_after("a", 90)
        assert await queue.get() == "a"
        assert now() - began == pytest.approx(10)

    virtual(scenario())


def test_a_key_added_while_it_runs_waits_for_done(virtual: Virtual) -> None:
    async def scenario() -> None:
        queue: Queue[str] = Queue()
        queue.add("a")
        assert await queue.get() == "a"
        queue.add("a")
        again = asyncio.ensure_future(queue.get())
        await asyncio.sleep(5)
        assert not again.done()
        queue.done("a")
        assert await again == "a"

    virtual(scenario())


def test_two_keys_due_at_once_wake_two_getters(virtual: Virtual) -> None:
    async def scenario() -> None:
        queue: Queue[str] = Queue()
        getters = [asyncio.ensure_future(queue.get()) for _ in range(2)]
        await asyncio.sleep(0)
        queue.add_after("a", 10)
        queue.add_after("b", 10)
        assert sorted(await asyncio.gather(*getters)) == ["a", "b"]

    virtual(scenario())


def test_a_cancelled_getter_does_not_swallow_the_turn(virtual: Virtual) -> None:
    async def scenario() -> None:
        queue: Queue[str] = Queue()
        first, second = (asyncio.ensure_future(queue.get()) for _ in range(2))
        await asyncio.sleep(0)
        queue.add("a")  # wakes the first, which is cancelled before it can look
        first.cancel()
        assert await second == "a"

    virtual(scenario())


def test_failures_of_one_key_double_its_delay_up_to_the_cap_and_delay_no_other_key(virtual: Virtual) -> None:
    async def scenario() -> None:
        queue: Queue[str] = Queue(base=1, cap=30)
        delays = [queue.fail("bad") for _ in range(8)]
        for full, delay in zip([1, 2, 4, 8, 16, 30, 30, 30], delays, strict=True):
            assert 0.75 * full <= delay <= full
        began = now()
        queue.add("good")
        assert await queue.get() == "good"
        assert now() == began
        assert queue.failures("bad") == 8
        queue.forget("bad")
        assert queue.fail("bad") <= 1
        assert [queue.fail("worse", cap=300) > 30 for _ in range(8)] == [False] * 6 + [True] * 2

    virtual(scenario())


def test_a_key_whose_last_turn_failed_waits_in_a_lane_of_its_own(virtual: Virtual) -> None:
    async def scenario() -> None:
        queue: Queue[str] = Queue(base=1)
        for key in ("bad", "good"):
            queue.add(key)
        assert await queue.get(Lane.HEALTHY) == "bad"
        queue.fail("bad")
        queue.done("bad")
        healthy = asyncio.ensure_future(queue.get(Lane.HEALTHY))
        failing = asyncio.ensure_future(queue.get(Lane.FAILING))
        assert await healthy == "good"
        began = now()
        assert await failing == "bad"
        assert 0.75 <= now() - began <= 1
        queue.forget("bad")
        queue.done("bad")
        queue.add("bad")
        assert await queue.get(Lane.HEALTHY) == "bad"

    virtual(scenario())


def test_what_was_begun_comes_before_what_is_new_but_not_before_what_has_waited_long(
    virtual: Virtual,
) -> None:
    async def scenario() -> None:
        queue: Queue[str] = Queue()
        queue.add("waits long")
        await asyncio.sleep(HEAD_START)
        for key in ("begun", "new"):
            queue.add(key)
        turns = []
        for _ in range(2):
            turns.append(await queue.get())
            queue.done(turns[-1])
        assert turns == ["waits long", "begun"]
        queue.add("begun")
        assert await queue.get() == "begun"
        queue.done("begun")
        await asyncio.sleep(HEAD_START + 1)
        queue.add("begun")
        assert await queue.get() == "new"

    virtual(scenario())


def test_a_change_overtakes_the_back_off(virtual: Virtual) -> None:
    async def scenario() -> None:
        queue: Queue[str] = Queue()
        for _ in range(6):
            queue.fail("a")
        began = now()
        queue.add("a")
        assert await queue.get() == "a"
        assert now() == began

    virtual(scenario())


def test_idle_means_nothing_due_and_nothing_running_whatever_is_due_later(virtual: Virtual) -> None:
    async def scenario() -> None:
        queue: Queue[str] = Queue()
        await queue.idle()
        queue.add("a")
        queue.add_after("b", 3600)
        began = now()
        key = await queue.get()
        waiting = asyncio.ensure_future(queue.idle())
        await asyncio.sleep(1)
        assert not waiting.done()
        queue.done(key)
        await waiting
        assert now() - began == pytest.approx(1)

    virtual(scenario())


def test_closing_wakes_everybody(virtual: Virtual) -> None:
    async def scenario() -> None:
        queue: Queue[str] = Queue()
        queue.add_after("later", 10)
        waiting = asyncio.ensure_future(queue.get())
        await asyncio.sleep(0)
        queue.close()
        with pytest.raises(QueueClosed):
            await waiting
        queue.add("a")
        with pytest.raises(QueueClosed):
            await queue.get()

    virtual(scenario())


def test_keys_of_another_shard_are_not_taken(virtual: Virtual) -> None:
    async def scenario() -> None:
        queue: Queue[int] = Queue(owns=lambda key: key % 2 == 0)
        queue.add(1)
        queue.add(2)
        queue.fail(3)
        assert await queue.get() == 2
        assert len(queue) == 0

    virtual(scenario())


def test_an_injected_clock_decides_what_is_due(virtual: Virtual) -> None:
    async def scenario() -> None:
        time = 50.0
        queue: Queue[str] = Queue(clock=lambda: time)
        queue.add_after("a", 10)
        assert queue.next_due() == 60
        time = 60.0
        assert await queue.get() == "a"

    virtual(scenario())


@given(st.text(), st.integers(1, 100))
def test_back_off_is_the_same_every_time_and_never_beyond_the_cap(key: str, failures: int) -> None:
    delay = backoff(key, failures, 1.0, 30.0)
    assert delay == backoff(key, failures, 1.0, 30.0)
    assert 0.75 <= delay <= 30


def test_keys_that_fail_together_do_not_retry_together() -> None:
    assert len({backoff(("ns", f"web-{n}"), 1, 1.0, 30.0) for n in range(100)}) > 90
