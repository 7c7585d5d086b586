"""The loop of every controller, with a controller that does as it is told."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from certwright.controllers.engine import Engine, Replan, Retry
from certwright.kube.errors import Conflict, Forbidden
from certwright.plan.actions import Action, Emit, ForgetKey, Plan
from certwright.testing.clock import Clock


class Scripted:
    """Plans what it is given, and does with each action what the test says."""

    name = "scripted"

    def __init__(self, plan: Plan, does: Callable[[int], Awaitable[None]] | None = None) -> None:
        self.passes = 0
        self.done: list[Action] = []
        self.refreshed = 0
        self.exists = True
        self._plan, self._does = plan, does

    async def gather(self, key: str) -> str | None:
        return key if self.exists else None

    def plan(self, world: str, now: datetime) -> Plan:
        self.passes += 1
        return self._plan if self.passes == 1 or self._does else Plan()

    async def perform(self, world: str, action: Action) -> None:
        if self._does is not None:
            await self._does(self.passes)
        self.done.append(action)

    async def refresh(self, key: str) -> None:
        self.refreshed += 1


@asynccontextmanager
async def working(engine: Engine[str, str]) -> AsyncIterator[None]:
    task = asyncio.ensure_future(engine.run())
    yield
    engine.queue.close()
    await task


def raising(*errors: Exception) -> Callable[[int], Awaitable[None]]:
    """Raise these errors on the first passes, one each, and nothing after that."""
    left = list(errors)

    async def act(_number: int) -> None:
        if left:
            raise left.pop(0)

    return act


async def test_the_actions_of_a_plan_are_done_in_order() -> None:
    actions = (Emit(), ForgetKey(), Emit())
    controller = Scripted(Plan(actions))
    engine: Engine[str, str] = Engine(controller, lambda: datetime.now(UTC))
    async with working(engine):
        engine.queue.add("a")
        await engine.queue.idle()
    assert tuple(controller.done) == actions


@pytest.mark.parametrize("error", [Conflict(409, "Conflict", "late"), Replan()])
async def test_a_world_that_changed_is_planned_again_at_once_and_quietly(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    controller = Scripted(Plan((Emit(), Emit())), raising(error))
    engine: Engine[str, str] = Engine(controller, lambda: datetime.now(UTC))
    async with working(engine):
        engine.queue.add("a")
        await engine.queue.idle()
    assert controller.passes == 2
    assert len(controller.done) == 2
    assert controller.refreshed == engine.counters.conflicts == (1 if isinstance(error, Conflict) else 0)
    assert engine.counters.errors == 0
    assert caplog.records == []


@pytest.mark.parametrize("error", [Retry("later"), Forbidden(403, "Forbidden", "no"), RuntimeError("a bug")])
async def test_an_error_backs_this_key_off_and_no_other(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    clock = Clock()
    controller = Scripted(Plan((Emit(),)), raising(error))
    engine: Engine[str, str] = Engine(controller, clock.now, timer=clock.seconds)
    async with working(engine):
        engine.queue.add("a")
        await engine.queue.idle()
        assert (controller.passes, controller.done) == (1, [])
        engine.queue.add("b")
        await engine.queue.idle()
        assert len(controller.done) == 1
        clock.jump(timedelta(seconds=1))
        engine.queue.look_again()
        await engine.queue.idle()
    assert len(controller.done) == 2
    assert engine.counters.errors == 1
    (record,) = caplog.records
    assert (record.exc_info is not None) == isinstance(error, RuntimeError)


async def test_it_looks_again_when_the_plan_says() -> None:
    clock = Clock()
    controller = Scripted(Plan(wake_at=clock.now() + timedelta(days=30)))
    engine: Engine[str, str] = Engine(controller, clock.now, timer=clock.seconds)
    async with working(engine):
        engine.queue.add("a")
        await engine.queue.idle()
        clock.jump(timedelta(days=29))
        engine.queue.look_again()
        await engine.queue.idle()
        assert controller.passes == 1
        clock.jump(timedelta(days=1))
        engine.queue.look_again()
        await engine.queue.idle()
        assert controller.passes == 2


async def test_an_object_that_is_gone_needs_nothing() -> None:
    controller = Scripted(Plan((Emit(),)))
    controller.exists = False
    engine: Engine[str, str] = Engine(controller, lambda: datetime.now(UTC))
    async with working(engine):
        engine.queue.add("a")
        await engine.queue.idle()
    assert controller.passes == 0
