"""When a stored certificate is due: drawn apart from those issued with it, so that a fleet does not renew in
one moment. Which moments are allowed at all is decided in `pki.renewal`.

No randomness: the share of a certificate is a hash of its Certificate's uid and its notBefore.
"""

import hashlib
import re
from datetime import datetime

from certwright.api import annotations as ann
from certwright.api.certmanager import Certificate
from certwright.pki.certificate import CertificateFacts
from certwright.pki.renewal import Renewal, Spread, renewal_time
from certwright.plan.world import Policy

_PERCENTAGE = re.compile(r"(\d{1,2})%", re.ASCII)
_OFF = frozenset({"off", "0", "0%"})


def due(certificate: Certificate, facts: CertificateFacts, policy: Policy, now: datetime) -> Renewal:
    """The time from which a certificate is to be renewed.

    A time that the status has for this certificate stays, as long as the spread allows it: nothing is
    renewed early only because somebody else, who knew no spread, had decided when. A certificate that was
    never looked at before is not found due by its spread alone either.
    """
    exact = renewal_time(facts.not_before, facts.not_after, certificate.spec)
    most = allowed(certificate, policy)
    if exact.at is None or exact.error or most <= 0:
        return exact
    spread = Spread(most, _share(certificate.metadata.uid, facts.not_before))
    drawn = renewal_time(facts.not_before, facts.not_after, certificate.spec, spread)
    if drawn.at is None:
        return exact
    earliest, latest = sorted((exact.at, drawn.at))
    status = certificate.status
    known = status.renewal_time if status.not_before == facts.not_before else None
    if known is not None and earliest <= known <= latest:
        return Renewal(known)
    return exact if drawn.at <= now < exact.at else drawn


def allowed(certificate: Certificate, policy: Policy) -> float:
    """The part of the time up to its renewal, from 0 to 1, that a certificate may give away.

    `certwright.dev/renewal-spread` of the Certificate decides, if it can be read, else the policy.
    """
    text = certificate.metadata.annotations.get(ann.RENEWAL_SPREAD, "").strip().lower()
    if text in _OFF:
        return 0.0
    percentage = _PERCENTAGE.fullmatch(text)
    return int(percentage[1]) / 100 if percentage else policy.renewal_spread


def _share(uid: str, not_before: datetime) -> float:
    digest = hashlib.sha256(f"{uid}/{not_before.timestamp():.0f}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
