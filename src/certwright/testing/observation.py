"""What an implementation of the API can be seen to have done, without what differs from run to run.

Reduces objects (as dicts of the wire form) to what is contract: no uids, times, random names, keys or serial
numbers. Two implementations that were asked for the same agree when their observations are equal.
"""

import base64
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, rsa

from certwright.api import annotations as ann
from certwright.pki.certificate import parse_certificate
from certwright.pki.keys import public_key_of_private
from certwright.testing.keystore_facts import of_jks, of_pkcs12

_RANDOM_SUFFIX = re.compile(r"\b([a-z0-9.-]+-)[bcdfghjklmnpqrstvwxz2456789]{5}\b")
_KEY_IDENTIFIERS = {"2.5.29.14", "2.5.29.35"}
_FROM_ADMISSION = ("username", "uid", "groups", "extra", "request")

Object = Mapping[str, Any]
Observed = dict[str, Any]


def certificate(obj: Object) -> Observed:
    """A Certificate's status, times as spans in seconds."""
    status = obj.get("status") or {}
    seen: Observed = {"conditions": _conditions(status)}
    for field in ("revision", "failedIssuanceAttempts"):
        if field in status:
            seen[field] = status[field]
    if status.get("nextPrivateKeySecretName"):
        seen["nextPrivateKeySecretName"] = without_random(status["nextPrivateKeySecretName"])
    seen["failed"] = "lastFailureTime" in status
    if "notAfter" in status:
        seen["lifetime"] = _span(status["notBefore"], status["notAfter"])
    windows = (obj["spec"].get("renewal") or {}).get("windows")
    if "renewalTime" in status and not windows:  # windows depend on the time of day
        seen["renewedAfter"] = _span(status["notBefore"], status["renewalTime"])
    return seen


def request(obj: Object) -> Observed:
    """A CertificateRequest, without the request itself and without who made it."""
    metadata, status = obj["metadata"], obj.get("status") or {}
    return {
        "labels": metadata.get("labels") or {},
        "annotations": {k: without_random(v) for k, v in (metadata.get("annotations") or {}).items()},
        "owners": [{k: v for k, v in o.items() if k != "uid"} for o in metadata.get("ownerReferences") or ()],
        "spec": {key: value for key, value in obj["spec"].items() if key not in _FROM_ADMISSION},
        "conditions": _conditions(status),
        "holds": [field for field in ("ca", "certificate", "failureTime") if status.get(field)],
    }


def secret(obj: Object, password: str = "") -> Observed:
    """A Secret that was written for a Certificate: metadata, who owns which field, facts of key and chain.

    With the `password` of its PKCS#12 keystores it is seen as well what these hold.
    """
    metadata = obj["metadata"]
    data = {key: base64.b64decode(value) for key, value in (obj.get("data") or {}).items()}
    seen: Observed = {
        "type": obj.get("type", ""),
        "labels": metadata.get("labels") or {},
        "annotations": metadata.get("annotations") or {},
        "owners": [owner["name"] for owner in metadata.get("ownerReferences") or ()],
        "data": sorted(data),
        "managers": _managers(metadata.get("managedFields") or ()),
    }
    if data.get("tls.key"):
        seen["key"] = _key(data["tls.key"])
    if data.get("tls.crt"):
        leaf, *above = x509.load_pem_x509_certificates(data["tls.crt"])
        seen["certificate"] = _facts(leaf)
        seen["chain"] = [each.subject.rfc4514_string() for each in above]
        if data.get("tls.key"):
            issued_for = parse_certificate(data["tls.crt"]).public_key
            seen["pair"] = public_key_of_private(data["tls.key"]) == issued_for
    if data.get("ca.crt"):
        (authority,) = x509.load_pem_x509_certificates(data["ca.crt"])
        seen["ca"] = authority.subject.rfc4514_string()
    stores = {key: value for key, value in data.items() if key.endswith((".jks", ".p12"))}
    if stores:
        seen["keystores"] = {
            key: of_jks(store) if key.endswith(".jks") else of_pkcs12(store, password)
            for key, store in sorted(stores.items())
        }
    return seen


def event(kind: str, name: str, type_: str, reason: str, message: str, component: str) -> str:
    """An event in one line."""
    text = without_random(message)
    return f"{kind}/{name} {type_} {reason} [{component.removeprefix('cert-manager-')}]: {text.strip()}"


def is_ours(obj: Object) -> bool:
    """Whether a Secret was written for a Certificate."""
    return (obj["metadata"].get("labels") or {}).get(ann.PART_OF) == "true"


def without_random(text: str) -> str:
    """The text with the random ends of names replaced by `*`."""
    return _RANDOM_SUFFIX.sub(r"\1*", text)


def _conditions(status: Object) -> list[Observed]:
    found = [
        {k: v for k, v in c.items() if k != "lastTransitionTime"} for c in status.get("conditions") or ()
    ]
    return sorted(found, key=lambda condition: str(condition["type"]))


def _managers(entries: Iterable[Object]) -> Observed:
    return {
        f"{entry['manager']} {entry['operation']}": sorted(_leaves(entry["fieldsV1"])) for entry in entries
    }


def _leaves(fields: Object, path: str = "") -> list[str]:
    leaves: list[str] = []
    for name, below in fields.items():
        if name == ".":
            continue
        here = f"{path}/{name.removeprefix('f:')}"
        here = re.sub(r'k:\{"uid":"[^"]*"\}', "uid", here)
        leaves += _leaves(below, here) if below and set(below) != {"."} else [here]
    return leaves


def _key(pem: bytes) -> Observed:
    label = pem.split(b"-----")[1].decode().removeprefix("BEGIN ")
    public = public_key_of_private(pem)
    return {"label": label, "algorithm": public.algorithm, "size": public.size}


def _facts(issued: x509.Certificate) -> Observed:
    key = issued.public_key()
    kinds: tuple[tuple[type[Any], str], ...] = (
        (rsa.RSAPublicKey, "RSA"),
        (ec.EllipticCurvePublicKey, "ECDSA"),
        (ed25519.Ed25519PublicKey, "Ed25519"),
        (mldsa.MLDSA44PublicKey, "ML-DSA-44"),
        (mldsa.MLDSA65PublicKey, "ML-DSA-65"),
        (mldsa.MLDSA87PublicKey, "ML-DSA-87"),
    )
    seen: Observed = {
        "subject": issued.subject.rfc4514_string(),
        "issuer": issued.issuer.rfc4514_string(),
        "lifetime": int((issued.not_valid_after_utc - issued.not_valid_before_utc).total_seconds()),
        "key": next(name for kind, name in kinds if isinstance(key, kind)),
        "signature": issued.signature_algorithm_oid.dotted_string,
        "extensions": [],
    }
    for extension in issued.extensions:
        oid = extension.oid.dotted_string
        line = oid + (" critical" if extension.critical else "")
        if oid not in _KEY_IDENTIFIERS:
            line += " " + extension.value.public_bytes().hex()
        seen["extensions"].append(line)
    return seen


def _span(start: str, end: str) -> int:
    return int((datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds())
