"""How `kubectl get` writes ages: `5s`, `3m20s`, `4h`, `2d3h`, `1y40d`. Nothing else needs them.

Source: `k8s.io/apimachinery/pkg/util/duration`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

UNKNOWN = "<unknown>"


def human_duration(seconds: float) -> str:
    """A length of time in at most two units."""
    whole = int(seconds)
    if seconds < 0:
        return "<invalid>" if seconds <= -2 else "0s"
    if whole < 120:
        return f"{whole}s"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if minutes < 10:
        return _pair(minutes, "m", whole % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _pair(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if hours < 192:
        return _pair(days, "d", hours % 24, "h")
    if days < 730:
        return f"{days}d"
    if days < 2920:
        return _pair(days // 365, "y", days % 365, "d")
    return f"{days // 365}y"


def _pair(big: int, big_unit: str, small: int, small_unit: str) -> str:
    return f"{big}{big_unit}{small}{small_unit}" if small else f"{big}{big_unit}"


def age(time: Any, now: float) -> str:
    """How long ago a timestamp of an object was; `now` in epoch seconds."""
    if not isinstance(time, str) or not time:
        return UNKNOWN
    try:
        return human_duration(now - datetime.fromisoformat(time).timestamp())
    except ValueError:
        return UNKNOWN
