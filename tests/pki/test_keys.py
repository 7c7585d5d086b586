from contextlib import suppress

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from certwright.api.certmanager import PrivateKey
from certwright.pki import der, keys, keystructures, pem
from certwright.pki.errors import KeyDecodeError, PKIError

KINDS = [("RSA", 2048), ("ECDSA", 256), ("ECDSA", 384), ("ECDSA", 521), ("Ed25519", 0)]


@pytest.fixture(scope="module")
def generated():
    return {kind: keys.generate(*kind) for kind in KINDS}


@pytest.fixture(params=KINDS, ids=lambda kind: f"{kind[0]}-{kind[1]}")
def key(request, generated):
    return generated[request.param]


def other_library(private_pem):
    return serialization.load_pem_private_key(private_pem, None)


def spki_of(private_key):
    return private_key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def test_generated_keys_are_pkcs8_of_the_kind_asked_for(generated):
    for (algorithm, size), private_pem in generated.items():
        assert private_pem.startswith(b"-----BEGIN PRIVATE KEY-----\n")
        public = keys.public_key_of_private(private_pem)
        assert (public.algorithm, public.size) == (algorithm, size or 256)


def test_defaults_are_rsa_2048_and_p_256():
    assert keys.violations(keys.public_key_of_private(keys.generate("")), None) == []
    assert keys.public_key_of_private(keys.generate("ECDSA")).size == 256


@pytest.mark.parametrize(
    ("algorithm", "size"),
    [("RSA", 2047), ("RSA", 1024), ("RSA", 8193), ("ECDSA", 224), ("ECDSA", 255), ("DSA", 0)],
)
def test_sizes_and_algorithms_outside_the_api_are_refused(algorithm, size):
    with pytest.raises(PKIError):
        keys.generate(algorithm, size)


def test_the_public_half_is_the_one_another_library_computes(key):
    assert keys.spki_of_private(key) == spki_of(other_library(key))
    assert keys.public_key_from_spki(keys.spki_of_private(key)) == keys.public_key_of_private(key)


def test_every_encoding_is_the_one_another_library_writes(key):
    private_key = other_library(key)
    formats = {"PKCS8": serialization.PrivateFormat.PKCS8}
    if keys.public_key_of_private(key).algorithm != "Ed25519":
        formats["PKCS1"] = formats[""] = serialization.PrivateFormat.TraditionalOpenSSL
    for encoding, private_format in formats.items():
        expected = private_key.private_bytes(
            serialization.Encoding.PEM, private_format, serialization.NoEncryption()
        )
        assert keys.encode(key, encoding) == expected
        assert keys.encode(keys.encode(key, encoding), "PKCS8") == key


def test_ed25519_keys_are_always_pkcs8(generated):
    key = generated["Ed25519", 0]
    assert keys.encode(key, "PKCS1") == keys.encode(key, "") == key


def test_an_unknown_encoding_is_refused(key):
    with pytest.raises(PKIError, match="PKCS9"):
        keys.encode(key, "PKCS9")


def test_openssl_reads_every_encoding(key, openssl):
    for encoding in ("PKCS1", "PKCS8"):
        openssl("pkey", "-noout", "-in", "{key}", key=keys.encode(key, encoding))


@pytest.mark.parametrize(
    "command",
    [
        "genrsa -traditional -out {key} 2048",
        "genrsa -out {key} 2048",
        "ecparam -genkey -noout -name secp384r1 -out {key}",
        "genpkey -algorithm ed25519 -out {key}",
    ],
)
def test_keys_made_by_openssl_are_read(command, openssl, tmp_path):
    openssl(*command.split(), key=b"")
    private_pem = (tmp_path / "key").read_bytes()
    assert keys.spki_of_private(private_pem) == spki_of(other_library(private_pem))


def test_only_the_first_block_counts(generated):
    first, second = generated["ECDSA", 256], generated["ECDSA", 384]
    assert keys.public_key_of_private(b"# comment\n" + first + second) == keys.public_key_of_private(first)


def test_a_block_of_parameters_in_front_is_not_a_key(generated):
    parameters = pem.encode("EC PARAMETERS", der.oid("1.2.840.10045.3.1.7"))
    with pytest.raises(KeyDecodeError, match="not a private key"):
        keys.load_private(parameters + keys.encode(generated["ECDSA", 256], "PKCS1"))


def test_the_public_half_inside_an_ec_key_is_not_trusted(generated):
    key, other = generated["ECDSA", 256], generated["ECDSA", 384]
    numbers = keystructures.read_pkcs8(pem.first(key, 13_000).content)
    forged = keystructures.write_sec1(numbers, bytes(65), with_curve=True)
    assert keys.public_key_of_private(pem.encode("EC PRIVATE KEY", forged)) == keys.public_key_of_private(key)
    assert keys.public_key_of_private(key) != keys.public_key_of_private(other)


@pytest.mark.parametrize(
    "field",
    ["modulus", "public_exponent", "private_exponent", "prime1", "exponent1", "exponent2", "coefficient"],
)
def test_rsa_numbers_that_do_not_belong_together_are_refused(generated, field):
    numbers = keystructures.read_pkcs8(pem.first(generated["RSA", 2048], 13_000).content)
    broken = msgspec.structs.replace(numbers, **{field: getattr(numbers, field) + 2})
    with pytest.raises(KeyDecodeError, match="inconsistent"):
        keys.load_private(pem.encode("RSA PRIVATE KEY", keystructures.write_pkcs1(broken)))


