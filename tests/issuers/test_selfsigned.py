"""The self-signed issuer: the key that the request names, and what it warns of."""

from collections.abc import Callable

from cryptography import x509

from certwright.api.certmanager import CertificateRequest
from certwright.api.outcomes import Pending, Permanent, Signed
from certwright.issuers.contract import Site
from certwright.issuers.selfsigned import SELF_SIGNED
from certwright.pki import keys

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
