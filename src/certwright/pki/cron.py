"""Cron expressions as renewal windows use them: five fields or a descriptor, on the wall clock of a
time zone.

Not a scheduler. The dialect is that of Go's robfig/cron, with its treatment of clock changes and a search
horizon of nine years. Moments are whole seconds since 1970 in UTC.
"""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from msgspec import Struct

from certwright.api.duration import DurationError, parse_nanoseconds

_HOUR = 3_600
_MINUTE = 60
_SECOND_NS = 1_000_000_000
_HORIZON_YEARS = 9
_INTEGER = re.compile(r"[+-]?[0-9]+\Z")
_EPOCH: Final = datetime(1970, 1, 1)

_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAY_NAMES = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


class _Field(Struct, frozen=True):
    name: str
    lowest: int
    highest: int
    words: dict[str, int] = {}


_FIELDS: Final = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, {name: number for number, name in enumerate(_MONTH_NAMES, start=1)}),
    _Field("day of week", 0, 6, {name: number for number, name in enumerate(_WEEKDAY_NAMES)}),
)

_DESCRIPTORS: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


class CronError(ValueError):
    """The text is not a cron expression of the supported dialect."""


class Every(Struct, frozen=True, gc=False):
    """A constant delay, in whole seconds: it has no fixed points in time, each moment is followed by one."""

    delay: int

    def next_after(self, moment: int) -> int | None:
        """`moment` plus the delay."""
        return moment + self.delay


class Calendar(Struct, frozen=True):
    """Allowed values of each field, and the zone whose wall clock they are read on."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool
    """Whether day of month or day of week suffices: only if neither field was a star."""
    zone: tzinfo

    def next_after(self, moment: int) -> int | None:
        """The first matching second after `moment`, or None within the horizon."""
        if not (self.minutes and self.hours and self.months):
            return None
        try:
            at = moment + 1
            last_year = self._wall(at).year + _HORIZON_YEARS
            while (wall := self._wall(at)).year <= last_year:
                following = self._skip(at, wall)
                if following is None:
                    return at
                at = max(following, at + 1)
        except (OverflowError, ValueError):
            pass  # beyond the year 9999
        return None

    def _skip(self, at: int, wall: datetime) -> int | None:
        """None if `at`, which is `wall` on the clock, matches; else the next moment worth looking at."""
        if wall.month not in self.months:
            return self._midnight((wall.replace(day=1) + timedelta(days=31)).replace(day=1))
        if not self._day_matches(wall):
            return self._midnight(wall + timedelta(days=1))
        if wall.hour not in self.hours:
            return at + _HOUR - wall.minute * _MINUTE - wall.second
        if wall.minute not in self.minutes or wall.second:
            return at + _MINUTE - wall.second
        return None

    def _wall(self, at: int) -> datetime:
        """The wall clock at a moment, without a zone."""
        moment = datetime.fromtimestamp(at, UTC).astimezone(self.zone)
        return moment.replace(tzinfo=None)

    def _offset(self, at: int) -> int:
        offset = datetime.fromtimestamp(at, UTC).astimezone(self.zone).utcoffset()
        return int(offset.total_seconds()) if offset else 0

    def _midnight(self, wall: datetime) -> int:
        """The moment of 00:00 on a day, or, where a clock change skips that, of the first hour there is."""
        unzoned = round((wall.replace(hour=0, minute=0, second=0) - _EPOCH).total_seconds())
        at = unzoned - self._offset(unzoned - self._offset(unzoned))
        found = self._wall(at).hour
        return at + (24 - found) * _HOUR if found > 12 else at  # 23:00 of the day before

    def _day_matches(self, wall: datetime) -> bool:
        day = wall.day in self.days
        weekday = wall.isoweekday() % 7 in self.weekdays
        return day or weekday if self.either_day else day and weekday


def parse(expression: str, zone: tzinfo) -> Calendar | Every:
    """Read an expression; raises `CronError`."""
    text = expression.strip()
    if text.startswith("@every "):
        try:
            delay = parse_nanoseconds(text.removeprefix("@every "))
        except DurationError as error:
            raise CronError(str(error)) from error
        return Every(max(delay // _SECOND_NS, 1))
    if text.startswith("@") and text not in _DESCRIPTORS:
        raise CronError(f"unknown descriptor {text!r}")
    parts = _DESCRIPTORS.get(text, text).split()
    if len(parts) != len(_FIELDS):
        raise CronError(f"{len(_FIELDS)} fields expected, found {len(parts)} in {expression!r}")
    minutes, hours, days, months, weekdays = map(_field, parts, _FIELDS)
    either = not (days[1] or weekdays[1])
    return Calendar(minutes[0], hours[0], days[0], months[0], weekdays[0], either, zone)


def _field(text: str, field: _Field) -> tuple[frozenset[int], bool]:
    """Allowed values, and whether a star was among the parts."""
    values: set[int] = set()
    star = False
    for part in filter(None, text.split(",")):
        more, is_star = _range(part, field)
        values.update(more)
        star = star or is_star
    return frozenset(values), star


def _range(text: str, field: _Field) -> tuple[range, bool]:
    bounds, slash, step_text = text.partition("/")
    first, *others = bounds.split("-")
    star = first in {"*", "?"}
    if (len(others) > 1 and not star) or "/" in step_text:
        raise CronError(f"malformed {field.name} {text!r}")
    start = field.lowest if star else _number(first, field)
    end = field.highest if star else _number(others[0], field) if others else start
    step = 1
    if slash:
        step = _integer(step_text, field)
        end = end if others else field.highest  # N/s means N-max/s
    if not (field.lowest <= start <= end <= field.highest and step > 0):
        raise CronError(f"{field.name} {text!r} is not within {field.lowest}-{field.highest}")
    return range(start, end + 1, step), star and step <= 1


def _number(text: str, field: _Field) -> int:
    return field.words[text.lower()] if text.lower() in field.words else _integer(text, field)


def _integer(text: str, field: _Field) -> int:
    if not _INTEGER.match(text):
        raise CronError(f"{text!r} is not a {field.name}")
    return int(text)
