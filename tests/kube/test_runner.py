import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from certwright.kube.queue import Queue
from certwright.kube.runner import run

Virtual = Callable[[Any], Any]


def test_so_many_keys_run_at_once_and_no_more(virtual: Virtual) -> None:
    async def scenario() -> None:
        queue: Queue[int] = Queue()
        running, most = 0, 0

        async def handle(key: int) -> None:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.5)
            running -= 1

        task = asyncio.ensure_future(run(queue, handle, 3))
        for key in range(10):
            queue.add(key)
        await queue.idle()
        assert most == 3
        task.cancel()

    virtual(scenario())


def test_turns_that_hang_give_their_places_to_others(virtual: Virtual) -> None:
    async def scenario() -> None:
        queue: Queue[int] = Queue()
        done: list[int] = []
        release = asyncio.Event()

        async def handle(key: int) -> None:
            if key < 12:
                await release.wait()
            done.append(key)

        task = asyncio.ensure_future(run(queue, handle, 4))
        for key in range(40):
            queue.add(key)
        await asyncio.sleep(4)
        assert sorted(done) == list(range(12, 40))
        release.set()
        await queue.idle()
        assert sorted(done) == list(range(40))
        task.cancel()

    virtual(scenario())


def test_only_so_many_turns_may_hang_at_once(virtual: Virtual) -> None:
    async def scenario() -> None:
        queue: Queue[int] = Queue()
        begun: list[int] = []

        async def handle(key: int) -> None:
            begun.append(key)
            await asyncio.Event().wait()

        task = asyncio.ensure_future(run(queue, handle, 4))
        for key in range(100):
            queue.add(key)
        await asyncio.sleep(60)
        assert len(begun) == 4 + 4 * 4
        task.cancel()

    virtual(scenario())


def test_after_a_hang_no_more_keys_run_at_once_than_before(virtual: Virtual) -> None:
    async def scenario() -> None:
        queue: Queue[int] = Queue()
        running, most = 0, 0

        async def handle(key: int) -> None:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(10 if key < 8 else 0.5)
            running -= 1

        task = asyncio.ensure_future(run(queue, handle, 4))
        for key in range(8):
            queue.add(key)
        await queue.idle()
        most = 0
        for key in range(8, 40):
            queue.add(key)
        await queue.idle()
        assert most == 4
        task.cancel()

    virtual(scenario())


def test_an_error_reaches_on_error_and_other_keys_go_on(virtual: Virtual) -> None:
    async def scenario() -> None:
        queue: Queue[str] = Queue()
        errors: list[tuple[str, str]] = []
        done: list[str] = []

        async def handle(key: str) -> None:
            if key == "bad":
                raise ValueError("no good")
            done.append(key)

        task = asyncio.ensure_future(
            run(queue, handle, 1, lambda key, error: errors.append((key, str(error))))
        )
        for key in ("bad", "good"):
            queue.add(key)
        await queue.idle()
        assert errors == [("bad", "no good")]
        assert done == ["good"]
        assert len(queue) == 0  # whether it comes again was on_error's to say
        task.cancel()

    virtual(scenario())


def test_without_on_error_a_failed_key_is_logged_and_backs_off(
    virtual: Virtual, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        queue: Queue[str] = Queue()
        tries: list[float] = []

        async def handle(key: str) -> None:
            tries.append(asyncio.get_running_loop().time())
            if len(tries) < 3:
                raise ValueError("not yet")

        task = asyncio.ensure_future(run(queue, handle, 2))
        queue.add("a")
        await asyncio.sleep(10)
        assert len(tries) == 3
        assert 0.75 <= tries[1] - tries[0] <= 1.01
        assert 1.5 <= tries[2] - tries[1] <= 2.01
        task.cancel()

    with caplog.at_level(logging.ERROR):
        virtual(scenario())
    assert "a failed, next try in" in caplog.text


def test_keys_that_take_long_to_fail_do_not_delay_others(virtual: Virtual) -> None:
    """A hundred keys take ten seconds each to fail, again and again; the others succeed in half of one."""

    async def scenario() -> None:
        queue: Queue[str] = Queue()
        time = asyncio.get_running_loop().time
        finished: list[float] = []
        most = 0

        async def handle(key: str) -> None:
            nonlocal most
            most = max(most, queue.running)
            await asyncio.sleep(10 if key.startswith("bad") else 0.5)
            if key.startswith("bad"):
                raise ValueError("no good")
            finished.append(time())

        task = asyncio.ensure_future(run(queue, handle, 16, lambda key, _: void(queue.fail(key))))
        for number in range(100):
            queue.add(f"bad {number}")
        await asyncio.sleep(71)
        assert all(queue.failures(f"bad {number}") for number in range(100))
        assert most <= 16 + 4 * 16 + 4
        began, most = time(), 0
        for number in range(160):
            queue.add(f"good {number}")
        await asyncio.sleep(60)
        assert len(finished) == 160
        assert max(finished) - began == pytest.approx(5)
        assert most == 20
        assert max(queue.failures(f"bad {number}") for number in range(100)) > 1
        task.cancel()

    virtual(scenario())


def void(_: object) -> None:
    """What on_error returns."""


def test_closing_the_queue_lets_running_keys_finish(virtual: Virtual) -> None:
    async def scenario() -> None:
        queue: Queue[str] = Queue()
        finished: list[str] = []

        async def handle(key: str) -> None:
            await asyncio.sleep(5)
            finished.append(key)

        task = asyncio.ensure_future(run(queue, handle, 2))
        queue.add("a")
        await asyncio.sleep(1)
        queue.add("b")
        queue.close()
        await task
        assert finished == ["a"]

    virtual(scenario())


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5), st.integers(0, 5)), max_size=40),
    st.integers(1, 4),
)
def test_no_key_runs_twice_at_once_and_none_is_lost(
    virtual: Virtual, adds: list[tuple[int, int, int]], workers: int
) -> None:
    """Keys are added at random times with random delays while handlers of random length run."""

    async def scenario() -> None:
        queue: Queue[int] = Queue()
        running: Counter[int] = Counter()
        started: dict[int, float] = {}
        added: dict[int, float] = {}
        time = asyncio.get_running_loop().time

        async def handle(key: int) -> None:
            running[key] += 1
            assert running[key] == 1
            started[key] = time()
            await asyncio.sleep(key)
            running[key] -= 1

        task = asyncio.ensure_future(run(queue, handle, workers))
        for key, pause, delay in adds:
            queue.add_after(key, delay)
            added[key] = time()
            await asyncio.sleep(pause)
        await asyncio.sleep(60)
        await queue.idle()
        assert len(queue) == 0
        for key, at in added.items():
            assert started[key] >= at
        assert not task.done()
        task.cancel()

    virtual(scenario())
