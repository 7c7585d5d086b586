"""ML-DSA (FIPS 204, RFC 9881) through keys, requests, certificates, chains and Secrets.

Files in keys/ were made by OpenSSL 3.5 from the seed 00 01 .. 1f, and are throw-away.
"""

import os
import re
import shutil
import subprocess
from base64 import b64decode
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest
from cryptography import x509 as other_library
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from certwright.api.certmanager import PrivateKey
from certwright.pki import chain, csr, der, keys, keystructures, match, pem, secret, sign, signatures, x509
from certwright.pki.certificate import parse_certificate
from certwright.pki.errors import KeyDecodeError, RequestDecodeError, SigningError, TemplateError
from certwright.pki.keystores import Passwords, Source

ALGORITHMS = ["ML-DSA-44", "ML-DSA-65", "ML-DSA-87"]
SEED = bytes(range(32))
KEYS = Path(__file__).parent / "keys"
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def generated():
    return {name: keys.generate(name) for name in (*ALGORITHMS, "ECDSA", "RSA")}


@pytest.fixture(params=ALGORITHMS)
def algorithm(request):
    return request.param


@pytest.fixture
def key(algorithm, generated):
    return generated[algorithm]


def seed_form(algorithm, content=b"\x80\x20" + SEED):
    name = der.sequence(der.oid(keystructures.ML_DSA_OIDS[algorithm]))
    return pem.encode("PRIVATE KEY", der.sequence(der.integer(0), name, der.octet_string(content)))


def spki_of(private_pem):
    return (
        serialization.load_pem_private_key(private_pem, None)
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


# --- keys -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("algorithm", "digest"),
    [
        ("ML-DSA-44", "837832708c5236d951581f1fddf2b79991b3424a0486d16da1ddad0fd69701be"),
        ("ML-DSA-65", "b8b62131bfbe84433efb2273d7f5b87f7a22854a2cfd366fc2aead86d837c52d"),
        ("ML-DSA-87", "07e57c4f14dbad1267f621ec3777b4e2e6c4fbc4c22fbb87510ff8e0b3c6a642"),
    ],
)
def test_the_public_key_of_a_seed_is_the_one_openssl_computes(algorithm, digest):
    assert sha256(keys.spki_of_private(seed_form(algorithm))).hexdigest() == digest


def test_a_generated_key_is_the_seed_as_another_library_writes_it(algorithm, key):
    loaded = serialization.load_pem_private_key(key, None)
    assert key == loaded.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    assert key == seed_form(algorithm, b"\x80\x20" + loaded.private_bytes_raw())
    assert keys.spki_of_private(key) == spki_of(key)
    assert keys.generate(algorithm) != key


def test_a_key_is_identified_and_read_back(algorithm, key):
    public = keys.public_key_of_private(key)
    assert (public.algorithm, public.size) == (algorithm, 0)
    assert keys.public_key_from_spki(keys.spki_of_private(key)) == public


def test_the_size_asked_for_is_ignored_and_another_algorithm_is_not(algorithm, key):
    public = keys.public_key_of_private(key)
    made = keys.public_key_of_private(keys.generate(algorithm, 4096))
    assert made.algorithm == algorithm
    wanted = [{"algorithm": algorithm}, {"algorithm": algorithm, "size": 4096, "encoding": "PKCS1"}]
    for fields in wanted:
        assert keys.violations(public, msgspec.convert(fields, PrivateKey)) == []
    for other in {"", "RSA", "ECDSA", "Ed25519", *ALGORITHMS} - {algorithm}:
        assert keys.violations(public, PrivateKey(algorithm=other)) == ["spec.privateKey.algorithm"]


def test_every_encoding_is_pkcs8(key):
    for encoding in ("", "PKCS1", "PKCS8"):
        assert keys.encode(key, encoding) == key


def test_a_key_with_seed_and_expanded_form_is_read_and_written_as_the_seed(algorithm):
    both = (KEYS / f"{algorithm.lower()}-both.pem").read_bytes()
    assert keys.encode(both, "PKCS8") == seed_form(algorithm)
    assert keys.public_key_of_private(both) == keys.public_key_of_private(seed_form(algorithm))


@pytest.mark.parametrize("position", [0, 31, 32, 63])
def test_a_seed_and_an_expanded_form_of_different_keys_are_refused(position):
    content = bytearray(pem.first((KEYS / "ml-dsa-44-both.pem").read_bytes(), 13_000).content)
    content[-2560 + position] ^= 1
    with pytest.raises(KeyDecodeError, match="seed and expanded form of the ML-DSA-44 key differ"):
        keys.load_private(pem.encode("PRIVATE KEY", bytes(content)))


