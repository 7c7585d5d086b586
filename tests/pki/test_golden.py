"""Every recorded issuance of cert-manager, done again and compared byte for byte."""

import os
from datetime import timedelta

import msgspec

from certwright.api.duration import parse_duration
from certwright.pki import (
    certificate,
    chain,
    csr,
    der,
    extensions,
    keys,
    match,
    pem,
    renewal,
    secret,
    sign,
    x509,
)
from certwright.pki.keystores import Source

IDENTITY = {
    f"cert-manager.io/{name}" for name in ("certificate-name", "issuer-name", "issuer-kind", "issuer-group")
}
DETERMINISTIC = {"RSA", "Ed25519"}


def spec_at_issuance(golden):
    """In one case the size of the key was edited afterwards and refused, so that spec is not its own."""
    if golden.name != "edit-key-size-never":
        return golden.spec
    return msgspec.structs.replace(
        golden.spec, private_key=msgspec.structs.replace(golden.spec.private_key, size=0)
    )


def issue_again(golden):
    request = golden.request.spec
    grant = {
        "usages": request.usages,
        "is_ca": request.is_ca,
        "duration": parse_duration(request.duration) if request.duration else timedelta(days=90),
        "now": certificate.parse_certificate(golden.certificate).not_before,
    }
    if "selfSigned" in golden.issuer:
        return sign.self_sign(request.request, golden.key, **grant)
    spec = golden.issuer["ca"]
    authority = sign.load_ca(
        golden.ca_secret["tls.crt"], golden.ca_secret["tls.key"], golden.ca_secret.get("ca.crt")
    )
    return sign.sign_request(
        request.request,
        ca=authority,
        crl=spec.get("crlDistributionPoints", ()),
        ocsp=spec.get("ocspServers", ()),
        aia=spec.get("issuingCertificateURLs", ()),
        **grant,
    )


def signed_fields(chain_pem):
    """The elements of the first certificate's TBSCertificate, without the serial number."""
    fields = der.top(x509.read_pem(chain_pem, 95_000)[0].tbs)
    elements = []
    while fields:
        elements.append(fields.element(fields.peek()))
    return elements[:1] + elements[2:]


def test_a_request_for_the_same_spec_and_key_is_the_same(requested_golden):
    spec = spec_at_issuance(requested_golden)
    recorded = requested_golden.request.spec.request
    made = csr.build_request(spec, requested_golden.key)
    assert csr.parse_request(made).info == csr.parse_request(recorded).info
    assert csr.parse_request(made).signature_algorithm == csr.parse_request(recorded).signature_algorithm
    assert csr.parse_request(made).signature_is_valid()
    if keys.public_key_of_private(requested_golden.key).algorithm in DETERMINISTIC:
        assert made == recorded


def test_the_recorded_request_satisfies_its_spec(requested_golden):
    assert match.request_mismatches(requested_golden.request, requested_golden.spec) == []


def test_the_recorded_certificate_satisfies_the_fuzzy_check(issued_golden):
    assert (
        match.certificate_mismatches(
            certificate.parse_certificate(issued_golden.certificate), issued_golden.spec
        )
        == []
    )


def test_the_key_satisfies_its_spec(requested_golden):
    public = keys.public_key_of_private(requested_golden.key)
    assert keys.violations(public, spec_at_issuance(requested_golden).private_key) == []
    assert public == csr.parse_request(requested_golden.request.spec.request).public_key


def test_a_certificate_for_the_recorded_request_is_the_same(issued_golden):
    bundle = issue_again(issued_golden)
    assert signed_fields(bundle.chain_pem) == signed_fields(issued_golden.certificate)
    issued = x509.read_pem(bundle.chain_pem, 95_000)[0]
    expected = x509.read_pem(issued_golden.certificate, 95_000)[0]
    assert issued.signature_algorithm == expected.signature_algorithm
    assert 0 < issued.serial < 1 << 159
    assert 0 < expected.serial < 1 << 159


def test_chain_and_ca_are_split_the_same(issued_golden):
    bundle = issue_again(issued_golden)
    blocks = list(pem.blocks(bundle.chain_pem, 95_000))
    expected = list(pem.blocks(issued_golden.certificate, 95_000))
    assert blocks[1:] == expected[1:]
    if "selfSigned" in issued_golden.issuer:
        assert bundle.ca_pem == bundle.chain_pem
    else:
        assert bundle.ca_pem == issued_golden.ca


def test_the_recorded_chain_is_rebuilt_from_its_parts(issued_golden):
    bundle = chain.build_chain(issued_golden.ca, issued_golden.certificate)
    if "selfSigned" in issued_golden.issuer and not issued_golden.spec.is_ca:
        assert bundle.ca_pem == b""  # without the CA flag it does not count as self-signed
    else:
        assert bundle.ca_pem == issued_golden.ca
    assert bundle.chain_pem == issued_golden.certificate


def test_subject_key_identifiers_are_computed_the_same(issued_golden):
    for found in x509.read_pem(issued_golden.certificate, 95_000)[:1]:
        if found.subject_key_id:
            assert found.subject_key_id == extensions.key_id(found.spki)
        else:
            assert not found.is_ca


def test_secret_annotations_are_the_same(stored_golden):
    facts = certificate.parse_certificate(stored_golden.secret_data["tls.crt"])
    template = {"x": "y"} if stored_golden.name == "secret-template-and-formats" else {}
    details = certificate.detail_annotations(facts) | template
    assert details == {key: text for key, text in stored_golden.annotations.items() if key not in IDENTITY}


def test_secret_data_is_the_same(stored_golden):
    """Keystores too: the recorded ones are kept only if we write the same with their salts and times."""
    data = stored_golden.secret_data
    made = secret.target_data(
        data["tls.key"],
        data["tls.crt"],
        data.get("ca.crt", b""),
        stored_golden.spec,
        stored_golden.passwords,
        Source(os.urandom, lambda: 0),
        data,
    )
    assert made == data


def test_the_stored_key_is_encoded_the_same(requested_golden):
    wanted = requested_golden.spec.private_key.encoding if requested_golden.spec.private_key else ""
    if requested_golden.key_is_stored:
        assert keys.encode(keys.encode(requested_golden.key, "PKCS8"), wanted) == requested_golden.key
    else:
        assert keys.encode(keys.encode(requested_golden.key, "PKCS1"), "PKCS8") == requested_golden.key


def test_renewal_and_validity_are_the_same(stored_golden):
    facts = certificate.parse_certificate(stored_golden.secret_data["tls.crt"])
    if stored_golden.time("notAfter") is None:
        return
    assert (facts.not_before, facts.not_after) == (
        stored_golden.time("notBefore"),
        stored_golden.time("notAfter"),
    )
    due = renewal.renewal_time(facts.not_before, facts.not_after, stored_golden.spec)
    assert due == renewal.Renewal(stored_golden.time("renewalTime"))
