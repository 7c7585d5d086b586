"""The clock that tests move."""

from datetime import UTC, datetime, timedelta

import pytest

from certwright.testing.clock import Clock


def test_it_starts_when_it_is_told_to_and_goes_on() -> None:
    start = datetime(2030, 1, 1, tzinfo=UTC)
    clock = Clock(start)
    first, second = clock.now(), clock.now()
    assert start <= first <= second < start + timedelta(hours=1)


def test_both_scales_jump_together() -> None:
    clock = Clock()
    now, seconds = clock.now(), clock.seconds()
    clock.jump(timedelta(days=90))
    assert timedelta(days=90) <= clock.now() - now < timedelta(days=91)
    assert 90 * 86400 <= clock.seconds() - seconds < 91 * 86400


def test_it_never_goes_back() -> None:
    with pytest.raises(ValueError, match="back"):
        Clock().jump(timedelta(seconds=-1))
