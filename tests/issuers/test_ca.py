"""The CA issuer: its Secret, in every state of disrepair, and what it puts into certificates."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from cryptography import x509
from msgspec import structs

from certwright.api.certmanager import CertificateRequest, PrivateKey
from certwright.api.outcomes import Pending, Permanent, Signed
from certwright.issuers.ca import CA
from certwright.issuers.contract import Reader, Site
from certwright.pki import csr, keys, sign
from certwright.pki.certificate import parse_certificate
from certwright.testing.builders import ca_issuer, ca_secret, certificate

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


def refused(outcome: object) -> str:
    """The message of a refusal for good, under the reason of every failure to sign."""
    assert isinstance(outcome, Permanent)
    assert outcome.reason == "SigningError"
    return outcome.message


async def test_a_key_of_another_ca_shows_when_something_is_signed(
    site: Callable[[str], Site], request_for: Requests
) -> None:
    place = with_data(site("ca"), tls_key=keys.generate("ECDSA", 256))
    assert (await CA.check(place)).ready
    message = refused(await CA.sign(request_for(), place))
    assert message.startswith("Error signing certificate: ")


async def test_a_ca_crt_that_has_nothing_to_do_with_the_ca_makes_signing_fail(
    site: Callable[[str], Site], request_for: Requests
) -> None:
    place = with_data(site("ca"), ca_crt=ca_secret("stranger").data["tls.crt"])
    assert (await CA.check(place)).ready
    message = refused(await CA.sign(request_for(), place))
    assert message.startswith("Error signing certificate: ")


async def test_an_expired_ca_goes_on_signing_beyond_its_end(
    site: Callable[[str], Site], request_for: Requests
) -> None:
    place = site("ca")
    late = structs.replace(place, now=place.now + timedelta(days=4000))
    assert (await CA.check(late)).ready
    outcome = await CA.sign(request_for(), late)
    assert isinstance(outcome, Signed)
    assert parse_certificate(outcome.chain).not_before == late.now


async def test_a_certificate_may_outlive_its_ca(site: Callable[[str], Site], request_for: Requests) -> None:
    outcome = await CA.sign(request_for(duration="200000h"), site("ca"))
    assert isinstance(outcome, Signed)
    assert parse_certificate(outcome.chain).not_after > parse_certificate(outcome.ca).not_after


@pytest.mark.parametrize(
    "wrong", [b"nonsense", b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"]
)
async def test_a_request_that_cannot_be_read_makes_no_template(
    site: Callable[[str], Site], request_for: Requests, wrong: bytes
) -> None:
    request = request_for()
    broken = structs.replace(request, spec=structs.replace(request.spec, request=wrong))
    message = refused(await CA.sign(broken, site("ca")))
    assert message.startswith("Error generating certificate template: ")


@pytest.mark.parametrize("change", [{"is_ca": True}, {"usages": ["code signing"]}])
async def test_a_request_that_says_otherwise_than_its_csr_makes_no_template(
    site: Callable[[str], Site], request_for: Requests, change: dict[str, object]
) -> None:
    request = request_for()
    spec = structs.replace(request.spec, **change)
    message = refused(await CA.sign(structs.replace(request, spec=spec), site("ca")))
    assert message.startswith("Error generating certificate template: ")


async def test_a_secret_that_cannot_be_read_is_asked_for_again(
    site: Callable[[str], Site], request_for: Requests, locked: Reader
) -> None:
    place = structs.replace(site("ca"), reader=locked)
    checked = await CA.check(place)
    assert (checked.ready, checked.reason, checked.retry) == (False, "ErrGetKeyPair", True)
    assert checked.message == "Error getting keypair for CA issuer: not allowed"
    assert await CA.sign(request_for(), place) == Pending(
        "SecretGetError", "Failed to get certificate key pair from secret shop/ca: not allowed", retry=True
    )


@pytest.mark.parametrize(
    ("algorithm", "size"), [("RSA", 2048), ("RSA", 3072), ("ECDSA", 384), ("Ed25519", 0)]
)
async def test_a_ca_signs_with_a_key_of_any_kind(
    site: Callable[[str], Site], request_for: Requests, algorithm: str, size: int
) -> None:
    place = site("ca")
    key = keys.generate(algorithm, size)
    wanted = certificate(
        "root",
        common_name="root",
        is_ca=True,
        private_key=PrivateKey(algorithm=algorithm, size=size),
    ).spec
    bundle = sign.self_sign(
        csr.build_request(wanted, key),
        key,
        usages=None,
        is_ca=True,
        duration=timedelta(days=1),
        now=place.now,
    )
    outcome = await CA.sign(request_for(), with_data(place, tls_crt=bundle.chain_pem, tls_key=key))
    assert isinstance(outcome, Signed)
    leaf, root = (x509.load_pem_x509_certificate(each) for each in (outcome.chain, bundle.chain_pem))
    leaf.verify_directly_issued_by(root)
