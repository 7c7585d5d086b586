"""Builds worlds for plans from the short form of the YAML cases. Private keys are letters."""

import hashlib
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from certwright.api.annotations import TARGET_SECRET_MANAGER
from certwright.api.certmanager import Certificate, CertificateRequest, CertificateSpec, Issuer
from certwright.api.codec import convert, decode, encode
from certwright.api.duration import parse_duration
from certwright.api.foreign import Secret
from certwright.api.outcomes import Checked
from certwright.pki import csr, sign
from certwright.pki.certificate import parse_certificate
from certwright.pki.keys import public_key_of_private
from certwright.pki.temporary import temporary_certificate
from certwright.plan import target_secret
from certwright.plan.secret_facts import secret_facts
from certwright.plan.world import (
    CertificateWorld,
    HeldKey,
    IssuerWorld,
    KeystorePassword,
    Policy,
    Recent,
    RequestWorld,
    SecretFacts,
)

OWNERS = {
    "web": {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "name": "web",
        "uid": "uid-web",
        "controller": True,
        "blockOwnerDeletion": True,
    },
    "web, tampered with": {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "name": "evil",
        "uid": "uid-web",
        "controller": True,
        "blockOwnerDeletion": True,
    },
    "somebody": {"apiVersion": "v1", "kind": "ConfigMap", "name": "somebody", "uid": "uid-somebody"},
}
CURVES = {256: ec.SECP256R1(), 384: ec.SECP384R1()}


@lru_cache
def private_key(letter: str) -> bytes:
    """A P-256 key that depends on the letter only; `A384` is one on P-384."""
    curve = CURVES[int(letter[1:] or 256)]
    number = int.from_bytes(hashlib.sha256(letter.encode()).digest(), "big")
    return ec.derive_private_key(number, curve).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


