"""That the benchmarks work, with a handful of Certificates; what they measure is not judged here."""

from pathlib import Path

import pytest

from bench import cold_start, floor, inprocess, issue, neighbours
from bench.calls import ClientCalls
from certwright.testing.clock import Clock
from certwright.testing.cluster import embedded_server


async def test_issuance_and_floor_in_process_make_the_same_number_of_calls(tmp_path: Path) -> None:
    issued = await inprocess.issuance(None, issue.Options(count=6, issuers=2))
    written = await inprocess.ceiling(tmp_path / "floor", floor.Options(count=6))
    assert issued["ready"] == 6
    assert issued["conflicts"] == 0
    assert issued["calls_each"] == written["calls_each"] == 12
    assert issued["writes_each"] == 5


@pytest.mark.parametrize("algorithm", ["RSA", "Ed25519"])
async def test_other_keys_are_measured_too(algorithm: str) -> None:
    issued = await inprocess.issuance(None, issue.Options(count=2, issuers=1, algorithm=algorithm))
    assert issued["ready"] == 2


def test_a_cold_start_is_taken_apart() -> None:
    figures = cold_start.measure(runs=1)
    parts = figures["milliseconds"]
    assert {"interpreter", "imports", "definitions", "key generation", "issuance"} <= parts.keys()
    assert 0 < sum(parts.values()) < figures["first_ready_ms"] + parts["interpreter"] + 1


async def test_neighbours_of_what_cannot_succeed_are_issued_and_calls_counted() -> None:
    async with embedded_server(Clock()) as server:
        working = inprocess.client(server, "certwright")
        async with inprocess.controllers(working):
            issued = issue.Options(count=4, issuers=1, calls=ClientCalls(working.calls))
            options = neighbours.Options(issue=issued, hopeless=6, settle=0.2, calm=0.2)
            figures = await neighbours.measure(inprocess.client(server), options)
    assert figures["ready_beside"] == 4
    assert figures["calls_to_begin"]["patch certificaterequests/status 403"] == 1
