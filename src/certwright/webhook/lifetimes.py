"""Rules for how long a certificate lives and when it is renewed: durations, percentages, windows."""

from datetime import UTC
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from certwright.api.certificate import CertificateSpec, Renewal, RenewalWindow
from certwright.api.defaults import DEFAULT_DURATION, MINIMUM_DURATION, MINIMUM_RENEW_BEFORE
from certwright.api.duration import format_duration, parse_duration
from certwright.pki import cron
from certwright.webhook.fields import FieldError, forbidden, invalid, not_supported, required
from certwright.webhook.writes import Findings

_DISABLED, _RENEW_BEFORE = "Disabled", "RenewBefore"
_EXCLUSIVE = "renewBefore and renewBeforePercentage exclude each other"


def durations(spec: CertificateSpec) -> Findings:
    """Rules for duration, renewBefore and renewBeforePercentage. The durations can be read.

    A percentage alone is only warned about, since cert-manager accepts any there; together with a duration it
    must be one that renewal makes use of. Both exclude each other.
    """
    percentage = spec.renew_before_percentage
    useful = percentage is None or 0 < percentage < 100
    if not spec.duration and not spec.renew_before:
        text = "spec.renewBeforePercentage: has no effect, since it is not between 1 and 99"
        return Findings([], [] if useful else [text])
    errors: list[FieldError] = []
    duration = parse_duration(spec.duration) if spec.duration else DEFAULT_DURATION
    if duration < MINIMUM_DURATION:
        detail = f"must be at least {format_duration(MINIMUM_DURATION)}"
        errors.append(invalid("spec.duration", spec.duration, detail))
    if spec.renew_before and percentage is not None:
        errors.append(invalid("spec.renewBefore", spec.renew_before, _EXCLUSIVE))
        errors.append(invalid("spec.renewBeforePercentage", percentage, _EXCLUSIVE))
    elif spec.renew_before:
        before = parse_duration(spec.renew_before)
        if before < MINIMUM_RENEW_BEFORE:
            detail = f"must be at least {format_duration(MINIMUM_RENEW_BEFORE)}"
            errors.append(invalid("spec.renewBefore", spec.renew_before, detail))
        if before >= duration:
            detail = f"must be less than the duration, which is {format_duration(duration)}"
            errors.append(invalid("spec.renewBefore", spec.renew_before, detail))
    elif not useful:
        errors.append(invalid("spec.renewBeforePercentage", percentage, "must be between 1 and 99"))
    return Findings(errors)


def renewal(found: Renewal | None) -> list[FieldError]:
    """Rules for spec.renewal: a policy, and windows that open at some time."""
    if found is None:
        return []
    field = "spec.renewal"
    if found.policy == _DISABLED:
        detail = "there is nothing to renew in a window while renewal.policy is Disabled"
        return [forbidden(f"{field}.windows", detail)] if found.windows else []
    errors = []
    if found.policy != _RENEW_BEFORE:
        errors.append(not_supported(f"{field}.policy", found.policy, (_DISABLED, _RENEW_BEFORE)))
    for number, window in enumerate(found.windows):
        errors += _window(window, f"{field}.windows[{number}]")
    return errors


def _window(window: RenewalWindow, field: str) -> list[FieldError]:
    errors = [] if window.window_duration else [required(f"{field}.windowDuration")]
    if not _is_timezone(window.timezone or "UTC"):
        detail = "is no time zone of the IANA database, such as Europe/Vienna"
        errors.append(invalid(f"{field}.timezone", window.timezone, detail))
        detail = "cannot be evaluated without its time zone"
        return [*errors, invalid(f"{field}.cron", window.cron, detail)]
    problem = _cron_problem(window.cron)
    if problem:
        detail = (
            f"{problem}; needed are minute, hour, day of month, month, day of week, or one such as @daily"
        )
        errors.append(invalid(f"{field}.cron", window.cron, detail))
    return errors


@lru_cache(maxsize=256)
def _is_timezone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


@lru_cache(maxsize=256)
def _cron_problem(expression: str) -> str:
    try:
        cron.parse(expression, UTC)
    except cron.CronError as error:
        return str(error)
    return ""
