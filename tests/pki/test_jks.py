"""JKS keystores, read by keytool and by a reader of our own that shares nothing with the writer."""

import hashlib
import os
import re
from dataclasses import dataclass, field

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12

from certwright.pki import der, jks, keys, pem, x509
from certwright.pki.errors import KeystoreError

KINDS = [
    ("RSA", 2048, "PKCS1"),
    ("RSA", 2048, "PKCS8"),
    ("ECDSA", 256, "PKCS1"),
    ("ECDSA", 384, "PKCS8"),
    ("ECDSA", 521, "PKCS1"),
    ("Ed25519", 0, "PKCS8"),
]
TIME = 1_795_225_733_482
KEY_ENTRY, TRUSTED_ENTRY = 1, 2


@dataclass
class Entry:
    tag: int
    time: int
    key: bytes = b""
    certificates: list[bytes] = field(default_factory=list)


class RefusedError(Exception):
    pass


def read(content: bytes, password: str) -> dict[str, Entry]:
    """The entries by alias."""
    secret = password.encode("utf-16-be")
    body, digest = content[:-20], content[-20:]
    if hashlib.sha1(secret + b"Mighty Aphrodite" + body).digest() != digest:
        raise RefusedError
    cursor = 12

    def take(size: int) -> bytes:
        nonlocal cursor
        cursor += size
        return body[cursor - size : cursor]

    def number(size: int) -> int:
        return int.from_bytes(take(size), "big")

    def certificate() -> bytes:
        assert take(number(2)) == b"X509"
        return take(number(4))

    assert body[:8] == bytes.fromhex("feedfeed00000002")
    entries: dict[str, Entry] = {}
    for _ in range(int.from_bytes(body[8:12], "big")):
        tag, alias = number(4), take(number(2)).decode("utf-8", "surrogatepass")
        assert alias not in entries
        entry = entries[alias] = Entry(tag, number(8))
        if tag == KEY_ENTRY:
            entry.key = unprotected(take(number(4)), secret)
            entry.certificates = [certificate() for _ in range(number(4))]
        else:
            entry.certificates = [certificate()]
    assert cursor == len(body)
    return entries


def unprotected(info: bytes, secret: bytes) -> bytes:
    fields = der.top(info)
    assert fields.element(der.SEQUENCE).hex() == "300e060a2b060104012a021101010500"
    protected = fields.content(der.OCTET_STRING)
    link, mixed, check = protected[:20], protected[20:-20], protected[-20:]
    key = b""
    for start in range(0, len(mixed), 20):
        link = hashlib.sha1(secret + link).digest()
        key += bytes(a ^ b for a, b in zip(mixed[start : start + 20], link, strict=False))
    assert hashlib.sha1(secret + key).digest() == check
    return key


def certificates(data: bytes) -> list[x509.X509]:
    return x509.read_pem(data, 1_000_000)


def ders(found: list[x509.X509]) -> list[bytes]:
    return [each.der for each in found]


@pytest.fixture(scope="module")
def chain(root):
    """A leaf under an intermediate, as tls.crt holds them, and its key."""
    key = keys.generate("ECDSA")
    issued = root.intermediate("middle").issue(key, dnsNames=["a.example"])
    return key, certificates(issued.chain_pem)


@pytest.fixture(scope="module")
def authorities(root, make_root):
    return certificates(root.chain_pem + make_root("another root").chain_pem)


def written(key, chain, authorities, password="changeit", alias="web"):
    entry = None if key is None else jks.KeyEntry(alias, keys.pkcs8(key), chain)
    return jks.write(entry, authorities, password, os.urandom, lambda: TIME)


def test_key_chain_and_authorities_are_entries(chain, authorities):
    key, issued = chain
    found = read(written(key, issued, authorities), "changeit")
    assert list(found) == ["web", "ca", "ca-1"]
    assert found["web"] == Entry(KEY_ENTRY, TIME, keys.pkcs8(key), ders(issued))
    assert found["ca"] == Entry(TRUSTED_ENTRY, TIME, b"", ders(authorities[:1]))
    assert found["ca-1"] == Entry(TRUSTED_ENTRY, TIME, b"", ders(authorities[1:]))


