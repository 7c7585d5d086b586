import os
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from certwright.kube.cluster import ConfigError, Source, Tls
from certwright.kube.tls import TlsContexts


def inline(label: str, data: bytes) -> Source:
    return Source(label=label, data=data)


def pair_of(leaf: trustme.LeafCert) -> tuple[bytes, bytes]:
    return leaf.cert_chain_pems[0].bytes(), leaf.private_key_pem.bytes()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def time() -> list[float]:
    return [0.0]


@pytest.fixture
def clock(time: list[float]) -> Callable[[], float]:
    return lambda: time[0]


def test_a_server_is_checked_unless_told_otherwise(clock: Callable[[], float]) -> None:
    checked = TlsContexts(Tls(), clock).current()
    assert (checked.verify_mode, checked.check_hostname) == (ssl.CERT_REQUIRED, True)
    unchecked = TlsContexts(Tls(insecure=True), clock).current()
    assert (unchecked.verify_mode, unchecked.check_hostname) == (ssl.CERT_NONE, False)


def test_only_the_clusters_ca_is_trusted(clock: Callable[[], float], authority: trustme.CA) -> None:
    context = TlsContexts(Tls(ca=inline("ca", authority.cert_pem.bytes())), clock).current()
    assert len(context.get_ca_certs()) == 1


@pytest.mark.parametrize("ca", [b"", b"nonsense", b"\xff"])
def test_a_ca_that_is_none_is_refused_and_never_replaced_by_the_systems(
    clock: Callable[[], float], ca: bytes
) -> None:
    with pytest.raises(ConfigError, match="the-ca holds no PEM certificate"):
        TlsContexts(Tls(ca=inline("the-ca", ca)), clock)


def test_bad_client_certificates_are_told_apart(clock: Callable[[], float], authority: trustme.CA) -> None:
    one, other = (pair_of(authority.issue_cert(f"{name}.test")) for name in ("one", "other"))

    def load(certificate: bytes, key: bytes) -> None:
        TlsContexts(Tls(certificate=inline("client", certificate), key=inline("key", key)), clock)

    load(*one)
    with pytest.raises(ConfigError, match="client: the certificate and the key do not belong together"):
        load(one[0], other[1])
    with pytest.raises(ConfigError, match="client: not a PEM certificate with its unencrypted PEM key"):
        load(one[0], b"nonsense")


def test_a_missing_file_is_named(clock: Callable[[], float], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"ca: cannot read .*/none: No such file"):
        TlsContexts(Tls(ca=Source(label="ca", file=tmp_path / "none")), clock)


def test_an_encrypted_key_asks_nobody_for_a_password(
    clock: Callable[[], float], authority: trustme.CA
) -> None:
    from cryptography.hazmat.primitives import serialization

    certificate, key = pair_of(authority.issue_cert("a.test"))
    loaded = serialization.load_pem_private_key(key, None)
    encrypted = loaded.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"x"),
    )
    with pytest.raises(ConfigError, match="unencrypted"):
        TlsContexts(Tls(certificate=inline("c", certificate), key=inline("k", encrypted)), clock)


def test_files_that_change_give_a_new_context_and_broken_ones_keep_the_old(
    clock: Callable[[], float], time: list[float], tmp_path: Path, authority: trustme.CA
) -> None:
    file = tmp_path / "ca.crt"
    file.write_bytes(authority.cert_pem.bytes())
    contexts = TlsContexts(Tls(ca=Source(label="ca", file=file)), clock)
    first = contexts.current()
    time[0] += 60
    assert contexts.current() is first
    file.write_bytes(b"half a certif")
    time[0] += 60
    assert contexts.current() is first
    file.write_bytes(trustme.CA().cert_pem.bytes())
    os.utime(file, ns=(1, 1))
    time[0] += 60
    second = contexts.current()
    assert second is not first
    assert contexts.current() is second


def test_a_certificate_from_a_plugin_is_used(clock: Callable[[], float], authority: trustme.CA) -> None:
    contexts = TlsContexts(Tls(), clock)
    first = contexts.current()
    pair = pair_of(authority.issue_cert("a.test"))
    second = contexts.current(pair)
    assert second is not first
    assert contexts.current(pair) is second
