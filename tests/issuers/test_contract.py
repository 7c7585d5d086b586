"""What every issuer has to keep to, whatever it signs with."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from msgspec import structs

from certwright.api.certmanager import CertificateRequest
from certwright.api.outcomes import Permanent, Signed
from certwright.issuers.contract import IssuerType, Site
from certwright.issuers.registry import ISSUER_TYPES
from certwright.pki.certificate import parse_certificate
from certwright.pki.csr import parse_request

Requests = Callable[..., CertificateRequest]
Sites = Callable[[str], Site]


@pytest.mark.parametrize("issuer", ISSUER_TYPES.values(), ids=ISSUER_TYPES)
class TestEveryIssuer:
    async def test_is_ready_where_it_has_what_it_needs(self, issuer: IssuerType, site: Sites) -> None:
        checked = await issuer.check(site(issuer.name))
        assert checked.ready
        assert checked.reason

    async def test_signs_what_was_asked_for(
        self, issuer: IssuerType, site: Sites, request_for: Requests
    ) -> None:
        place = site(issuer.name)
        request = request_for(duration="2h", dns_names=["a.example"], usages=["server auth"])
        outcome = await issuer.sign(request, place)
        assert isinstance(outcome, Signed)
        facts = parse_certificate(outcome.chain)
        assert facts.public_key == parse_request(request.spec.request).public_key
        assert list(facts.dns_names) == ["a.example"]
        assert not facts.is_ca
        assert facts.not_before <= place.now
        assert facts.not_after - facts.not_before == timedelta(hours=2)

    async def test_signs_cas(self, issuer: IssuerType, site: Sites, request_for: Requests) -> None:
        outcome = await issuer.sign(request_for(is_ca=True, common_name="sub"), site(issuer.name))
        assert isinstance(outcome, Signed)
        assert parse_certificate(outcome.chain).is_ca

    async def test_signs_for_ninety_days_unless_told_otherwise(
        self, issuer: IssuerType, site: Sites, request_for: Requests
    ) -> None:
        outcome = await issuer.sign(request_for(), site(issuer.name))
        assert isinstance(outcome, Signed)
        facts = parse_certificate(outcome.chain)
        assert facts.not_after - facts.not_before == timedelta(days=90)

    async def test_never_gives_a_serial_number_twice(
        self, issuer: IssuerType, site: Sites, request_for: Requests
    ) -> None:
        outcomes = [await issuer.sign(request_for(), site(issuer.name)) for _ in range(5)]
        assert len({parse_certificate(o.chain).serial for o in outcomes if isinstance(o, Signed)}) == 5

    async def test_refuses_for_good_what_is_no_request(
        self, issuer: IssuerType, site: Sites, request_for: Requests
    ) -> None:
        request = request_for()
        broken = structs.replace(request, spec=structs.replace(request.spec, request=b"nonsense"))
        assert isinstance(await issuer.sign(broken, site(issuer.name)), Permanent)

    async def test_refuses_for_good_a_duration_that_is_none(
        self, issuer: IssuerType, site: Sites, request_for: Requests
    ) -> None:
        outcome = await issuer.sign(request_for(duration="a while"), site(issuer.name))
        assert isinstance(outcome, Permanent)
        assert "spec.duration" in outcome.message

    async def test_says_nothing_of_the_key(
        self, issuer: IssuerType, site: Sites, request_for: Requests, key: bytes
    ) -> None:
        outcome = await issuer.sign(request_for(), site(issuer.name))
        assert key.splitlines()[1] not in repr(outcome).encode()
