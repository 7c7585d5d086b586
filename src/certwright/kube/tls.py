"""SSL contexts for a cluster, made anew when the files behind them change. It opens no connection."""

import contextlib
import logging
import os
import ssl
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from certwright.kube.cluster import ConfigError, Source, Tls

log = logging.getLogger(__name__)

_CHECK_EVERY = 5.0

Fingerprint = tuple[tuple[int, int, int] | None, ...]
PemPair = tuple[bytes, bytes]
"""A client certificate (with chain) and its key, both PEM."""


class TlsContexts:
    """Gives the context for new connections. Connections that are open keep the one they were made with.

    `now` gives seconds on any steady scale. Raises ConfigError when the settings are no good at first;
    later, while a file is being replaced, the context made last stays in use.
    """

    def __init__(self, settings: Tls, now: Callable[[], float]) -> None:
        self._settings = settings
        self._now = now
        sources = (settings.ca, settings.certificate, settings.key)
        self._files = tuple(source.file for source in sources if source and source.file)
        self._pair: PemPair | None = None
        self._stamp = _fingerprint(self._files)
        self._checked = now()
        self._context = _make(settings, None)

    def current(self, pair: PemPair | None = None) -> ssl.SSLContext:
        """The context as of now; `pair` is a client certificate from a credential plugin."""
        stamp = self._stamp
        if self._files and self._now() - self._checked >= _CHECK_EVERY:
            self._checked = self._now()
            stamp = _fingerprint(self._files)
        if stamp == self._stamp and pair == self._pair:
            return self._context
        try:
            self._context = _make(self._settings, pair)
        except ConfigError as error:
            log.warning("keeping the TLS settings read before: %s", error)
            return self._context
        self._stamp, self._pair = stamp, pair
        return self._context


def _fingerprint(files: tuple[Path, ...]) -> Fingerprint:
    return tuple(_file_stamp(file) for file in files)


def _file_stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        info = file.stat()
    except OSError:
        return None
    return (info.st_mtime_ns, info.st_ino, info.st_size)


def _make(settings: Tls, pair: PemPair | None) -> ssl.SSLContext:
    if settings.insecure:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context = ssl.create_default_context(cadata=_ca_text(settings.ca) if settings.ca else None)
        # As Go does: a certificate in the CA file is trusted even if it is no root, and old cluster CAs
        # that lack newer extensions are good enough.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if pair is not None:
        _load_pair(context, "credential plugin", pair)
    elif settings.certificate is not None and settings.key is not None:
        _load_pair(context, settings.certificate.label, (settings.certificate.read(), settings.key.read()))
    return context


def _ca_text(source: Source) -> str:
    """The PEM text of the CAs, known to hold at least one certificate. Raises ConfigError."""
    body = source.read()
    try:
        text = body.decode("ascii") or "empty"
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (UnicodeDecodeError, ssl.SSLError):
        raise ConfigError(f"{source.label} holds no PEM certificate") from None
    return text


def _load_pair(context: ssl.SSLContext, label: str, pair: PemPair) -> None:
    with _as_files(pair) as (certificate, key):
        try:
            context.load_cert_chain(certificate, key, password=_no_password)
        except (ssl.SSLError, ValueError) as error:
            reason = getattr(error, "reason", "") or ""
            if "MISMATCH" in reason:
                raise ConfigError(f"{label}: the certificate and the key do not belong together") from None
            raise ConfigError(f"{label}: not a PEM certificate with its unencrypted PEM key") from None


def _no_password() -> str:
    return ""


@contextlib.contextmanager
def _as_files(pair: PemPair) -> Iterator[tuple[str, str]]:
    """Paths to read the pair from, since OpenSSL wants files: in memory where the system can do that."""
    if hasattr(os, "memfd_create") and Path("/proc/self/fd").exists():
        with _memory_file(pair[0]) as certificate, _memory_file(pair[1]) as key:
            yield certificate, key
        return
    with tempfile.TemporaryDirectory() as directory:
        paths = (Path(directory, "tls.crt"), Path(directory, "tls.key"))
        for path, content in zip(paths, pair, strict=True):
            path.touch(0o600)
            path.write_bytes(content)
        yield str(paths[0]), str(paths[1])


@contextlib.contextmanager
def _memory_file(content: bytes) -> Iterator[str]:
    descriptor = os.memfd_create("pem")
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(content)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
