"""A fleet that was issued together: how its renewals are drawn apart."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from certwright.api.certmanager import Certificate
from certwright.pki.certificate import CertificateFacts
from certwright.plan.renewal_spread import allowed, due
from certwright.plan.world import Policy

FLEET = 10_000
NOW = datetime.fromisoformat("2026-01-01T00:00:00Z")


def renewals(worlds: Any, lifetime: str, policy: Policy) -> list[datetime]:
    """When each of a fleet is due that was issued at one moment."""
    world = worlds({"secret": {"key": "A", "certificate": {"key": "A", "for": lifetime}}}).certificate_world()
    assert world.secret is not None
    facts: CertificateFacts | None = world.secret.certificate
    assert facts is not None
    times = []
    for number in range(FLEET):
        uid = f"00000000-0000-4000-8000-{number:012}"
        metadata = msgspec.structs.replace(world.certificate.metadata, uid=uid)
        certificate: Certificate = msgspec.structs.replace(world.certificate, metadata=metadata)
        at = due(certificate, facts, policy, NOW).at
        assert at is not None
        times.append(at)
    return times


def test_ten_thousand_of_ninety_days_come_evenly_over_a_day(worlds: Any) -> None:
    times = renewals(worlds, "2160h", Policy())
    exact = datetime.fromisoformat("2026-03-01T00:00:00Z")
    assert exact - timedelta(days=1) <= min(times) <= max(times) <= exact
    minutes = Counter(time.replace(second=0) for time in times)
    assert FLEET / len(minutes) < 7.5
    assert max(minutes.values()) <= 25
    hours = Counter(time.replace(minute=0, second=0) for time in times)
    assert len(hours) == 24
    assert max(hours.values()) < 1.3 * FLEET / 24


def test_ten_thousand_of_one_day_come_within_their_last_48_minutes(worlds: Any) -> None:
    times = renewals(worlds, "24h", Policy())
    exact = datetime.fromisoformat("2025-12-31T16:00:00Z")
    assert exact - timedelta(minutes=48) <= min(times) <= max(times) <= exact
    assert max(Counter(times).values()) <= 20


def test_without_a_spread_they_come_all_at_once(worlds: Any) -> None:
    assert len(set(renewals(worlds, "2160h", Policy(renewal_spread=0.0)))) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [("off", 0.0), (" OFF ", 0.0), ("0", 0.0), ("0%", 0.0), ("10%", 0.1), ("99%", 0.99), ("", 0.05)]
    + [(bad, 0.05) for bad in ("100%", "-1%", "1.5%", "on", "ten", "\u0661%")],
)
def test_what_the_annotation_says(worlds: Any, text: str, expected: float) -> None:
    certificate = worlds({}).certificate(
        {"metadata": {"annotations": {"certwright.dev/renewal-spread": text}}}
    )
    assert allowed(certificate, Policy()) == pytest.approx(expected)
