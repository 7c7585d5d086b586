"""That the benchmarks work, with a handful of Certificates; what they measure is not judged here."""

from pathlib import Path

import pytest

from bench import cold_start, floor, inprocess, issue


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
