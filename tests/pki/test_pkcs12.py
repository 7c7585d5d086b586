"""PKCS#12 keystores, read by openssl, by keytool and by the OpenSSL that `cryptography` brings along.

Only the last is sure to read Modern2026: its MAC (RFC 9579) needs OpenSSL 3.4 or a Java of 2026.
"""

import os
import re

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from certwright.pki import keys, pem, pkcs12, x509

PROFILES = list(pkcs12.PROFILES)
KINDS = [
    ("RSA", 2048, "PKCS1"),
    ("RSA", 2048, "PKCS8"),
    ("ECDSA", 256, "PKCS1"),
    ("ECDSA", 384, "PKCS8"),
    ("ECDSA", 521, "PKCS1"),
    ("Ed25519", 0, "PKCS8"),
]
PBMAC1 = "Modern2026"
WITH_LEGACY = ["-legacy"]


def certificates(data: bytes) -> list[x509.X509]:
    return x509.read_pem(data, 1_000_000)


def ders(found) -> list[bytes]:
    return [each.der for each in found]


def loaded(store: bytes, password: str):
    return serialization.pkcs12.load_pkcs12(store, password.encode())


def loaded_key(store: bytes, password: str) -> bytes:
    key = loaded(store, password).key
    content = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return keys.pkcs8(pem.encode("PRIVATE KEY", content))


def loaded_ders(found) -> list[bytes]:
    return [each.certificate.public_bytes(Encoding.DER) for each in found]


@pytest.fixture(scope="module")
def chain(root):
    """A leaf under an intermediate, as tls.crt holds them, and its key."""
    key = keys.generate("ECDSA")
    issued = root.intermediate("middle").issue(key, dnsNames=["a.example"])
    return key, certificates(issued.chain_pem)


@pytest.fixture(scope="module")
def authorities(root, make_root):
    return certificates(root.chain_pem + make_root("another root").chain_pem)


def written(profile, chain, authorities, password="changeit"):
    key, issued = chain
    return pkcs12.keystore(profile, keys.pkcs8(key), issued, authorities, password, os.urandom)


@pytest.mark.parametrize("profile", PROFILES)
def test_key_chain_and_authorities_are_in_the_keystore(profile, chain, authorities):
    key, issued = chain
    store = written(profile, chain, authorities)
    found = loaded(store, "changeit")
    assert loaded_key(store, "changeit") == keys.pkcs8(key)
    assert loaded_ders([found.cert]) == ders(issued[:1])
    assert loaded_ders(found.additional_certs) == ders([*issued[1:], *authorities])


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize(("algorithm", "size", "encoding"), KINDS)
def test_keys_of_every_kind_come_out_as_they_went_in(profile, root, algorithm, size, encoding):
    key = keys.encode(keys.generate(algorithm, size), encoding)
    spec = {"algorithm": algorithm, "size": size}
    issued = root.issue(key, dnsNames=["a.example"], privateKey=spec)
    store = written(profile, (key, certificates(issued.chain_pem)), certificates(issued.ca_pem))
    assert loaded_key(store, "changeit") == keys.pkcs8(key)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_password_of_any_length_opens_and_another_does_not(profile, chain):
    key, _ = chain
    for length in range(1, 65):
        password = ("correct hörse 😀 battery staple € " * 3)[:length]
        store = written(profile, chain, [], password)
        assert loaded_key(store, password) == keys.pkcs8(key)
        with pytest.raises(ValueError, match="Invalid password"):
            loaded(store, password + "x")


@pytest.mark.parametrize("profile", PROFILES)
def test_a_truststore_names_each_authority_by_its_subject(profile, authorities):
    found = loaded(pkcs12.truststore(profile, authorities, "changeit", os.urandom), "changeit")
    assert found.key is None
    assert found.cert is None
    assert loaded_ders(found.additional_certs) == ders(authorities)
    assert [each.friendly_name for each in found.additional_certs] == [b"CN=root", b"CN=another root"]


def test_authorities_of_one_name_are_told_apart_in_a_truststore(make_root):
    twins = [make_root("Twin"), make_root("twin"), make_root("Twin")]
    found = [each for twin in twins for each in certificates(twin.chain_pem)]
    store = loaded(pkcs12.truststore("", found, "changeit", os.urandom), "changeit")
    names = [each.friendly_name for each in store.additional_certs]
    assert names == [b"CN=Twin", b"CN=twin (2)", b"CN=Twin (3)"]


@pytest.mark.parametrize("profile", ["", "LegacyRC2", "Modern2042"])
def test_no_profile_and_an_unknown_one_are_the_default(profile, chain):
    def counted() -> pkcs12.pbe.Random:
        drawn = iter(range(10))
        return lambda size: bytes([next(drawn)]) * size

    key, issued = chain
    stores = [
        pkcs12.keystore(name, keys.pkcs8(key), issued, [], "changeit", counted())
        for name in (profile, pkcs12.DEFAULT_PROFILE)
    ]
    assert stores[0] == stores[1]


# --- openssl --------------------------------------------------------------------------------------


@pytest.fixture
def reads(openssl, request):
    """Skips a profile that the openssl here is too old for, or that it has no provider for."""
    version = tuple(map(int, re.search(r"OpenSSL (\d+)\.(\d+)", openssl("version")).groups()))

    def check(profile: str) -> None:
        if profile == PBMAC1 and version < (3, 4):
            pytest.skip("this openssl is older than 3.4 and knows no PBMAC1")
        if profile == "LegacyRC2":
            request.getfixturevalue("legacy_openssl")

    return check


