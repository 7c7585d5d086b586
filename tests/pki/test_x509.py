from contextlib import suppress

import pytest
from cryptography import x509 as other_library
from hypothesis import given
from hypothesis import strategies as st

from certwright.pki import der, keys, pem, x509
from certwright.pki.errors import CertificateDecodeError

LIMIT = 95_000


@pytest.fixture(scope="module")
def leaf(root):
    bundle = root.issue(
        keys.generate("ECDSA"), commonName="leaf", dnsNames=["a.example"], usages=["server auth", "signing"]
    )
    return x509.read_pem(bundle.chain_pem, LIMIT)[0]


def test_another_library_reads_the_same(issued_golden):
    for found in x509.read_pem(issued_golden.certificate, LIMIT):
        read = other_library.load_der_x509_certificate(found.der)
        assert found.serial == read.serial_number
        assert found.tbs == read.tbs_certificate_bytes
        assert found.signature == read.signature
        assert (found.not_before, found.not_after) == (read.not_valid_before_utc, read.not_valid_after_utc)
        assert found.subject == read.subject.public_bytes()
        assert found.issuer == read.issuer.public_bytes()
        assert [extension.oid for extension in found.extensions] == [
            extension.oid.dotted_string for extension in read.extensions
        ]
        assert [extension.critical for extension in found.extensions] == [
            extension.critical for extension in read.extensions
        ]


def test_a_root_is_self_signed_and_signs_its_leaf(root, leaf):
    authority = root.loaded.certificate
    assert authority.is_self_signed
    assert authority.may_sign
    assert leaf.is_signed_by(authority)
    assert not leaf.may_sign
    assert not leaf.is_self_signed
    assert not authority.is_signed_by(leaf)


def test_without_the_ca_flag_or_cert_sign_nothing_may_be_signed(root):
    for fields, may in (
        ({"isCA": True}, True),
        ({"isCA": True, "usages": ["server auth"]}, True),  # isCA adds cert sign
        ({"isCA": False, "usages": ["cert sign"]}, False),
    ):
        bundle = root.issue(keys.generate("ECDSA"), commonName="x", **fields)
        assert x509.read_pem(bundle.chain_pem, LIMIT)[0].may_sign is may


def test_every_block_counts_whatever_its_label(leaf):
    other = pem.encode("TRUSTED THING", leaf.der)
    assert x509.read_pem(b"# comment\n" + other + x509.to_pem(leaf), LIMIT) == [leaf, leaf]


@pytest.mark.parametrize(
    "data", [b"", b"x", pem.encode("CERTIFICATE", b""), pem.encode("CERTIFICATE", b"\x30\x00")]
)
def test_what_is_no_certificate_is_refused(data):
    with pytest.raises(CertificateDecodeError):
        x509.read_pem(data, LIMIT)


def test_one_bad_block_fails_all(leaf):
    with pytest.raises(CertificateDecodeError):
        x509.read_pem(x509.to_pem(leaf) + pem.encode("CERTIFICATE", leaf.der[:-1]), LIMIT)


def test_trailing_bytes_are_refused(leaf):
    with pytest.raises(CertificateDecodeError, match="trailing"):
        x509.read_der(leaf.der + b"\0")


def test_inner_and_outer_algorithm_must_agree(leaf):
    fields = der.top(leaf.der)
    tbs, algorithm = fields.element(der.SEQUENCE), fields.element(der.SEQUENCE)
    other = algorithm[:-1] + b"\x03"  # ecdsa-with-SHA384
    with pytest.raises(CertificateDecodeError, match="differ"):
        x509.read_der(der.sequence(tbs, other, fields.element(der.BIT_STRING)))


@given(data=st.data())
def test_damaged_certificates_raise_nothing_but_a_decode_error(recorded, data):
    name = data.draw(
        st.sampled_from(["sans-all", "name-constraints", "rsa-default", "usages-all", "issuer-urls"])
    )
    content = bytearray(pem.first(recorded(name).certificate, LIMIT).content)
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, 1 << 16)) % len(content)] = data.draw(st.integers(0, 255))
    with suppress(CertificateDecodeError):
        found = x509.read_der(bytes(content))
        assert not found.is_self_signed


@given(st.binary(max_size=200))
def test_garbage_raises_nothing_but_a_decode_error(garbage):
    with suppress(CertificateDecodeError):
        x509.read_der(garbage)
    with suppress(CertificateDecodeError):
        x509.read_pem(garbage, LIMIT)


def test_a_negative_serial_number_is_refused(leaf):
    fields = der.top(leaf.tbs)
    elements = []
    while fields:
        elements.append(fields.element(fields.peek()))
    elements[1] = der.tlv(der.INTEGER, b"\xff")
    with pytest.raises(CertificateDecodeError, match="negative"):
        x509.read_der(
            der.sequence(der.sequence(*elements), leaf.signature_algorithm, der.bit_string(leaf.signature))
        )