def test_a_key_without_its_seed_is_refused_with_the_way_out():
    with pytest.raises(KeyDecodeError, match="expanded form is not supported: store it with its seed"):
        keys.load_private((KEYS / "ml-dsa-44-expanded.pem").read_bytes())


@pytest.mark.parametrize(
    "content",
    [b"", b"\x80\x1f" + SEED[1:], b"\x80\x20" + SEED + b"\0", b"\x81\x20" + SEED, b"\x30\x22\x04\x20" + SEED],
    ids=["empty", "short", "trailing", "other tag", "both with one"],
)
def test_malformed_seeds_are_refused(algorithm, content):
    with pytest.raises(KeyDecodeError):
        keys.load_private(seed_form(algorithm, content))


def test_a_public_key_of_another_length_or_with_parameters_is_refused(algorithm, key):
    fields = der.top(keys.spki_of_private(key))
    name, bits = fields.element(der.SEQUENCE), fields.bit_string()
    with_null = der.sequence(der.oid(keystructures.ML_DSA_OIDS[algorithm]), b"\x05\x00")
    for spki in (
        der.sequence(name, der.bit_string(bits[:-1])),
        der.sequence(with_null, der.bit_string(bits)),
    ):
        with pytest.raises(KeyDecodeError):
            keys.public_key_from_spki(spki)


def test_representations_carry_no_key_material(algorithm):
    loaded = keys._loaded(seed_form(algorithm))
    assert repr(loaded.numbers) == "MLDSAPrivate(...)"
    assert SEED.hex() not in repr(loaded)
    assert "\\x1f" not in repr(loaded.numbers)


@given(st.data())
def test_damaged_keys_raise_nothing_but_a_decode_error(data):
    name = data.draw(st.sampled_from(["ml-dsa-44-both", "ml-dsa-44-expanded", "seed"]))
    whole = seed_form("ML-DSA-44") if name == "seed" else (KEYS / f"{name}.pem").read_bytes()
    content = bytearray(pem.first(whole, 13_000).content)
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, min(len(content), 80) - 1))] = data.draw(st.integers(0, 255))
    with suppress(KeyDecodeError):
        keys.load_private(pem.encode("PRIVATE KEY", bytes(content)))


# --- signatures -----------------------------------------------------------------------------------


def test_a_signature_is_that_of_the_algorithm_of_the_key_without_parameters(algorithm, key):
    scheme = signatures.for_public_key(keys.public_key_of_private(key))
    assert scheme.identifier == der.sequence(der.oid(keystructures.ML_DSA_OIDS[algorithm]))
    made = signatures.sign(keys.load_private(key), scheme, b"content")
    spki = keys.spki_of_private(key)
    serialization.load_der_public_key(spki).verify(made, b"content")
    assert signatures.verifies(spki, scheme.identifier, made, b"content")
    assert not signatures.verifies(spki, scheme.identifier, made, b"other")
    assert not signatures.verifies(spki, scheme.identifier, made[:-1], b"content")
    with_null = der.sequence(der.oid(keystructures.ML_DSA_OIDS[algorithm]), b"\x05\x00")
    assert not signatures.verifies(spki, with_null, made, b"content")


def test_a_signature_with_a_context_is_not_one(algorithm, key):
    made = keys.load_private(key).sign(b"content", b"context")
    identifier = signatures.ML_DSA[algorithm].identifier
    assert not signatures.verifies(keys.spki_of_private(key), identifier, made, b"content")


def test_keys_of_one_algorithm_make_no_signatures_of_another(algorithm, key, generated):
    for name, other in generated.items():
        if name != algorithm:
            with pytest.raises(SigningError):
                signatures.sign(keys.load_private(other), signatures.ML_DSA[algorithm], b"")
    with pytest.raises(SigningError):
        signatures.sign(keys.load_private(key), signatures.ALGORITHMS["PureEd25519"], b"")


# --- requests -------------------------------------------------------------------------------------


def test_a_request_is_read_and_verified_by_another_library(spec, algorithm, key):
    wanted = spec(commonName="x", dnsNames=["a.example"], privateKey={"algorithm": algorithm})
    made = csr.build_request(wanted, key)
    facts = csr.parse_request(made)
    assert facts.signature_is_valid()
    assert facts.public_key == keys.public_key_of_private(key)
    other = other_library.load_pem_x509_csr(made)
    assert other.is_signature_valid
    assert other.signature_algorithm_oid.dotted_string == keystructures.ML_DSA_OIDS[algorithm]
    assert len(made) < 36_500


