"""Key derivation of PKCS#12, as OpenSSL does it. The rest is seen in whole keystores: test_pkcs12.py."""

import pytest

from certwright.pki import pbe


@pytest.mark.parametrize("digest", ["sha1", "sha256"])
@pytest.mark.parametrize("purpose", [1, 2, 3])
@pytest.mark.parametrize(
    ("password", "salt", "iterations", "size"),
    [
        ("x", b"\x01" * 8, 1, 5),
        ("changeit", bytes(range(8)), 2048, 24),
        ("pässwörd €😀", bytes(range(16)), 3, 100),  # several blocks of output
        ("long " * 20, bytes(range(70)), 2, 64),  # several blocks of password and salt
        ("\uffff" * 40, b"\xff" * 64, 2, 90),  # additions that carry over
    ],
)
def test_keys_are_derived_as_openssl_derives_them(openssl, digest, purpose, password, salt, iterations, size):
    secret = (pbe.utf16(password) + b"\0\0").hex()
    options = [f"digest:{digest}", f"hexpass:{secret}", f"hexsalt:{salt.hex()}", f"iter:{iterations}"]
    arguments = [word for option in (*options, f"id:{purpose}") for word in ("-kdfopt", option)]
    printed = openssl("kdf", "-keylen", str(size), *arguments, "PKCS12KDF")
    derived = pbe.derive(digest, purpose, password, salt, iterations, size)
    assert derived.hex() == printed.strip().replace(":", "").lower()
