import contextlib
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.api.duration import DurationError, format_duration, parse_duration, parse_nanoseconds

HOUR = 3600 * 10**9


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0", 0),
        ("-0", 0),
        ("+0", 0),
        ("0s", 0),
        ("5s", 5 * 10**9),
        ("+5s", 5 * 10**9),
        ("-5s", -5 * 10**9),
        ("2160h", 2160 * HOUR),
        ("2160h0m0s", 2160 * HOUR),
        ("1h30m", HOUR * 3 // 2),
        ("30m1h", HOUR * 3 // 2),
        ("1.5h", HOUR * 3 // 2),
        (".5h", HOUR // 2),
        ("1.h", HOUR),
        ("-1.5s", -1_500_000_000),
        ("1ns", 1),
        ("1us", 1000),
        ("1µs", 1000),
        ("1μs", 1000),
        ("1.5ms", 1_500_000),
        ("0.000000001s", 1),
        ("0.0000000009s", 0),
        ("0.3333333333333333333h", 20 * 60 * 10**9),
        ("0.100000000000000000000h", 6 * 60 * 10**9),
        ("0.830103483285477580700h", 2_988_372_539_827),
        ("9223372036854775807ns", 2**63 - 1),
        ("-9223372036854775808ns", -(2**63)),
        ("00000000000000000000001s", 10**9),
    ],
)
def test_reads_what_go_reads(text: str, nanoseconds: int) -> None:
    assert parse_nanoseconds(text) == nanoseconds


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", 'invalid duration ""'),
        ("-", 'invalid duration "-"'),
        ("3", 'missing unit in duration "3"'),
        ("00", 'missing unit in duration "00"'),
        (".", 'invalid duration "."'),
        (".s", 'invalid duration ".s"'),
        ("1d", 'unknown unit "d" in duration "1d"'),
        ("1H", 'unknown unit "H" in duration "1H"'),
        ("1h ", 'unknown unit "h " in duration "1h "'),
        ("1h-1m", 'unknown unit "h-" in duration "1h-1m"'),
        ("h", 'invalid duration "h"'),
        ("--1s", 'invalid duration "--1s"'),
        ("1s.", 'invalid duration "1s."'),
        ("٣s", 'invalid duration "٣s"'),
        ("9223372036854775808ns", "out of range"),
        ("-9223372036854775809ns", "out of range"),
        ("2562048h", "out of range"),
        ("9" * 30 + "h", "out of range"),
    ],
)
def test_refuses_what_go_refuses_and_says_why(text: str, problem: str) -> None:
    with pytest.raises(DurationError) as caught:
        parse_nanoseconds(text)
    assert problem in str(caught.value)


def test_message_quotes_a_long_text_shortened() -> None:
    with pytest.raises(DurationError) as caught:
        parse_nanoseconds("1" * 5000)
    assert len(str(caught.value)) < 100


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(), "0s"),
        (timedelta(hours=2160), "2160h0m0s"),
        (timedelta(hours=1), "1h0m0s"),
        (timedelta(minutes=5), "5m0s"),
        (timedelta(seconds=90), "1m30s"),
        (timedelta(seconds=1.5), "1.5s"),
        (timedelta(milliseconds=500), "500ms"),
        (timedelta(microseconds=1500), "1.5ms"),
        (timedelta(microseconds=7), "7µs"),
        (timedelta(seconds=-90), "-1m30s"),
        (timedelta(hours=1, microseconds=1), "1h0m0.000001s"),
    ],
)
def test_writes_what_go_writes(duration: timedelta, text: str) -> None:
    assert format_duration(duration) == text


def test_cuts_below_a_microsecond_towards_zero() -> None:
    assert parse_duration("1999ns") == timedelta(microseconds=1)
    assert parse_duration("-1999ns") == timedelta(microseconds=-1)


@given(st.timedeltas(min_value=timedelta(days=-106_000), max_value=timedelta(days=106_000)))
def test_reads_back_what_it_wrote(duration: timedelta) -> None:
    assert parse_duration(format_duration(duration)) == duration


@given(st.text(alphabet="0123456789.hmsnuµ-+ d", max_size=12))
def test_any_text_is_a_duration_or_a_duration_error(text: str) -> None:
    with contextlib.suppress(DurationError):
        parse_nanoseconds(text)
