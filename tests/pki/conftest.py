"""Recorded issuances of cert-manager (see golden/), one by one.

Each file holds a Certificate's spec, the request made for it, what the issuer in use returned, the CA's
Secret, the target Secret and the times in status. `=request` and `=key` in the Secret mean: the same bytes
as there. All keys are throw-away.
"""

from base64 import b64decode
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from certwright.api.certmanager import CertificateRequest, CertificateSpec

FILES = sorted((Path(__file__).parent / "golden").glob("*.yaml"))


class Golden:
    def __init__(self, path: Path) -> None:
        self.name = path.stem
        self._recorded: dict[str, Any] = yaml.load(path.read_text(), yaml.CSafeLoader)
        self.spec = msgspec.convert(self._recorded["spec"], CertificateSpec)
        self.issuer: dict[str, Any] = self._recorded.get("issuer") or {}
        self.ca_secret = {key: text.encode() for key, text in self._recorded.get("caSecret", {}).items()}
        self.annotations: dict[str, str] = self._recorded.get("secret", {}).get("annotations", {})
        self.keystores: list[str] = self._recorded.get("secret", {}).get("keystores", [])

    @property
    def key(self) -> bytes:
        return self._text("key").encode()

    @property
    def key_is_stored(self) -> bool:
        """Whether `key` is from the target Secret, in the encoding of the spec; else it is the next key."""
        return bool(self._recorded.get("keyIn") == "target")

    @property
    def request(self) -> CertificateRequest:
        recorded = self._part("request")
        return msgspec.convert(
            {"metadata": {"name": "a-1"}, "spec": recorded["spec"] | {"request": recorded["csr"].encode()}},
            CertificateRequest,
            builtin_types=(bytes,),
        )

    @property
    def certificate(self) -> bytes:
        return self._issued("certificate")

    @property
    def ca(self) -> bytes:
        return self._issued("ca")

    @property
    def secret_data(self) -> dict[str, bytes]:
        names = {"tls.crt": "certificate", "ca.crt": "ca"}
        data = {}
        for key, text in self._part("secret")["data"].items():
            if text == "=request":
                data[key] = self._issued(names[key])
            elif text == "=key":
                data[key] = self.key
            else:
                data[key] = b64decode(text) if key == "key.der" else text.encode()
        return data

    def time(self, name: str) -> datetime | None:
        text = self._recorded["status"].get(name)
        return datetime.fromisoformat(text) if text else None

    def _part(self, name: str) -> Any:
        if name not in self._recorded:
            pytest.skip(f"nothing recorded for {name}")
        return self._recorded[name]

    def _text(self, name: str) -> str:
        return str(self._part(name))

    def _issued(self, name: str) -> bytes:
        text = self._part("request").get(name)
        if text is None:
            pytest.skip("no certificate was issued")
        return str(text).encode()


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def golden(request: pytest.FixtureRequest) -> Golden:
    return Golden(request.param)


@pytest.fixture
def recorded():
    """One recorded issuance by name."""
    return lambda name: Golden(Path(__file__).parent / "golden" / f"{name}.yaml")