@pytest.mark.parametrize(
    "scalar", [0, 1 << 256, 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551]
)
def test_an_ec_scalar_out_of_range_is_refused(scalar):
    content = der.sequence(
        der.integer(1),
        der.octet_string(scalar.to_bytes(33, "big")),
        der.context(0, der.oid("1.2.840.10045.3.1.7"), constructed=True),
    )
    with pytest.raises(KeyDecodeError):
        keys.load_private(pem.encode("EC PRIVATE KEY", content))


def test_a_curve_that_is_not_supported_is_refused():
    content = der.sequence(
        der.integer(1),
        der.octet_string(b"\1" * 32),
        der.context(0, der.oid("1.3.132.0.10"), constructed=True),
    )
    with pytest.raises(KeyDecodeError, match="curve"):
        keys.load_private(pem.encode("EC PRIVATE KEY", content))


def test_a_key_larger_than_the_limit_is_refused(key):
    with pytest.raises(KeyDecodeError, match="larger than 13000 bytes"):
        keys.load_private(key + b"\n" * 13_000)


def test_messages_and_representations_carry_no_key_material(generated):
    numbers = keystructures.read_pkcs8(pem.first(generated["RSA", 2048], 13_000).content)
    assert str(numbers.prime1) not in repr(numbers)
    assert str(numbers.prime1) not in repr(keys._loaded(generated["RSA", 2048]))
    for kind in ("ECDSA", 256), ("Ed25519", 0):
        found = keystructures.read_pkcs8(pem.first(generated[kind], 13_000).content)
        assert repr(found).endswith("Private(...)")


def test_equal_rsa_keys_are_equal_with_and_without_null_parameters(generated):
    spki = keys.spki_of_private(generated["RSA", 2048])
    fields = der.top(spki)
    fields.enter()
    without = der.sequence(der.sequence(der.oid(keystructures.RSA_OID)), fields.element(der.BIT_STRING))
    assert keys.public_key_from_spki(without) == keys.public_key_from_spki(spki)


def test_a_point_off_its_curve_is_refused():
    with pytest.raises(KeyDecodeError):
        keys.public_key_from_spki(keystructures.write_ec_public("1.2.840.10045.3.1.7", b"\4" + b"\1" * 64))


@pytest.mark.parametrize(
    ("kind", "wanted", "paths"),
    [
        (("RSA", 2048), {}, []),
        (("RSA", 2048), {"algorithm": "RSA", "size": 2048}, []),
        (("RSA", 2048), {"size": 3072}, ["spec.privateKey.size"]),
        (("RSA", 2048), {"algorithm": "ECDSA"}, ["spec.privateKey.algorithm"]),
        (("ECDSA", 256), {"algorithm": "ECDSA"}, []),
        (("ECDSA", 384), {"algorithm": "ECDSA"}, ["spec.privateKey.size"]),
        (("ECDSA", 384), {"algorithm": "ECDSA", "size": 384, "encoding": "PKCS8"}, []),
        (("ECDSA", 256), {}, ["spec.privateKey.algorithm"]),
        (("Ed25519", 0), {"algorithm": "Ed25519", "size": 4096}, []),
        (("Ed25519", 0), {"algorithm": "RSA"}, ["spec.privateKey.algorithm"]),
    ],
)
def test_a_key_is_compared_with_its_spec(generated, kind, wanted, paths):
    public = keys.public_key_of_private(generated[kind])
    assert keys.violations(public, msgspec.convert(wanted, PrivateKey)) == paths


@given(st.data())
def test_damaged_keys_raise_nothing_but_a_decode_error(generated, data):
    private_pem = data.draw(st.sampled_from([*generated.values()]))
    content = bytearray(pem.first(private_pem, 13_000).content)
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] = data.draw(st.integers(0, 255))
    label = data.draw(st.sampled_from(["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "CERTIFICATE"]))
    for damaged in (pem.encode(label, bytes(content)), bytes(content), private_pem[:position]):
        with suppress(KeyDecodeError):
            keys.load_private(damaged)


def test_structures_of_other_algorithms_and_versions_are_refused():
    dsa = der.sequence(der.oid("1.2.840.10040.4.1"))
    short_ed25519 = der.sequence(der.oid(keystructures.ED25519_OID))
    for content in (
        der.sequence(der.integer(0), dsa, der.octet_string(b"\x02\x01\x01")),
        der.sequence(der.integer(0), short_ed25519, der.octet_string(der.octet_string(b"short"))),
    ):
        with pytest.raises(KeyDecodeError):
            keys.load_private(pem.encode("PRIVATE KEY", content))
    for label, content in (
        ("RSA PRIVATE KEY", der.sequence(*[der.integer(1)] * 9)),
        ("EC PRIVATE KEY", der.sequence(der.integer(2), der.octet_string(b"\1"))),
    ):
        with pytest.raises(KeyDecodeError):
            keys.load_private(pem.encode(label, content))


def test_malformed_public_keys_are_refused_and_unknown_ones_identified():
    ed25519 = der.sequence(der.sequence(der.oid(keystructures.ED25519_OID)), der.bit_string(b"short"))
    for spki in (b"", ed25519, keystructures.write_rsa_public(0, 3)):
        with pytest.raises(KeyDecodeError):
            keys.public_key_from_spki(spki)
    slh_dsa = der.sequence(der.sequence(der.oid("2.16.840.1.101.3.4.3.20")), der.bit_string(b"key"))
    assert keys.public_key_from_spki(slh_dsa).algorithm == ""
