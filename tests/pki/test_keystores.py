"""Which keystores a spec asks for, and when a stored one is kept as it is."""

import itertools
import os

import pytest

from certwright.pki import keys, keystores, pkcs12
from certwright.pki.errors import CertificateDecodeError, KeystoreError
from certwright.pki.keystores import Passwords, Source

BOTH = Passwords(jks="changeit", pkcs12="changeit")
ALL = ["keystore.p12", "truststore.p12", "keystore.jks", "truststore.jks"]
TIMES = itertools.count(1_795_225_733_482)
SOURCE = Source(os.urandom, lambda: next(TIMES))


@pytest.fixture(scope="module")
def pair(root):
    key = keys.generate("ECDSA")
    return key, root.issue(key, dnsNames=["a.example"])


def wish(spec, jks=None, pkcs12=None):
    created = {"create": True, "password": "changeit"}
    return spec(keystores={"jks": created | (jks or {}), "pkcs12": created | (pkcs12 or {})})


def made(wanted, pair, passwords=BOTH, stored=None, source=SOURCE):
    key, issued = pair
    return keystores.entries(wanted, key, issued.chain_pem, issued.ca_pem, passwords, source, stored)


def test_nothing_is_made_without_a_wish(spec, pair):
    unwanted = spec(keystores={"jks": {"create": False, "password": "x"}})
    assert made(spec(), pair) == {}
    assert made(unwanted, pair) == {}
    assert keystores.wanted(unwanted) == {}


def test_each_format_has_a_keystore_and_a_truststore(spec, pair):
    assert list(made(wish(spec), pair)) == ALL


def test_there_is_no_truststore_without_a_ca(spec, pair):
    key, issued = pair
    found = keystores.entries(wish(spec), key, issued.chain_pem, b"", BOTH, SOURCE)
    assert list(found) == ["keystore.p12", "keystore.jks"]


def test_a_keystore_without_a_password_is_refused(spec, pair):
    with pytest.raises(KeystoreError, match=r"spec\.keystores\.jks has no password"):
        made(wish(spec), pair, Passwords(pkcs12="x"))


def test_a_ca_that_cannot_be_read_is_refused(spec, pair):
    key, issued = pair
    with pytest.raises(CertificateDecodeError):
        keystores.entries(wish(spec), key, issued.chain_pem, b"junk", BOTH, SOURCE)


@pytest.mark.parametrize("profile", pkcs12.PROFILES)
def test_what_is_stored_is_kept_while_nothing_changes(spec, pair, profile):
    wanted = wish(spec, pkcs12={"profile": profile})
    stored = made(wanted, pair)
    assert made(wanted, pair) != stored
    assert made(wanted, pair, stored=stored) == stored


@pytest.mark.parametrize(
    ("change", "renewed"),
    [
        ({"passwords": Passwords(jks="changeit", pkcs12="changed!")}, ALL[:2]),
        ({"passwords": Passwords(jks="changed!", pkcs12="changeit")}, ALL[2:]),
        ({"pkcs12": {"profile": "LegacyDES"}}, ALL[:2]),
        ({"pkcs12": {"profile": "Modern2026"}}, ALL[:2]),
        ({"jks": {"alias": "certificats"}}, ALL[2:3]),
        ({"jks": {"alias": "x"}}, ALL[2:3]),
    ],
)
def test_what_says_something_else_is_made_anew(spec, pair, change, renewed):
    stored = made(wish(spec), pair)
    wanted = wish(spec, change.get("jks"), change.get("pkcs12"))
    found = made(wanted, pair, change.get("passwords", BOTH), stored)
    assert [name for name in found if found[name] != stored[name]] == renewed


def test_a_new_certificate_or_ca_is_put_into_new_keystores(spec, pair, root, make_root):
    wanted = wish(spec)
    stored = made(wanted, pair)
    key, issued = pair
    renewed = made(wanted, (key, root.issue(key, dnsNames=["a.example"])), stored=stored)
    assert [name for name in renewed if renewed[name] != stored[name]] == [ALL[0], ALL[2]]
    other = make_root("root").chain_pem
    changed = keystores.entries(wanted, key, issued.chain_pem, other, BOTH, SOURCE, stored)
    assert all(changed[name] != stored[name] for name in ALL)


@pytest.mark.parametrize("name", ALL)
def test_a_keystore_that_somebody_broke_is_made_anew(spec, pair, name):
    wanted = wish(spec)
    stored = made(wanted, pair)
    for at in range(0, len(stored[name]), 29):
        broken = bytearray(stored[name])
        broken[at] ^= 0x01
        found = made(wanted, pair, stored=stored | {name: bytes(broken)})
        assert found[name] != bytes(broken), f"byte {at} of {name} was changed and kept"
    cut = made(wanted, pair, stored={name: stored[name][:-1]})
    assert len(cut[name]) == len(stored[name])


def test_passwords_are_shown_by_no_repr():
    assert "changeit" not in repr(BOTH)