@pytest.mark.parametrize("password", ["x", "a" * 64, "pässwörd €"])
@pytest.mark.parametrize("profile", PROFILES)
def test_openssl_reads_a_keystore_and_refuses_another_password(
    openssl, reads, chain, authorities, profile, password
):
    reads(profile)
    legacy = WITH_LEGACY if profile == "LegacyRC2" else []
    store = written(profile, chain, authorities, password)
    arguments = ["pkcs12", *legacy, "-in", "{store}", "-noenc", "-passin"]
    shown = openssl(*arguments, f"pass:{password}", store=store)
    key, issued = chain
    assert ders(certificates(_certificates_in(shown))) == ders([*issued, *authorities])
    assert keys.pkcs8(shown[shown.index("-----BEGIN PRIVATE KEY") :].encode()) == keys.pkcs8(key)
    assert "invalid password" in openssl.refusal(*arguments, f"pass:{password}x", store=store)


@pytest.mark.parametrize("profile", PROFILES)
def test_openssl_names_the_algorithms_of_a_profile(openssl, reads, chain, profile):
    reads(profile)
    legacy = WITH_LEGACY if profile == "LegacyRC2" else []
    store = written(profile, chain, [])
    shown = openssl("pkcs12", *legacy, "-info", "-noout", "-in", "{s}", "-passin", "pass:changeit", s=store)
    aes = "PBES2, PBKDF2, AES-256-CBC, Iteration 2048, PRF hmacWithSHA256"
    weak = "MAC: sha1, Iteration 1\nMAC length: 20, salt length: 8"
    mac, inside, key = {
        "LegacyRC2": (weak, "pbeWithSHA1And40BitRC2-CBC, Iteration 2048", "pbeWithSHA1And3-KeyTripleDES-CBC"),
        "LegacyDES": (weak, "pbeWithSHA1And3-KeyTripleDES-CBC, Iteration 2048", "pbeWithSHA1And3-Key"),
        "Modern2023": ("MAC: sha256, Iteration 2048\nMAC length: 32, salt length: 16", aes, aes),
        "Modern2026": ("PBMAC1 using PBKDF2, Iteration 2048", aes, aes),
    }[profile]
    assert mac in shown
    assert f"PKCS7 Encrypted data: {inside}" in shown
    assert f"Shrouded Keybag: {key}" in shown


# --- keytool --------------------------------------------------------------------------------------

JAVA_READS = [profile for profile in PROFILES if profile != PBMAC1]


@pytest.mark.parametrize("profile", JAVA_READS)
def test_keytool_reads_a_keystore(keytool, chain, authorities, profile):
    _, issued = chain
    store = written(profile, chain, authorities, "x")
    listed = keytool("-list", "-rfc", "-keystore", "{store}", "-storepass", "x", store=store)
    assert listed.count("Entry type: PrivateKeyEntry") == 1
    # Java follows the issuers from the leaf and leaves out what is not above it.
    assert ders(certificates(listed.encode())) == ders([*issued, *authorities[:1]])
    wrong = keytool.refusal("-list", "-keystore", "{store}", "-storepass", "y", store=store)
    assert "password was incorrect" in wrong


@pytest.mark.parametrize("profile", JAVA_READS)
def test_keytool_trusts_what_is_in_a_truststore(keytool, authorities, profile):
    store = pkcs12.truststore(profile, authorities, "changeit", os.urandom)
    listed = keytool("-list", "-rfc", "-keystore", "{store}", "-storepass", "changeit", store=store)
    assert re.findall("Alias name: (.*)", listed) == ["cn=another root", "cn=root"]
    assert listed.count("Entry type: trustedCertEntry") == 2
    assert sorted(ders(certificates(listed.encode()))) == sorted(ders(authorities))


def test_keytool_trusts_authorities_of_one_name(keytool, make_root):
    twins = [each for twin in (make_root("twin"), make_root("Twin")) for each in certificates(twin.chain_pem)]
    store = pkcs12.truststore("", twins, "changeit", os.urandom)
    listed = keytool("-list", "-keystore", "{store}", "-storepass", "changeit", store=store)
    assert listed.count("trustedCertEntry") == 2


@pytest.mark.parametrize(("algorithm", "size", "encoding"), KINDS)
def test_keytool_exports_the_key(keytool, root, algorithm, size, encoding):
    key = keys.encode(keys.generate(algorithm, size), encoding)
    spec = {"algorithm": algorithm, "size": size}
    issued = root.issue(key, dnsNames=["a.example"], privateKey=spec)
    store = written("Modern2023", (key, certificates(issued.chain_pem)), certificates(issued.ca_pem))
    target = keytool.folder / "exported.p12"
    source = ["-srckeystore", "{store}", "-srcstoretype", "PKCS12", "-srcstorepass", "changeit"]
    destination = ["-destkeystore", str(target), "-deststoretype", "PKCS12", "-deststorepass", "exported"]
    keytool("-importkeystore", *source, *destination, store=store)
    assert loaded_key(target.read_bytes(), "exported") == keys.pkcs8(key)


def _certificates_in(shown: str) -> bytes:
    return "".join(
        re.findall("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", shown, re.DOTALL)
    ).encode()