def test_a_changed_request_is_not_signed(spec, root, key, algorithm, now):
    made = csr.build_request(spec(commonName="good", privateKey={"algorithm": algorithm}), key)
    forged = pem.encode(csr.LABEL, pem.first(made, 36_500).content.replace(b"good", b"evil"))
    assert not csr.parse_request(forged).signature_is_valid()
    with pytest.raises(RequestDecodeError, match="own key"):
        sign.sign_request(forged, ca=root.loaded, usages=None, is_ca=False, duration=DAY, now=now)


@pytest.mark.parametrize("name", sorted(signatures.ALGORITHMS))
def test_no_signature_algorithm_of_the_spec_suits(spec, key, algorithm, name):
    wanted = spec(commonName="x", privateKey={"algorithm": algorithm}, signatureAlgorithm=name)
    with pytest.raises(SigningError):
        csr.build_request(wanted, key)


def test_the_names_are_no_signature_algorithms_of_the_spec(spec, key, algorithm):
    wanted = spec(commonName="x", privateKey={"algorithm": algorithm}, signatureAlgorithm=algorithm)
    with pytest.raises(TemplateError, match="not supported"):
        csr.build_request(wanted, key)


def test_by_default_the_key_signs_and_enciphers_nothing(spec, make_root, key, algorithm, now):
    wanted = spec(commonName="x", privateKey={"algorithm": algorithm})
    made = csr.build_request(wanted, key)
    assert csr.parse_request(made).key_usage == 1
    silent = csr.build_request(
        spec(encodeUsagesInRequest=False, commonName="x", privateKey={"algorithm": algorithm}), key
    )
    authority = make_root("root", algorithm)
    for request in (made, silent):
        issued = sign.sign_request(
            request, ca=authority.loaded, usages=None, is_ca=False, duration=DAY, now=now
        )
        assert parse_certificate(issued.chain_pem).key_usage == 1
    assert parse_certificate(authority.chain_pem).key_usage == 0b100001


def test_usages_that_are_asked_for_are_given_as_asked(spec, root, key, algorithm):
    usages = ["digital signature", "key encipherment", "server auth"]
    issued = root.issue(key, commonName="x", privateKey={"algorithm": algorithm}, usages=usages)
    facts = parse_certificate(issued.chain_pem)
    assert (facts.key_usage, facts.extended_key_usages) == (0b101, ("1.3.6.1.5.5.7.3.1",))


# --- certificates ---------------------------------------------------------------------------------


@pytest.mark.parametrize("subject", [*ALGORITHMS, "ECDSA", "RSA"])
@pytest.mark.parametrize("signer", [*ALGORITHMS, "ECDSA"])
def test_every_kind_of_ca_signs_every_kind_of_request(make_root, generated, signer, subject):
    authority = make_root("root", signer)
    issued = authority.issue(
        generated[subject], commonName="leaf", dnsNames=["a.example"], privateKey={"algorithm": subject}
    )
    leaf = other_library.load_pem_x509_certificate(issued.chain_pem)
    leaf.verify_directly_issued_by(other_library.load_pem_x509_certificate(issued.ca_pem))
    facts = parse_certificate(issued.chain_pem)
    assert facts.public_key == keys.public_key_of_private(generated[subject])
    assert issued.ca_pem == authority.chain_pem
    assert len(issued.chain_pem) < 36_500


def test_a_self_signed_leaf_verifies_with_its_own_key(spec, key, algorithm, now):
    request = csr.build_request(spec(commonName="x", privateKey={"algorithm": algorithm}), key)
    issued = sign.self_sign(request, key, usages=None, is_ca=False, duration=DAY, now=now)
    certificate = other_library.load_pem_x509_certificate(issued.chain_pem)
    certificate.public_key().verify(certificate.signature, certificate.tbs_certificate_bytes)


def test_only_the_key_of_the_request_may_self_sign(spec, key, algorithm, now):
    request = csr.build_request(spec(commonName="x", privateKey={"algorithm": algorithm}), key)
    with pytest.raises(SigningError):
        sign.self_sign(request, keys.generate(algorithm), usages=None, is_ca=False, duration=DAY, now=now)


def test_a_chain_of_every_algorithm_is_put_in_order(make_root, generated):
    authority = top = make_root("top", "ML-DSA-87")
    for name in ("ML-DSA-65", "ECDSA", "ML-DSA-44"):
        wanted = {"commonName": name, "isCA": True, "privateKey": {"algorithm": name}}
        issued = authority.issue(generated[name], **wanted)
        authority = type(top)(issued.chain_pem + issued.ca_pem, generated[name])
    parts = x509.read_pem(authority.chain_pem, 95_000)
    assert [part.subject_fields.common_name for part in parts] == ["ML-DSA-44", "ECDSA", "ML-DSA-65", "top"]
    assert chain.linear_chain(parts[::-1]) == parts
    assert chain.bundle_of(parts[::-1]).ca_pem == top.chain_pem


