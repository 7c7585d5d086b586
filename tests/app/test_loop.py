"""Roles run until their work is done or a signal comes."""

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from certwright.app.errors import RunError
from certwright.app.loop import Stop, run, until


async def for_ever(started: asyncio.Event, ended: list[str]) -> None:
    started.set()
    try:
        await asyncio.Event().wait()
    finally:
        ended.append("ended")


async def test_work_that_ends_takes_what_runs_beside_it_along() -> None:
    ended: list[str] = []
    started = asyncio.Event()

    async def work() -> str:
        await started.wait()
        return "done"

    assert await until(Stop(), work(), for_ever(started, ended)) == "done"
    assert ended == ["ended"]


async def test_a_failure_beside_the_work_ends_it() -> None:
    ended: list[str] = []

    async def fail() -> None:
        raise RunError("the disk is full")

    with pytest.raises(RunError, match="the disk is full"):
        await until(Stop(), for_ever(asyncio.Event(), ended), fail())
    assert ended == ["ended"]


async def test_asking_to_stop_ends_everything() -> None:
    stop, ended, started = Stop(), [], asyncio.Event()

    async def ask() -> None:
        await started.wait()
        stop.ask()
        await asyncio.Event().wait()

    assert await until(stop, for_ever(started, ended), ask()) is None
    assert stop.asked
    assert ended == ["ended"]


def test_a_signal_asks_to_stop() -> None:
    async def role(stop: Stop) -> int:
        os.kill(os.getpid(), signal.SIGTERM)
        await stop.wait()
        return stop.signal or 0

    assert run(role) == signal.SIGTERM


def test_errors_from_task_groups_come_out_plain() -> None:
    async def fail() -> None:
        raise RunError("the disk is full")

    async def role(_: Stop) -> int:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
        return 0

    with pytest.raises(RunError, match="the disk is full"):
        run(role)


def test_a_second_signal_ends_a_process_that_does_not_stop() -> None:
    code = """
import asyncio, os, signal
from certwright.app.loop import run

async def role(stop):
    os.kill(os.getpid(), signal.SIGINT)
    await stop.wait()
    os.kill(os.getpid(), signal.SIGINT)
    await asyncio.Event().wait()

run(role)
"""
    process = subprocess.run([sys.executable, "-c", code], timeout=60)
    assert process.returncode == 128 + signal.SIGINT
