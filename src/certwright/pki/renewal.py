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


class Renewal(Struct, frozen=True):
    """`at`: aware UTC in whole seconds, None for never.

    `error`: what is wrong with the windows, None if nothing.
    """

    at: datetime | None
    error: str | None = None


def renewal_time(not_before: datetime, not_after: datetime, spec: CertificateSpec) -> Renewal:
    """The time from which a certificate with this validity is to be renewed.

    By default after two thirds of its lifetime (spec.renewBefore, spec.renewBeforePercentage). With
    spec.renewal's windows: that time if a window is open then, else the next opening of any window, which
    may be after expiry. If there is none, or a window is malformed, the time without windows is returned
    together with an error.
    """
    base = base_time(not_before, not_after, spec)
    renewal = spec.renewal
    if renewal is None:
        return Renewal(base)
    if renewal.policy == _DISABLED:
        return Renewal(None)
    if renewal.policy != _RENEW_BEFORE:
        return Renewal(base, f"renewal policy {renewal.policy!r} is not supported")
    if not renewal.windows:
        return Renewal(base)
    try:
        windows = [_window(window) for window in renewal.windows]
    except ValueError as error:
        return Renewal(base, str(error))
    at = _in_windows(windows, _seconds(not_before), _seconds(not_after), _seconds(base))
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


def _in_windows(windows: list[_Window], not_before: int, not_after: int, base: int) -> int | None:
    """`base` if a window is open or just closing then, else the earliest opening from then on."""
    if any(_is_open(window, not_before, base) for window in windows):
        return base
    starts = []
    for window in windows:
        start = window.schedule.next_after(base - 1)
        if start is not None and start * _SECOND <= not_after * _SECOND + window.duration:
            starts.append(start)
    return min(starts, default=None)


def _is_open(window: _Window, not_before: int, base: int) -> bool:
    if isinstance(window.schedule, cron.Every):
        # A delay has no grid, so an opening is assumed to have been a second ago, if one delay fits in by
        # then.
        earliest = not_before * _SECOND - window.duration
        return (
            window.duration >= _SECOND
            and earliest + window.schedule.delay * _SECOND <= base * _SECOND + _SECOND
        )
    # Open now means: something opened no longer ago than a window lasts.
    since = base * _SECOND - window.duration
    start = window.schedule.next_after(-(-since // _SECOND) - 1)
    return start is not None and start <= base
