"""Types of command-line values: durations and addresses; no options, no commands."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import click


class DurationType(click.ParamType[timedelta]):
    """A duration as Go writes it (`90s`, `5m`, `1h30m`), not negative, as a timedelta."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Read the text. Raises click.BadParameter."""
        if isinstance(value, timedelta):
            return value
        from certwright.api.duration import DurationError, parse_duration

        try:
            duration = parse_duration(value)
        except DurationError:
            self.fail(f"{value!r} is not a duration such as 90s, 5m or 1h30m", param, ctx)
        if duration < timedelta():
            self.fail(f"{value!r} is negative", param, ctx)
        return duration


class AddressType(click.ParamType[tuple[str, int]]):
    """`HOST:PORT` or `[IPv6]:PORT` as a pair; an empty host is every address of the machine."""

    name = "host:port"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """Read the text. Raises click.BadParameter."""
        if isinstance(value, tuple):
            return value
        match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.%]+)\]|([^:\[\]/]*)):(\d{1,5})", value)
        if match is None or int(match[3]) > 65535:
            self.fail(f"{value!r} is not HOST:PORT, such as 127.0.0.1:7443", param, ctx)
        return match[1] or match[2] or "0.0.0.0", int(match[3])  # noqa: S104 - what an empty host means


DURATION = DurationType()
ADDRESS = AddressType()
