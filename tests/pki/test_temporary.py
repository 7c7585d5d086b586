from datetime import timedelta

import pytest

from certwright.pki import csr, der, extensions, keys, sign, x509
from certwright.pki.certificate import parse_certificate
from certwright.pki.errors import RequestDecodeError
from certwright.pki.temporary import temporary_certificate

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def key():
    return keys.generate("ECDSA")


@pytest.fixture
def temporary(spec, key, now):
    def make(usages=None, is_ca=False, **fields):
        request = csr.build_request(spec(**fields, isCA=is_ca), key)
        return temporary_certificate(request, usages=usages, is_ca=is_ca, duration=DAY, now=now)

    return make


def test_it_is_one_certificate_for_the_key_of_the_request(temporary, key, now):
    (found,) = x509.read_pem(temporary(dnsNames=["web.example"]), 95_000)
    assert found.public_key == keys.public_key_of_private(key)
    assert found.alternative_names.dns == ("web.example",)
    assert (found.not_before, found.not_after) == (now, now + DAY)


@pytest.mark.parametrize("is_ca", [False, True])
def test_it_is_known_by_who_signed_it(temporary, is_ca):
    facts = parse_certificate(temporary(is_ca=is_ca, commonName="web"))
    assert facts.is_temporary
    assert facts.is_ca == is_ca
    assert facts.common_name == "web"


def test_it_is_signed_with_ecdsa_and_sha512(temporary):
    (found,) = x509.read_pem(temporary(dnsNames=["web.example"]), 95_000)
    assert der.oid("1.2.840.10045.4.3.4") in found.signature_algorithm


@pytest.mark.parametrize(
    "names",
    [
        {"literalSubject": "CN=web,O=acme"},
        {"otherNames": [{"oid": "1.3.6.1.4.1.311.20.2.3", "utf8Value": "web@example"}]},
        {"isCA": True, "commonName": "sub", "nameConstraints": {"permitted": {"dnsDomains": ["example"]}}},
    ],
)
def test_every_kind_of_name_is_in_it(spec, key, now, names):
    request = csr.build_request(spec(**names), key)
    chain = temporary_certificate(request, usages=None, is_ca=names.get("isCA", False), duration=DAY, now=now)
    facts, asked = parse_certificate(chain), csr.parse_request(request)
    assert facts.subject_der == asked.subject_der
    assert facts.other_names == asked.other_names
    (found,) = x509.read_pem(chain, 95_000)
    constrained = any(e.oid == extensions.NAME_CONSTRAINTS for e in found.extensions)
    assert constrained == ("nameConstraints" in names)


def test_two_are_signed_by_different_authorities(temporary):
    first, second = (x509.read_pem(temporary(dnsNames=["web.example"]), 95_000)[0] for _ in range(2))
    assert first.issuer == second.issuer
    assert first.der != second.der


def test_a_real_certificate_is_not_taken_for_one(spec, key, now):
    request = csr.build_request(spec(commonName="cert-manager.local", subject={"organizations": ["x"]}), key)
    real = sign.self_sign(request, key, usages=None, is_ca=False, duration=DAY, now=now)
    assert not parse_certificate(real.chain_pem).is_temporary


def test_a_request_that_cannot_be_read_gets_none(now):
    with pytest.raises(RequestDecodeError):
        temporary_certificate(b"nonsense", usages=None, is_ca=False, duration=DAY, now=now)
