"""The CA issuer: its Secret, in every state of disrepair, and what it puts into certificates."""

from collections.abc import Callable

import pytest
from cryptography import x509
from msgspec import structs

from certwright.api.certmanager import CertificateRequest
from certwright.api.outcomes import Pending, Signed
from certwright.issuers.ca import CA
from certwright.issuers.contract import Site
from certwright.testing.builders import ca_issuer, ca_secret

Requests = Callable[..., CertificateRequest]


def with_data(site: Site, **changes: bytes | None) -> Site:
    """The site with entries of its Secret changed or taken away."""
    data = dict(ca_secret().data)
    for name, value in changes.items():
        key = name.replace("_", ".")
        data.pop(key, None)
        if value is not None:
            data[key] = value
    site.reader.secrets["shop", "ca"] = structs.replace(ca_secret(), data=data)  # type: ignore[attr-defined]
    return site


@pytest.mark.parametrize(
    "changes",
    [
        {"tls_crt": None},
        {"tls_key": None},
        {"tls_crt": b""},
        {"tls_crt": b"nonsense"},
        {"tls_key": b"nonsense"},
    ],
)
async def test_a_broken_secret_means_not_ready_and_waiting(
    site: Callable[[str], Site], request_for: Requests, changes: dict[str, bytes | None]
) -> None:
    place = with_data(site("ca"), **changes)
    checked = await CA.check(place)
    assert (checked.ready, checked.reason, checked.retry) == (False, "ErrGetKeyPair", True)
    outcome = await CA.sign(request_for(), place)
    assert isinstance(outcome, Pending)
    assert outcome.reason == "SecretInvalidData"
    assert outcome.message.startswith("Failed to parse signing CA keypair from secret shop/ca: ")


async def test_a_missing_secret_is_named(site: Callable[[str], Site], request_for: Requests) -> None:
    place = site("ca")
    place.reader.secrets.clear()  # type: ignore[attr-defined]
    checked = await CA.check(place)
    assert checked.message == 'Error getting keypair for CA issuer: secrets "ca" not found'
    outcome = await CA.sign(request_for(), place)
    assert outcome == Pending("SecretMissing", 'Referenced secret shop/ca not found: secrets "ca" not found')


async def test_the_root_comes_back_apart_from_the_chain(
    site: Callable[[str], Site], request_for: Requests
) -> None:
    outcome = await CA.sign(request_for(), site("ca"))
    assert isinstance(outcome, Signed)
    assert outcome.ca == ca_secret().data["tls.crt"]
    assert outcome.chain.count(b"BEGIN CERTIFICATE") == 1


async def test_urls_of_the_issuer_are_in_every_certificate(
    site: Callable[[str], Site], request_for: Requests
) -> None:
    urls = {
        "crl_distribution_points": ["http://crl.example/a"],
        "ocsp_servers": ["http://ocsp.example"],
        "issuing_certificate_urls": ["http://aia.example/ca"],
    }
    place = structs.replace(site("ca"), issuer=ca_issuer("ca", **urls))
    outcome = await CA.sign(request_for(), place)
    assert isinstance(outcome, Signed)
    issued = x509.load_pem_x509_certificate(outcome.chain)
    crl = issued.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    access = issued.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    assert [name.value for point in crl for name in point.full_name or []] == ["http://crl.example/a"]
    assert {each.access_location.value for each in access} == {"http://ocsp.example", "http://aia.example/ca"}
