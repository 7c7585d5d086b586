"""The self-signed issuer: the key that the request names, and what it warns of."""

from collections.abc import Callable

import pytest
from cryptography import x509
from msgspec import structs

from certwright.api.certmanager import CertificateRequest, PrivateKey, SelfSignedIssuer
from certwright.api.outcomes import Pending, Permanent, Signed
from certwright.issuers.contract import Reader, Site
from certwright.issuers.selfsigned import SELF_SIGNED
from certwright.pki import csr, keys
from certwright.testing.builders import certificate

Requests = Callable[..., CertificateRequest]
Sites = Callable[[str], Site]


async def test_the_certificate_signs_itself(site: Sites, request_for: Requests) -> None:
    outcome = await SELF_SIGNED.sign(request_for(common_name="me"), site("selfsigned"))
    assert isinstance(outcome, Signed)
    issued = x509.load_pem_x509_certificate(outcome.chain)
    assert issued.issuer == issued.subject
    issued.verify_directly_issued_by(issued)
    assert outcome.ca == outcome.chain
    assert outcome.warnings == ()


async def test_an_empty_subject_is_signed_with_a_warning(site: Sites, request_for: Requests) -> None:
    outcome = await SELF_SIGNED.sign(request_for(), site("selfsigned"))
    assert isinstance(outcome, Signed)
    assert [reason for reason, _ in outcome.warnings] == ["BadConfig"]


async def test_a_request_that_names_no_key_is_refused(site: Sites, request_for: Requests) -> None:
    outcome = await SELF_SIGNED.sign(request_for(annotated=False), site("selfsigned"))
    assert isinstance(outcome, Permanent)
    assert outcome.reason == "MissingAnnotation"


async def test_a_key_that_is_not_there_yet_is_waited_for(site: Sites, request_for: Requests) -> None:
    place = site("selfsigned")
    place.reader.keys.clear()  # type: ignore[attr-defined]
    outcome = await SELF_SIGNED.sign(request_for(), place)
    assert isinstance(outcome, Pending)
    assert (outcome.reason, outcome.retry) == ("MissingSecret", True)


async def test_a_key_that_is_none_is_waited_for(site: Sites, request_for: Requests) -> None:
    place = site("selfsigned")
    place.reader.keys["shop", "next"] = b"nonsense"  # type: ignore[attr-defined]
    outcome = await SELF_SIGNED.sign(request_for(), place)
    assert isinstance(outcome, Pending)
    assert (outcome.reason, outcome.retry) == ("ErrorParsingKey", True)


async def test_the_key_of_somebody_else_is_refused(site: Sites, request_for: Requests) -> None:
    place = site("selfsigned")
    place.reader.keys["shop", "next"] = keys.generate("ECDSA", 256)  # type: ignore[attr-defined]
    outcome = await SELF_SIGNED.sign(request_for(), place)
    assert isinstance(outcome, Permanent)
    assert outcome.reason == "ErrorKeyMatch"


async def test_a_key_that_cannot_be_read_is_asked_for_again(
    site: Sites, request_for: Requests, locked: Reader
) -> None:
    outcome = await SELF_SIGNED.sign(request_for(), structs.replace(site("selfsigned"), reader=locked))
    assert outcome == Pending(
        "ErrorGettingSecret", "Failed to get key next referenced by secret shop/next: not allowed", retry=True
    )


@pytest.mark.parametrize("annotation", ["", None])
async def test_an_annotation_that_is_empty_is_as_good_as_none(
    site: Sites, request_for: Requests, annotation: str | None
) -> None:
    named = {} if annotation is None else {"cert-manager.io/private-key-secret-name": annotation}
    request = request_for()
    request = structs.replace(request, metadata=structs.replace(request.metadata, annotations=named))
    key = "cert-manager.io/private-key-secret-name"
    assert await SELF_SIGNED.sign(request, site("selfsigned")) == Permanent(
        "MissingAnnotation", f'Annotation "{key}" missing or reference empty: secret name missing'
    )


async def test_a_request_that_cannot_be_read_makes_no_template(site: Sites, request_for: Requests) -> None:
    request = request_for()
    broken = structs.replace(request, spec=structs.replace(request.spec, request=b"nonsense"))
    outcome = await SELF_SIGNED.sign(broken, site("selfsigned"))
    assert isinstance(outcome, Permanent)
    assert outcome.reason == "ErrorGenerating"
    assert outcome.message.startswith("Error generating certificate template: ")


async def test_a_request_that_says_otherwise_than_its_csr_makes_no_template(
    site: Sites, request_for: Requests
) -> None:
    request = request_for()
    request = structs.replace(request, spec=structs.replace(request.spec, usages=["code signing"]))
    outcome = await SELF_SIGNED.sign(request, site("selfsigned"))
    assert isinstance(outcome, Permanent)
    assert outcome.reason == "ErrorGenerating"


@pytest.mark.parametrize(("algorithm", "size"), [("RSA", 2048), ("ECDSA", 521), ("Ed25519", 0)])
async def test_a_key_of_any_kind_signs_itself(
    site: Sites, request_for: Requests, algorithm: str, size: int
) -> None:
    place, key = site("selfsigned"), keys.generate(algorithm, size)
    place.reader.keys["shop", "next"] = key  # type: ignore[attr-defined]
    wanted = certificate("me", common_name="me", private_key=PrivateKey(algorithm=algorithm, size=size)).spec
    request = request_for()
    spec = structs.replace(request.spec, request=csr.build_request(wanted, key))
    outcome = await SELF_SIGNED.sign(structs.replace(request, spec=spec), place)
    assert isinstance(outcome, Signed)
    issued = x509.load_pem_x509_certificate(outcome.chain)
    issued.verify_directly_issued_by(issued)


async def test_urls_of_revocation_lists_are_in_every_certificate(site: Sites, request_for: Requests) -> None:
    place = site("selfsigned")
    own = SelfSignedIssuer(crl_distribution_points=["http://crl.example/a"])
    issuer = structs.replace(place.issuer, spec=structs.replace(place.issuer.spec, self_signed=own))
    outcome = await SELF_SIGNED.sign(request_for(), structs.replace(place, issuer=issuer))
    assert isinstance(outcome, Signed)
    issued = x509.load_pem_x509_certificate(outcome.chain)
    crl = issued.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    assert [name.value for point in crl for name in point.full_name or []] == ["http://crl.example/a"]