def test_a_truststore_has_authorities_only(authorities):
    assert list(read(written(None, [], authorities), "changeit")) == ["ca", "ca-1"]


@pytest.mark.parametrize(
    ("alias", "found"),
    [
        ("", ["certificate", "ca", "ca-1"]),
        ("Web Server", ["web server", "ca", "ca-1"]),
        ("CA", ["ca", "ca-1", "ca-2"]),
        ("ca-1", ["ca-1", "ca", "ca-2"]),
    ],
)
def test_the_key_keeps_its_alias_in_lower_case_and_authorities_pass_over_it(chain, authorities, alias, found):
    key, issued = chain
    entries = read(written(key, issued, authorities, alias=alias), "changeit")
    assert list(entries) == found
    assert [entry.tag for entry in entries.values()] == [KEY_ENTRY, TRUSTED_ENTRY, TRUSTED_ENTRY]


def test_an_alias_that_does_not_fit_is_refused(chain):
    key, issued = chain
    with pytest.raises(KeystoreError, match="65535"):
        written(key, issued, [], alias="é" * 32_768)


def test_texts_are_in_the_utf_8_of_java(chain):
    key, issued = chain
    assert b"\0\x0aa\xc0\x80\xed\xa0\xbd\xed\xb8\x80b" in written(key, issued, [], alias="a\0😀b")


@pytest.mark.parametrize("length", range(1, 65))
def test_a_password_of_any_length_opens_and_another_does_not(chain, authorities, length):
    key, issued = chain
    password = ("correct horse battery staple " * 3)[:length]
    store = written(key, issued, authorities, password)
    assert read(store, password)["web"].key == keys.pkcs8(key)
    with pytest.raises(RefusedError):
        read(store, password + "x")


def test_the_key_is_shown_by_no_repr(chain):
    assert "key" not in repr(jks.KeyEntry("web", b"key", [])).lower().replace("keyentry", "")


# --- keytool --------------------------------------------------------------------------------------


def exported(keytool, store: bytes, password: str, alias: str) -> bytes:
    """The private key as keytool hands it on (PKCS#8)."""
    target = keytool.folder / "exported.p12"
    target.unlink(missing_ok=True)
    source = ["-srckeystore", "{store}", "-srcstoretype", "JKS", "-srcstorepass", password]
    aliases = ["-srcalias", alias, "-destalias", alias]
    destination = ["-destkeystore", str(target), "-deststoretype", "PKCS12", "-deststorepass", "exported"]
    keytool("-importkeystore", *source, *aliases, *destination, "-destkeypass", "exported", store=store)
    key = pkcs12.load_pkcs12(target.read_bytes(), b"exported").key
    content = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return keys.pkcs8(pem.encode("PRIVATE KEY", content))


@pytest.mark.parametrize(("algorithm", "size", "encoding"), KINDS)
def test_keytool_exports_the_key(keytool, root, algorithm, size, encoding):
    key = keys.encode(keys.generate(algorithm, size), encoding)
    private_key = {"algorithm": algorithm, "size": size}
    issued = certificates(root.issue(key, dnsNames=["a.example"], privateKey=private_key).chain_pem)
    store = written(key, issued, certificates(root.chain_pem))
    assert exported(keytool, store, "changeit", "web") == keys.pkcs8(key)


@pytest.mark.parametrize("password", ["x", "12345", "a" * 64, "pässwörd €", "😀"])
def test_keytool_opens_with_the_password_and_refuses_another(keytool, chain, authorities, password):
    key, issued = chain
    store = written(key, issued, authorities, password)
    listed = keytool("-list", "-rfc", "-keystore", "{store}", "-storepass", password, store=store)
    assert re.findall("Alias name: (.*)", listed) == ["ca", "ca-1", "web"]
    assert ders(certificates(listed.encode())) == ders([*authorities, *issued])
    wrong = ["-list", "-keystore", "{store}", "-storepass", password + "x"]
    assert "password was incorrect" in keytool.refusal(*wrong, store=store)


def test_keytool_reads_a_truststore(keytool, authorities):
    store = written(None, [], authorities)
    listed = keytool("-list", "-rfc", "-keystore", "{store}", "-storepass", "changeit", store=store)
    assert listed.count("trustedCertEntry") == 2
    assert ders(certificates(listed.encode())) == ders(authorities)
