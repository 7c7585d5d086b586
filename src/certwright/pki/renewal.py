"""When a certificate is due for renewal, from its own validity and its spec; not whether it is due now."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct

from certwright.api.certmanager import CertificateSpec, RenewalWindow
from certwright.api.duration import DurationError, parse_nanoseconds
from certwright.pki import cron

_SECOND = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DISABLED = "Disabled"
_RENEW_BEFORE = "RenewBefore"
_DAY = 86_400
_PART_OF_WINDOW = 4


class Spread(Struct, frozen=True):
    """How renewals are drawn apart. `most`: the part of the time up to renewal that may be given away, from 0
    to 1. `share`: how much of that one certificate gives away, from 0 to below 1, evenly distributed.
    """

    most: float
    share: float

    def of(self, seconds: int) -> int:
        """The share of a span, in whole seconds."""
        return int(seconds * self.share)


class Renewal(Struct, frozen=True):
    """`at`: aware UTC in whole seconds, None for never.

    `error`: what is wrong with the windows, None if nothing.
    """

    at: datetime | None
    error: str | None = None


NONE = Spread(0.0, 0.0)


def renewal_time(
    not_before: datetime, not_after: datetime, spec: CertificateSpec, spread: Spread = NONE
) -> Renewal:
    """The time from which a certificate with this validity is to be renewed.

    By default after two thirds of its lifetime (spec.renewBefore, spec.renewBeforePercentage). With
    spec.renewal's windows: that time if a window is open then, else the next opening of any window, which
    may be after expiry. If there is none, or a window is malformed, the time without windows is returned
    together with an error.

    With a `spread` it is earlier, by at most that part of the time up to then and by at most a day. Windows
    hold: a window that is open is not left, and one that is waited for is used up to a quarter of it.
    """
    base = base_time(not_before, not_after, spec)
    renewal = spec.renewal
    if renewal is None:
        return Renewal(_before(base, not_before, spread))
    if renewal.policy == _DISABLED:
        return Renewal(None)
    if renewal.policy != _RENEW_BEFORE:
        return Renewal(base, f"renewal policy {renewal.policy!r} is not supported")
    if not renewal.windows:
        return Renewal(_before(base, not_before, spread))
    try:
        windows = [_window(window) for window in renewal.windows]
    except ValueError as error:
        return Renewal(base, str(error))
    at = _in_windows(windows, _seconds(not_before), _seconds(not_after), _seconds(base), spread)
    if at is None:
        return Renewal(base, f"no renewal window opens between {base:%Y-%m-%dT%H:%M:%SZ} and expiry")
    return Renewal(_EPOCH + timedelta(seconds=at))


def base_time(not_before: datetime, not_after: datetime, spec: CertificateSpec) -> datetime:
    """The renewal time before windows are applied, cut down to whole seconds.

    Cutting matters: status keeps seconds, and what is due must not depend on which of the two is looked at.
    """
    lifetime = _nanoseconds(not_after - not_before)
    expiry = _nanoseconds(not_after - _EPOCH)
    return _EPOCH + timedelta(seconds=(expiry - _lead(lifetime, spec)) // _SECOND)


def _before(base: datetime, not_before: datetime, spread: Spread) -> datetime:
    most = _most(_seconds(base) - _seconds(not_before), spread)
    return base - timedelta(seconds=spread.of(most))


def _most(seconds: int, spread: Spread) -> int:
    """How much earlier than after so many seconds renewal may be."""
    return max(0, min(int(seconds * spread.most), _DAY))


def _lead(lifetime: int, spec: CertificateSpec) -> int:
    """How long before expiry to renew, in nanoseconds."""
    try:
        before = parse_nanoseconds(spec.renew_before) if spec.renew_before else 0
    except DurationError:
        before = 0
    if 0 < before < lifetime:
        return before
    percentage = spec.renew_before_percentage or 0
    if 0 < percentage < 100:
        # In floating point, as upstream: its result is compared with what other versions wrote into status.
        return int(float(lifetime) * float(percentage) / 100)
    return lifetime // 3


def _nanoseconds(span: timedelta) -> int:
    return span // timedelta(microseconds=1) * 1000


def _seconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(seconds=1)


# --- windows --------------------------------------------------------------------------------------


class _Window(Struct, frozen=True):
    schedule: cron.Calendar | cron.Every
    duration: int  # nanoseconds


def _window(window: RenewalWindow) -> _Window:
    """A window's schedule and how long it stays open; raises `ValueError` with a message for people."""
    try:
        duration = parse_nanoseconds(window.window_duration)
    except DurationError as error:
        raise ValueError(f"windowDuration: {error}") from error
    if duration <= 0:
        raise ValueError(f"windowDuration {window.window_duration!r} is not positive")
    return _Window(_schedule(window.cron, window.timezone or "UTC"), duration)


@lru_cache(maxsize=256)
def _schedule(expression: str, timezone: str) -> cron.Calendar | cron.Every:
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"timezone {timezone!r} is not known") from error
    try:
        return cron.parse(expression, zone)
    except cron.CronError as error:
        raise ValueError(f"cron {expression!r}: {error}") from error


def _in_windows(
    windows: list[_Window], not_before: int, not_after: int, base: int, spread: Spread
) -> int | None:
    """`base` if a window is open or just closing then, else the earliest opening from then on; spread."""
    opened = [since for window in windows if (since := _open_since(window, not_before, base)) is not None]
    if opened:
        return base - spread.of(min(_most(base - not_before, spread), base - min(opened)))
    starts = []
    for window in windows:
        start = window.schedule.next_after(base - 1)
        if start is not None and start * _SECOND <= not_after * _SECOND + window.duration:
            starts.append((start, -_usable(window, start, not_after, spread)))
    if not starts:
        return None
    start, usable = min(starts)
    return start + spread.of(-usable)


def _usable(window: _Window, start: int, not_after: int, spread: Spread) -> int:
    """How many seconds after its opening a window may still be used for a certificate."""
    if not spread.most or isinstance(window.schedule, cron.Every):
        return 0
    return max(0, min(window.duration // _SECOND // _PART_OF_WINDOW, not_after - start, _DAY))


def _open_since(window: _Window, not_before: int, base: int) -> int | None:
    """Since when a window has been open that is open or just closing at `base`; None if it is not."""
    if isinstance(window.schedule, cron.Every):
        # A delay has no grid, so an opening is assumed to have been a second ago, if one delay fits in by
        # then.
        earliest = not_before * _SECOND - window.duration
        fits = earliest + window.schedule.delay * _SECOND <= base * _SECOND + _SECOND
        return base if window.duration >= _SECOND and fits else None
    # Open now means: something opened no longer ago than a window lasts.
    since = base * _SECOND - window.duration
    start = window.schedule.next_after(-(-since // _SECOND) - 1)
    return start if start is not None and start <= base else None
