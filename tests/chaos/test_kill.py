"""kill -9 at random moments: what was acknowledged is there, and in the end all is Ready and tidy.

CHAOS_KILLS, CHAOS_CERTIFICATES and CHAOS_SEED choose another run of the long test.
"""

import asyncio
import os
from pathlib import Path

import pytest

from bench import chaos


def _run(options: chaos.Options, directory: Path) -> None:
    report = asyncio.run(chaos.run(options, directory))
    print(chaos.table(report))  # noqa: T201 - the figures, with -s
    assert report.complaints == []
    assert report.issued >= options.certificates
    assert report.secrets_checked >= options.certificates


def test_a_few_kills_lose_nothing(tmp_path: Path) -> None:
    _run(chaos.Options(kills=5, certificates=12, seed=7, life=0.4), tmp_path)


@pytest.mark.chaos
@pytest.mark.timeout(3600)
def test_two_hundred_kills_lose_nothing(tmp_path: Path) -> None:
    options = chaos.Options(
        kills=int(os.environ.get("CHAOS_KILLS", "200")),
        certificates=int(os.environ.get("CHAOS_CERTIFICATES", "100")),
        seed=int(os.environ.get("CHAOS_SEED", "1")),
    )
    _run(options, tmp_path)