class Worlds:
    """Makes the objects of one case: `now` is the time of the case, `base` the Certificate's own spec."""

    private_key = staticmethod(private_key)

    def __init__(self, case: dict[str, Any]) -> None:
        self.now = datetime.fromisoformat(case.get("now", "2026-01-01T00:00:00Z")).astimezone(UTC)
        self.case = case

    def certificate(self, short: dict[str, Any] | None = None) -> Certificate:
        """A Certificate `web` in namespace `shop`, for web.example by Issuer `ca`, P-256."""
        short = short or {}
        meta = {"name": "web", "namespace": "shop", "uid": "uid-web", "generation": 1, "resourceVersion": "7"}
        spec = {
            "secretName": "web-tls",
            "dnsNames": ["web.example"],
            "issuerRef": {"name": "ca"},
            "privateKey": {"algorithm": "ECDSA"},
        }
        return convert(
            {
                "apiVersion": "cert-manager.io/v1",
                "kind": "Certificate",
                "metadata": meta | short.get("metadata", {}),
                "spec": {k: v for k, v in (spec | short.get("spec", {})).items() if v is not None},
                "status": short.get("status", {}),
            },
            Certificate,
        )

    def request(self, short: dict[str, Any], certificate: Certificate) -> CertificateRequest:
        """A CertificateRequest; `key` is the letter, `spec` overrides what was asked for then, `csr` is text
        in place of a PKCS#10 request. Annotations that are null are not there.
        """
        base = dict(self.case.get("certificate") or {})
        was = self.certificate(base | {"spec": base.get("spec", {}) | short.get("spec", {})})
        name = short.get("name", f"{certificate.metadata.name}-{short['revision']}")
        request = short["csr"].encode() if "csr" in short else _csr(encode(was.spec), short["key"])
        owner = target_secret.owner_reference(certificate)
        annotations = {
            "cert-manager.io/certificate-revision": str(short["revision"]),
            "cert-manager.io/private-key-secret-name": short.get("key_name", "web-next"),
        }
        ref = {"name": was.spec.issuer_ref.name}
        body: dict[str, Any] = {
            "metadata": {
                "name": name,
                "namespace": "shop",
                "uid": f"uid-{name}",
                "annotations": _overridden(annotations, short.get("annotations", {})),
                "ownerReferences": [
                    {
                        "apiVersion": owner.api_version,
                        "kind": owner.kind,
                        "name": owner.name,
                        "uid": owner.uid,
                        "controller": True,
                    }
                ],
            }
            | short.get("metadata", {}),
            "spec": {"request": request, "issuerRef": ref | short.get("issuer", {})},
            "status": {k: v for k, v in short.get("status", {}).items() if k != "certificate"},
        }
        if was.spec.usages is not None:
            body["spec"]["usages"] = list(was.spec.usages)
        if was.spec.duration:
            body["spec"]["duration"] = was.spec.duration
        issued = short.get("status", {}).get("certificate")
        if isinstance(issued, str):
            body["status"]["certificate"] = issued.encode()
        elif issued:
            body["status"]["certificate"] = self.chain(issued | {"spec": short.get("spec", {})})
        return convert(body, CertificateRequest)

    def chain(self, short: dict[str, Any]) -> bytes:
        """A certificate for the case's spec: `key`, `from` (a time) and `for` (a duration), or a
        `temporary` one.
        """
        base = dict(self.case.get("certificate") or {})
        was = self.certificate(base | {"spec": base.get("spec", {}) | short.get("spec", {})})
        start = datetime.fromisoformat(short.get("from", "2025-12-31T00:00:00Z")).astimezone(UTC)
        if short.get("temporary"):
            return _temporary(encode(was.spec), short["key"], start)
        return _chain(encode(was.spec), short["key"], start, short.get("for", "2160h"))

    def secret(self, short: dict[str, Any] | None, name: str = "web-tls") -> SecretFacts | None:
        """The facts of a Secret."""
        return None if short is None else secret_facts(self.whole_secret(short, name))

    def whole_secret(self, short: dict[str, Any], name: str = "web-tls") -> Secret:
        """A Secret. By default it is one that we wrote: annotated, labelled and owned.

        What is in `foreign_data` belongs to somebody else. `written_by` maps other field managers to the data
        keys that they own; `owners` are names of `OWNERS`.
        """
        data: dict[str, bytes] = {k: v.encode() for k, v in short.get("data", {}).items()}
        if "key" in short:
            data["tls.key"] = private_key(short["key"])
        labels: dict[str, str] = {"controller.cert-manager.io/fao": "true"}
        annotations: dict[str, str] = {}
        if "certificate" in short:
            data["tls.crt"] = self.chain(short["certificate"])
            facts = parse_certificate(data["tls.crt"])
            annotations = target_secret.detail_annotations(facts) | {
                "cert-manager.io/certificate-name": "web"
            }
            if not short["certificate"].get("temporary"):
                annotations |= {
                    "cert-manager.io/issuer-name": "ca",
                    "cert-manager.io/issuer-kind": "",
                    "cert-manager.io/issuer-group": "",
                }
        annotations = _overridden(annotations, short.get("annotations", {}))
        labels = _overridden(labels, short.get("labels", {}))
        foreign = {k: v.encode() for k, v in short.get("foreign_data", {}).items()}
        fields = {
            "f:data": {f"f:{key}": {} for key in data},
            "f:metadata": {
                "f:labels": {f"f:{key}": {} for key in labels},
                "f:annotations": {f"f:{key}": {} for key in annotations},
            },
        }
        owners = [OWNERS[name] for name in short.get("owners", [])]
        if owners:
            uids = {f'k:{{"uid":"{owner["uid"]}"}}': {} for owner in owners if owner["uid"] == "uid-web"}
            fields["f:metadata"]["f:ownerReferences"] = uids
        managed = [{"manager": TARGET_SECRET_MANAGER, "operation": "Apply", "fieldsV1": fields}]
        managed = managed if short.get("ours", True) else []
        for manager, keys in short.get("written_by", {}).items():
            theirs = {"f:data": {f"f:{key}": {} for key in keys}}
            managed.append({"manager": manager, "operation": "Update", "fieldsV1": theirs})
        meta = {
            "deletionTimestamp": short.get("deletionTimestamp"),
            "name": short.get("name", name),
            "namespace": "shop",
            "uid": f"uid-{short.get('name', name)}",
            "labels": labels,
            "annotations": annotations,
            "managedFields": managed,
            "ownerReferences": owners,
        }
        type_ = short.get("type", "kubernetes.io/tls")
        return convert({"metadata": meta, "type": type_, "data": data | foreign}, Secret)

    def certificate_world(self) -> CertificateWorld:
        """The world of the case, for a Certificate."""
        case = self.case
        certificate = self.certificate(case.get("certificate"))
        held = case.get("held_key")
        return CertificateWorld(
            certificate=certificate,
            secret=self.secret(case.get("secret")),
            requests=tuple(self.request(r, certificate) for r in case.get("requests", [])),
            next_keys=tuple(
                facts for s in case.get("next_keys", []) if (facts := self.secret(s, "web-next")) is not None
            ),
            held_key=HeldKey(held["name"], public_key_of_private(private_key(held["key"]))) if held else None,
            rivals=tuple(self.certificate(c) for c in case.get("rivals", [])),
            signs_in_process=case.get("signs_in_process", True),
            passwords=tuple(KeystorePassword(**p) for p in case.get("passwords", [])),
            recent=_recent(case.get("recent", {})),
        )

    def request_world(self) -> RequestWorld:
        """The world of the case, for a CertificateRequest."""
        certificate = self.certificate(self.case.get("certificate"))
        issuer = self.case.get("issuer")
        held = self.case.get("held_until")
        return RequestWorld(
            self.request({"revision": 1, "key": "A"} | self.case["request"], certificate),
            self.issuer(issuer) if issuer else None,
            self.case.get("issuer_kind", "Issuer"),
            self.case.get("kind_served", True),
            self.case.get("approval_refused", False),
            datetime.fromisoformat(held) if held else None,
            self.case.get("refusal", ""),
        )

    def issuer(self, short: dict[str, Any]) -> Issuer:
        """An Issuer `ca` of namespace `shop`."""
        meta = {"name": "ca", "namespace": "shop", "uid": "uid-ca", "generation": 1}
        return convert(
            {
                "apiVersion": "cert-manager.io/v1",
                "kind": "Issuer",
                "metadata": meta | short.get("metadata", {}),
                "spec": short.get("spec", {"ca": {"secretName": "ca"}}),
                "status": short.get("status", {}),
            },
            Issuer,
        )

    def issuer_world(self) -> IssuerWorld:
        """The world of the case, for an issuer."""
        return IssuerWorld(
            self.issuer(self.case.get("issuer", {})),
            Checked(**self.case["checked"]),
            self.case.get("kind", "Issuer"),
        )

    def policy(self) -> Policy:
        """The settings of the case; renewals are not spread unless it says so. Backoffs are in hours."""
        given = {"renewal_spread": 0.0} | self.case.get("policy", {})
        settings = {k: timedelta(hours=v) if k.endswith("_backoff") else v for k, v in given.items()}
        return Policy(**settings | {"inactive": frozenset(settings.get("inactive", ()))})


