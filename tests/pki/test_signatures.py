import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from certwright.pki import keys, signatures
from certwright.pki.errors import SigningError


@pytest.mark.parametrize(
    ("algorithm", "size", "name"),
    [
        ("RSA", 2048, "SHA256WithRSA"),
        ("RSA", 3071, "SHA256WithRSA"),
        ("RSA", 3072, "SHA384WithRSA"),
        ("RSA", 4095, "SHA384WithRSA"),
        ("RSA", 4096, "SHA512WithRSA"),
        ("RSA", 8192, "SHA512WithRSA"),
        ("ECDSA", 256, "ECDSAWithSHA256"),
        ("ECDSA", 384, "ECDSAWithSHA384"),
        ("ECDSA", 521, "ECDSAWithSHA512"),
        ("Ed25519", 256, "PureEd25519"),
    ],
)
def test_the_size_of_the_key_decides_the_digest(algorithm, size, name):
    assert signatures.for_key(algorithm, size) is signatures.ALGORITHMS[name]


@pytest.mark.parametrize(("algorithm", "size"), [("RSA", 1024), ("RSA", 2047), ("ECDSA", 224), ("", 0)])
def test_weak_and_unknown_keys_may_not_sign(algorithm, size):
    with pytest.raises(SigningError):
        signatures.for_key(algorithm, size)


def test_a_signers_rsa_size_counts_in_whole_bytes():
    assert (
        signatures.for_public_key(keys.PublicKey("RSA", 2047, b"")) is signatures.ALGORITHMS["SHA256WithRSA"]
    )


@pytest.mark.parametrize(("algorithm", "size"), [("RSA", 2048), ("ECDSA", 384), ("Ed25519", 0)])
def test_signatures_verify_with_their_key_and_content_only(algorithm, size):
    private_pem, other = keys.generate(algorithm, size), keys.generate(algorithm, size)
    spki = keys.spki_of_private(private_pem)
    scheme = signatures.for_public_key(keys.public_key_of_private(private_pem))
    made = signatures.sign(keys.load_private(private_pem), scheme, b"content")
    assert signatures.verifies(spki, scheme.identifier, made, b"content")
    assert not signatures.verifies(spki, scheme.identifier, made, b"other")
    assert not signatures.verifies(spki, scheme.identifier, made[:-1], b"content")
    assert not signatures.verifies(keys.spki_of_private(other), scheme.identifier, made, b"content")
    for name in signatures.ALGORITHMS:
        if signatures.ALGORITHMS[name] is not scheme:
            assert not signatures.verifies(spki, signatures.ALGORITHMS[name].identifier, made, b"content")
    assert not signatures.verifies(b"", scheme.identifier, made, b"content")


def test_a_key_of_another_kind_cannot_sign():
    with pytest.raises(SigningError):
        signatures.sign(
            keys.load_private(keys.generate("ECDSA")), signatures.ALGORITHMS["SHA256WithRSA"], b""
        )


def test_pss_is_verified_though_never_made():
    private_pem = keys.generate("RSA")
    scheme = padding.PSS(padding.MGF1(hashes.SHA384()), 48)
    made = keys.load_private(private_pem).sign(b"content", scheme, hashes.SHA384())
    identifier = bytes.fromhex(
        "304106092a864886f70d01010a3034a00f300d06096086480165030402020500a11c301a06092a864886f70d010108300d"
        "06096086480165030402020500a203020130"
    )
    spki = keys.spki_of_private(private_pem)
    assert signatures.verifies(spki, identifier, made, b"content")
    assert not signatures.verifies(spki, identifier, made, b"other")


def test_sha_1_is_not_accepted():
    private_pem = keys.generate("RSA")
    made = keys.load_private(private_pem).sign(b"content", padding.PKCS1v15(), hashes.SHA1())
    sha1_with_rsa = bytes.fromhex("300d06092a864886f70d0101050500")
    assert not signatures.verifies(keys.spki_of_private(private_pem), sha1_with_rsa, made, b"content")
