"""RC2 against the vectors of RFC 2268 section 5, and as OpenSSL decrypts it."""

import pytest

from certwright.pki import rc2


@pytest.mark.parametrize(
    ("key", "bits", "plain", "cipher"),
    [
        ("0000000000000000", 63, "0000000000000000", "ebb773f993278eff"),
        ("ffffffffffffffff", 64, "ffffffffffffffff", "278b27e42e2f0d49"),
        ("3000000000000000", 64, "1000000000000001", "30649edf9be7d2c2"),
        ("88", 64, "0000000000000000", "61a8a244adacccf0"),
        ("88bca90e90875a", 64, "0000000000000000", "6ccf4308974c267f"),
        ("88bca90e90875a7f0f79c384627bafb2", 64, "0000000000000000", "1a807d272bbe5db1"),
        ("88bca90e90875a7f0f79c384627bafb2", 128, "0000000000000000", "2269552ab0f85ca6"),
    ],
)
def test_the_vectors_of_the_rfc(key, bits, plain, cipher):
    words = rc2._expanded(bytes.fromhex(key), bits)
    assert rc2._encrypt_block(words, bytes.fromhex(plain)).hex() == cipher


def test_the_table_is_a_permutation():
    assert sorted(rc2._PI) == list(range(256))


def test_openssl_decrypts_it(legacy_openssl):
    plain = bytes(range(40))
    cipher = rc2.encrypt_cbc(b"\x01\x02\x03\x04\x05", b"\x11" * 8, plain)
    arguments = ["enc", "-d", "-rc2-40-cbc", "-nopad", "-K", "0102030405", "-iv", "11" * 8]
    providers = ["-provider", "legacy", "-provider", "default"]
    target = legacy_openssl.folder / "plain"
    legacy_openssl(*arguments, *providers, "-in", "{cipher}", "-out", str(target), cipher=cipher)
    assert target.read_bytes() == plain
