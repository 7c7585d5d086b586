"""Durations as the API writes them, in Go's syntax: `2160h`, `1h30m`, `-1.5s`, `2160h0m0s`. Not ISO 8601.

There are no days or weeks. A value is limited to what 64-bit nanoseconds hold, about 292 years.
"""

import re
from datetime import timedelta
from typing import Final

_UNIT_NS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,  # U+00B5, the micro sign
    "μs": 1_000,  # U+03BC, the Greek letter
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60 * 1_000_000_000,
    "h": 3600 * 1_000_000_000,
}
_PART: Final = re.compile(r"([0-9]*)(\.[0-9]*)?([^0-9.]*)")
_LIMIT: Final = 1 << 63


class DurationError(ValueError):
    """The text is not a duration; the message says why and quotes it, shortened."""


def parse_nanoseconds(text: str) -> int:
    """Read a duration exactly.

    Raises:
        DurationError: not Go's duration syntax, or outside 64-bit nanoseconds.
    """
    rest = text[1:] if text[:1] in ("+", "-") else text
    if not rest:
        raise DurationError(f"invalid duration {_quote(text)}")
    total = 0
    if rest != "0":
        while rest:
            amount, rest = _part(rest, text)
            total += amount
    if total >= _LIMIT and not (total == _LIMIT and text[0] == "-"):
        raise DurationError(f"invalid duration {_quote(text)}: out of range")
    return -total if text[0] == "-" else total


def parse_duration(text: str) -> timedelta:
    """Read a duration; what is finer than a microsecond is cut off, towards zero.

    Raises:
        DurationError: not Go's duration syntax, or outside 64-bit nanoseconds.
    """
    nanoseconds = parse_nanoseconds(text)
    microseconds = abs(nanoseconds) // 1000
    return timedelta(microseconds=-microseconds if nanoseconds < 0 else microseconds)


def format_duration(duration: timedelta) -> str:
    """Write a duration as Go does: hours, minutes and seconds, or one smaller unit below a second."""
    total = duration // timedelta(microseconds=1)
    sign, total = ("-", -total) if total < 0 else ("", total)
    if total == 0:
        return "0s"
    if total < 1_000:
        return f"{sign}{total}µs"
    if total < 1_000_000:
        return f"{sign}{_decimal(total, 1_000)}ms"
    minutes, rest = divmod(total, 60_000_000)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{_decimal(rest, 1_000_000)}s"
    if hours:
        return f"{sign}{hours}h{minutes}m{seconds}"
    return f"{sign}{minutes}m{seconds}" if minutes else f"{sign}{seconds}"


def _part(rest: str, text: str) -> tuple[int, str]:
    """Split one number with its unit off the front; return it in nanoseconds, and what follows."""
    match = _PART.match(rest)
    whole, fraction, unit = match.groups() if match else ("", None, "")
    if not whole and fraction in (None, "."):
        raise DurationError(f"invalid duration {_quote(text)}")
    if not unit:
        raise DurationError(f"missing unit in duration {_quote(text)}")
    factor = _UNIT_NS.get(unit)
    if factor is None:
        raise DurationError(f"unknown unit {_quote(unit)} in duration {_quote(text)}")
    if len(whole) > 19:
        whole = whole.lstrip("0") or "0"
        if len(whole) > 19:
            raise DurationError(f"invalid duration {_quote(text)}: out of range")
    amount = int(whole or "0") * factor + _fraction((fraction or ".")[1:], factor)
    return amount, rest[match.end() :] if match else ""


def _fraction(digits: str, factor: int) -> int:
    """Return 0.digits times factor, rounded as Go does: in floating point, without digits that overflow."""
    value, scale = 0, 1.0
    for digit in digits:
        grown = value * 10 + int(digit)
        if value > (_LIMIT - 1) // 10 or grown > _LIMIT:
            break
        value, scale = grown, scale * 10
    return int(value * (factor / scale))


def _decimal(value: int, unit: int) -> str:
    """Write value/unit without trailing zeros."""
    whole, rest = divmod(value, unit)
    if not rest:
        return str(whole)
    return f"{whole}.{rest:0{len(str(unit)) - 1}d}".rstrip("0")


def _quote(text: str) -> str:
    return f'"{text}"' if len(text) <= 40 else f'"{text[:40]}..."'
