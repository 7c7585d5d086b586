"""Questions that tests ask about objects. They read; nothing here fails a test by itself."""

import subprocess
import tempfile
from datetime import datetime
from pathlib import Path

from certwright.api import conditions
from certwright.api.certmanager import Certificate
from certwright.api.foreign import Secret
from certwright.pki.certificate import parse_certificate
from certwright.pki.errors import PKIError
from certwright.pki.keys import public_key_of_private


def is_ready(certificate: Certificate) -> bool:
    """Whether a Certificate is Ready and rests: Ready=True, and no condition Issuing=True."""
    found = certificate.status.conditions
    return conditions.has(found, "Ready") and not conditions.has(found, "Issuing")


def reason(certificate: Certificate, type_: str) -> str:
    """The reason of a condition, empty when there is no such condition."""
    condition = conditions.find(certificate.status.conditions, type_)
    return condition.reason if condition is not None else ""


def keys_match(secret: Secret) -> bool:
    """Whether a Secret holds a certificate and the private key that belongs to it."""
    try:
        key = public_key_of_private(secret.data["tls.key"])
        issued = parse_certificate(secret.data["tls.crt"]).public_key
    except (KeyError, PKIError):
        return False
    return key.spki_sha256 == issued.spki_sha256


def openssl_verify(secret: Secret, root: bytes, at: datetime | None = None) -> str:
    """What openssl says against the chain of a Secret, empty if it is good up to `root` (PEM).

    `at` is the time to judge it by, aware; the present by default.
    """
    when = ["-attime", str(int(at.timestamp()))] if at is not None else []
    with tempfile.TemporaryDirectory() as folder:
        chain, anchor = Path(folder, "chain.pem"), Path(folder, "root.pem")
        chain.write_bytes(secret.data["tls.crt"])
        anchor.write_bytes(root)
        files = ["-CAfile", str(anchor), "-untrusted", str(chain), str(chain)]
        command = ["openssl", "verify", *when, *files]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return "" if done.returncode == 0 else done.stdout + done.stderr
