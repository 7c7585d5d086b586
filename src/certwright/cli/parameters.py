"""Types of command-line values, and the options made from `app.settings`; no commands."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from certwright.app import gates
from certwright.app.settings import LISTS, Kind, Setting, Value, parse_controllers, settings_of


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


class BooleanType(click.ParamType[bool]):
    """A boolean as Go's flags read it; the flag alone, without a value, is true."""

    name = "bool"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bool:
        """Read the text. Raises click.BadParameter."""
        try:
            return value if isinstance(value, bool) else gates.parse_boolean(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class CountType(click.ParamType[int]):
    """A whole number of at least `least`."""

    name = "count"

    def __init__(self, least: int) -> None:
        self._least = least

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read the text. Raises click.BadParameter."""
        if not re.fullmatch(r"\d{1,18}", str(value)) or int(value) < self._least:
            self.fail(f"{value!r} is not a whole number of at least {self._least}", param, ctx)
        return int(value)


class PercentageType(click.ParamType[float]):
    """A whole percentage from 0% to 99%, as the part of 1 that it is."""

    name = "percentage"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read the text. Raises click.BadParameter."""
        if isinstance(value, float):
            return value
        match = re.fullmatch(r"(\d{1,2})%", value, re.ASCII)
        if match is None:
            self.fail(f"{value!r} is not a percentage from 0% to 99%", param, ctx)
        return int(match[1]) / 100


DURATION = DurationType()
ADDRESS = AddressType()
COUNT = CountType(1)
BOOLEAN = BooleanType()

_TYPES: dict[Kind, click.ParamType[Any]] = {
    Kind.BOOLEAN: BOOLEAN,
    Kind.INTEGER: COUNT,
    Kind.LIMIT: CountType(0),
    Kind.PERCENTAGE: PercentageType(),
    Kind.DURATION: DURATION,
}
_LISTS: dict[Kind, Callable[[list[str]], Value]] = {
    Kind.PREFIXES: tuple,
    Kind.CONTROLLERS: parse_controllers,
    Kind.GATES: gates.parse_gates,
}

Command = Callable[..., int]


def client_options(command: Command) -> Command:
    """Give a command the options that say which cluster it asks."""
    context = click.option(
        "--context", metavar="NAME", help="The context of the kubeconfig to use. [default: its current one]"
    )
    kubeconfig = click.option(
        "--kubeconfig",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="[default: $KUBECONFIG, ~/.kube/config, or that of `certwright up`]",
    )
    return kubeconfig(context(command))


def settings_options(role: str) -> Callable[[Command], Command]:
    """Give a command the options of a role's settings, in the order of the table."""

    def decorate(command: Command) -> Command:
        for setting in reversed(settings_of(role)):
            command = _option(setting)(command)
        return command

    return decorate


def _option(setting: Setting) -> Callable[[Command], Command]:
    several = setting.kind in LISTS
    more: dict[str, Any] = {}
    if setting.kind is Kind.BOOLEAN:
        more = {"is_flag": False, "flag_value": "true"}
    return click.option(
        f"--{setting.flag}",
        metavar=setting.kind.value,
        type=_TYPES.get(setting.kind, click.STRING),
        default=(setting.default,) if several else setting.default,
        multiple=several,
        callback=_reader(setting.kind),
        help=setting.help + (f"  [default: {setting.default}]" if setting.default else ""),
        **more,
    )


def _reader(kind: Kind) -> Callable[[click.Context, click.Parameter, Any], Value]:
    def read(ctx: click.Context, param: click.Parameter, value: Any) -> Value:
        if kind is Kind.ADDRESS:
            return None if value in ("", "0") else ADDRESS.convert(value, param, ctx)
        if kind in LISTS:
            try:
                return _LISTS[kind](_entries(value))
            except ValueError as error:
                raise click.BadParameter(str(error), ctx, param) from None
        parsed: Value = value
        return parsed

    return read


def _entries(values: Sequence[str]) -> list[str]:
    """The entries of a flag that holds a comma-separated list, and may be there several times."""
    return [entry for value in values for entry in value.split(",") if entry.strip()]