def test_a_forged_signature_makes_no_parent(make_root, key, algorithm):
    root, impostor = make_root("root", algorithm), make_root("root", algorithm)
    leaf = x509.read_pem(
        root.issue(key, commonName="leaf", privateKey={"algorithm": algorithm}).chain_pem, 95_000
    )[0]
    assert leaf.is_signed_by(root.loaded.certificate)
    assert not leaf.is_signed_by(impostor.loaded.certificate)


def test_the_key_of_another_ca_is_noticed(make_root, algorithm):
    root = make_root("root", algorithm)
    loaded = sign.load_ca(root.chain_pem, keys.generate(algorithm))
    assert "private key is not that of its certificate" in loaded.problem


def test_certificate_and_request_are_compared_with_the_spec_as_any_other(spec, root, key, algorithm):
    wanted = spec(commonName="x", dnsNames=["x", "y"], privateKey={"algorithm": algorithm})
    issued = root.issue(key, commonName="x", dnsNames=["x", "y"], privateKey={"algorithm": algorithm})
    facts = parse_certificate(issued.chain_pem)
    assert match.certificate_mismatches(facts, wanted) == []
    assert match.certificate_mismatches(facts, spec(dnsNames=["z"])) == ["spec.commonName", "spec.dnsNames"]


def test_sizes_leave_room_within_the_limits_of_cert_manager(make_root):
    """The largest: eight certificates of ML-DSA-87 fit into a chain, and 32 into a bundle."""
    limits = pem.Limits()
    size = len(make_root("root", "ML-DSA-87").chain_pem)
    assert 8 * size < limits.chain
    assert 32 * size < limits.bundle
    assert 3 * size < limits.certificate
    assert len((KEYS / "ml-dsa-87-both.pem").read_bytes()) < limits.private_key


# --- the Secret -----------------------------------------------------------------------------------


def test_further_formats_hold_the_seed_form(spec, root, key, algorithm):
    chain_pem = root.issue(key, commonName="x", privateKey={"algorithm": algorithm}).chain_pem
    wanted = spec(additionalOutputFormats=[{"type": "DER"}, {"type": "CombinedPEM"}])
    source, none = Source(os.urandom, lambda: 0), Passwords()
    data = secret.target_data(keys.encode(key, "PKCS1"), chain_pem, root.chain_pem, wanted, none, source)
    assert data["key.der"] == b64decode(b"".join(key.splitlines()[1:-1]))
    assert serialization.load_der_private_key(data["key.der"], None).public_key() == (
        serialization.load_pem_private_key(key, None).public_key()
    )
    assert data["tls-combined.pem"] == key + b"\n" + chain_pem


# --- OpenSSL --------------------------------------------------------------------------------------


@pytest.fixture
def openssl_3_5(openssl):
    """Runs the real openssl; skips where it is older than 3.5 and so does not know ML-DSA."""
    shown = subprocess.run([shutil.which("openssl"), "version"], capture_output=True, text=True, check=True)
    version = re.match(r"OpenSSL (\d+)\.(\d+)", shown.stdout)
    if version is None or (int(version[1]), int(version[2])) < (3, 5):
        pytest.skip(f"{shown.stdout.strip()} does not know ML-DSA")
    return openssl


def test_openssl_verifies_keys_requests_and_chains(openssl_3_5, spec, make_root, key, algorithm, now):
    root = make_root("root", algorithm)
    wanted = spec(commonName="x", privateKey={"algorithm": algorithm})
    openssl_3_5("pkey", "-noout", "-in", "{key}", key=key)
    openssl_3_5("req", "-verify", "-noout", "-in", "{request}", request=csr.build_request(wanted, key))
    shown = openssl_3_5(
        "verify",
        "-x509_strict",
        "-attime",
        str(int(now.timestamp()) + 60),
        "-CAfile",
        "{root}",
        "{leaf}",
        root=root.chain_pem,
        leaf=root.issue(key, commonName="leaf", privateKey={"algorithm": algorithm}).chain_pem,
    )
    assert "OK" in shown


def test_keys_made_by_openssl_are_read(openssl_3_5, algorithm, tmp_path):
    openssl_3_5("genpkey", "-algorithm", algorithm, "-out", "{key}", key=b"")
    private_pem = (tmp_path / "key").read_bytes()
    openssl_3_5(
        "pkey", "-in", "{key}", "-pubout", "-outform", "DER", "-out", "{public}", public=b"", key=private_pem
    )
    assert keys.spki_of_private(private_pem) == (tmp_path / "public").read_bytes()