@lru_cache
def _csr(spec: bytes, letter: str) -> bytes:
    """Made once, since ECDSA signatures differ each time."""
    return csr.build_request(decode(spec, CertificateSpec), private_key(letter))


@lru_cache
def _chain(spec: bytes, letter: str, start: datetime, duration: str) -> bytes:
    request, key = _csr(spec, letter), private_key(letter)
    lifetime = parse_duration(duration)
    return sign.self_sign(request, key, usages=None, is_ca=False, duration=lifetime, now=start).chain_pem


@lru_cache
def _temporary(spec: bytes, letter: str, start: datetime) -> bytes:
    lifetime = timedelta(days=90)
    return temporary_certificate(_csr(spec, letter), usages=None, is_ca=False, duration=lifetime, now=start)


def _recent(short: dict[str, Any]) -> Recent:
    """Times of `requests`, and of `repairs` for the generation that the Certificate of the case has: 1."""
    return Recent(
        tuple(datetime.fromisoformat(text) for text in short.get("requests", [])),
        tuple((1, datetime.fromisoformat(text)) for text in short.get("repairs", [])),
    )


def _overridden(values: dict[str, str], changes: dict[str, str | None]) -> dict[str, str]:
    return {k: v for k, v in (values | changes).items() if v is not None}


class _Loader(yaml.SafeLoader):
    """YAML without timestamps: times stay the text they are."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@pytest.fixture(scope="session")
def worlds() -> type[Worlds]:
    return Worlds


def load_cases(text: str) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = yaml.load(text, Loader=_Loader)
    return cases


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `case` runs once for each case of cases/<what follows test_>/*.yaml."""
    if "case" not in metafunc.fixturenames:
        return
    name = metafunc.module.__name__.rpartition(".")[2].removeprefix("test_")
    files = sorted((metafunc.config.rootpath / "tests/plan/cases" / name).glob("*.yaml"))
    cases = {f"{file.stem}: {case['name']}": case for file in files for case in load_cases(file.read_text())}
    metafunc.parametrize("case", cases.values(), ids=cases.keys())
