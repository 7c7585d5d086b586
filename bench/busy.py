"""What the chaos scenario is about: authorities, busy Certificates, how each must be in the end."""

from base64 import b64decode
from typing import Any

from cryptography import x509

from bench.ledger import Object

CAS = 3
SHORT = {"duration": "1h", "renewBefore": "59m54s"}
"""Renewed every six seconds."""
BUSIER = {"certwright.dev/requests-per-hour": "0"}
"""Such haste is beyond the budget that a Certificate has."""
CALM: dict[str, Any] = {"duration": "1h", "renewBefore": None}
"""As a merge patch: renewed no more while anyone looks."""


def unfinished(certificate: Object, secret: Object | None, requests: list[Object]) -> str:
    """Why a Certificate is not as it must be when all is quiet; empty if it is."""
    conditions = {each["type"]: each for each in certificate.get("status", {}).get("conditions", [])}
    ready = conditions.get("Ready", {})
    if ready.get("status") != "True" or "Issuing" in conditions:
        issuing = conditions.get("Issuing", {}).get("message", "not")
        return f"{ready.get('message', 'not looked at')} (Issuing: {issuing})"
    if ready.get("observedGeneration") != certificate["metadata"]["generation"]:
        return "its newest spec was not looked at"
    if secret is None:
        return "it has no Secret"
    if set(certificate["spec"].get("dnsNames", [])) != set(_dns_names(b64decode(secret["data"]["tls.crt"]))):
        return "its certificate has other names"
    revision = str(certificate["status"].get("revision"))
    found = [each["metadata"]["annotations"].get("cert-manager.io/certificate-revision") for each in requests]
    return "" if found == [revision] else f"requests of revisions {found} at revision {revision}"


def _dns_names(chain: bytes) -> list[str]:
    try:
        names = x509.load_pem_x509_certificate(chain).extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
    except x509.ExtensionNotFound:
        return []
    return names.value.get_values_for_type(x509.DNSName)


def owner(request: Object) -> str:
    return str(next((each["uid"] for each in request["metadata"].get("ownerReferences", [])), ""))


def authorities() -> str:
    """Manifests: a self-signed issuer, and CAs made by it with an issuer each."""
    text = "apiVersion: cert-manager.io/v1\nkind: Issuer\nmetadata: {name: root}\nspec: {selfSigned: {}}\n"
    for number in range(CAS):
        text += f"""---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {{name: ca-{number}}}
spec:
  secretName: ca-{number}
  isCA: true
  commonName: CA {number}
  privateKey: {{algorithm: ECDSA}}
  issuerRef: {{name: root}}
---
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {{name: ca-{number}}}
spec: {{ca: {{secretName: ca-{number}}}}}
"""
    return text


def certificate(number: int, namespace: str) -> dict[str, Any]:
    """One of the busy Certificates: some renew themselves all the time, some are RSA, some keep their key."""
    name = f"busy-{number:03d}"
    key: dict[str, Any] = {"algorithm": "RSA", "size": 2048} if number % 20 == 7 else {"algorithm": "ECDSA"}
    if number % 9 == 4:
        key["rotationPolicy"] = "Never"
    spec: dict[str, Any] = {
        "secretName": f"{name}-tls",
        "privateKey": key,
        "issuerRef": {"name": f"ca-{number % CAS}"},
    }
    if number % 7 == 0:
        spec |= SHORT
    return {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": {"name": name, "namespace": namespace, "annotations": BUSIER},
        "spec": spec,
    }
