"""Recorded issuances of cert-manager (see golden/), one by one.

Each file holds a Certificate's spec, the request made for it, what the issuer in use returned, the CA's
Secret, the target Secret and the times in status. `=request` and `=key` in the Secret mean: the same bytes
as there; keystores are base64, and `changeit` is the password of those whose password is not in the spec. All
keys are throw-away.
"""

import os
import shutil
import subprocess
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from certwright.api.certmanager import CertificateRequest, CertificateSpec
from certwright.pki import csr, keys, keystores, sign
from certwright.pki.chain import Bundle
from certwright.pki.keystores import Passwords

FILES = sorted((Path(__file__).parent / "golden").glob("*.yaml"))


class Golden:
    def __init__(self, path: Path) -> None:
        self.name = path.stem
        self._recorded: dict[str, Any] = yaml.load(path.read_text(), yaml.CSafeLoader)
        self.spec = msgspec.convert(self._recorded["spec"], CertificateSpec)
        self.issuer: dict[str, Any] = self._recorded.get("issuer") or {}
        self.ca_secret = {key: text.encode() for key, text in self._recorded.get("caSecret", {}).items()}
        self.annotations: dict[str, str] = self._recorded.get("secret", {}).get("annotations", {})
        self.keystores: dict[str, bytes] = {
            key: b64decode(text)
            for key, text in self._recorded.get("secret", {}).get("keystores", {}).items()
        }

        self.has_request = "request" in self._recorded
        self.is_issued = "certificate" in self._recorded.get("request", {})
        self.has_secret = "secret" in self._recorded

    @property
    def key(self) -> bytes:
        return str(self._recorded["key"]).encode()

    @property
    def key_is_stored(self) -> bool:
        """Whether `key` is from the target Secret, in the encoding of the spec; else it is the next key."""
        return bool(self._recorded.get("keyIn") == "target")

    @property
    def request(self) -> CertificateRequest:
        recorded = self._recorded["request"]
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
        for key, text in self._recorded["secret"]["data"].items():
            if text == "=request":
                data[key] = self._issued(names[key])
            elif text == "=key":
                data[key] = self.key
            else:
                data[key] = b64decode(text) if key == "key.der" else text.encode()
        return data | self.keystores

    @property
    def passwords(self) -> Passwords:
        """Of the keystores; those not in the spec were in a Secret."""
        wanted = keystores.wanted(self.spec)
        return Passwords(**{name: each.password or "changeit" for name, each in wanted.items()})

    def time(self, name: str) -> datetime | None:
        text = self._recorded["status"].get(name)
        return datetime.fromisoformat(text) if text else None

    def _issued(self, name: str) -> bytes:
        return str(self._recorded["request"][name]).encode()


GOLDEN = [Golden(path) for path in FILES]


def with_name(golden: Golden) -> str:
    return golden.name


@pytest.fixture(params=[golden for golden in GOLDEN if golden.has_request], ids=with_name)
def requested_golden(request: pytest.FixtureRequest) -> Golden:
    """A recording with a request and its key."""
    return request.param


@pytest.fixture(params=[golden for golden in GOLDEN if golden.is_issued], ids=with_name)
def issued_golden(request: pytest.FixtureRequest) -> Golden:
    """A recording in which a certificate was issued."""
    return request.param


@pytest.fixture(params=[golden for golden in GOLDEN if golden.has_secret], ids=with_name)
def stored_golden(request: pytest.FixtureRequest) -> Golden:
    """A recording with a target Secret."""
    return request.param


@pytest.fixture(scope="session")
def recorded():
    """One recorded issuance by name."""
    return lambda name: Golden(Path(__file__).parent / "golden" / f"{name}.yaml")


def make_spec(**fields: Any) -> CertificateSpec:
    """A spec from wire names; ECDSA unless it says otherwise."""
    return msgspec.convert(
        {"secretName": "s", "issuerRef": {"name": "ca"}, "privateKey": {"algorithm": "ECDSA"}} | fields,
        CertificateSpec,
    )


@pytest.fixture(scope="session")
def spec():
    return make_spec


NOW = datetime(2026, 11, 21, 12, 30, 15, tzinfo=UTC)


class Authority:
    """A CA for tests: its own certificate first, then those above it, and its key."""

    def __init__(self, chain_pem: bytes, key: bytes) -> None:
        self.chain_pem = chain_pem
        self.key = key
        self.loaded = sign.load_ca(chain_pem, key)

    @classmethod
    def root(cls, name: str = "root", algorithm: str = "ECDSA", size: int = 0) -> "Authority":
        wanted = make_spec(commonName=name, isCA=True, privateKey={"algorithm": algorithm, "size": size})
        key = keys.generate(algorithm, size)
        grant = {"usages": None, "is_ca": True, "duration": timedelta(days=3650), "now": NOW}
        return cls(sign.self_sign(csr.build_request(wanted, key), key, **grant).chain_pem, key)

    def issue(self, key: bytes, duration: timedelta = timedelta(days=90), **fields: Any) -> Bundle:
        wanted = make_spec(**fields)
        return sign.sign_request(
            csr.build_request(wanted, key),
            ca=self.loaded,
            usages=wanted.usages,
            is_ca=wanted.is_ca,
            duration=duration,
            now=NOW,
        )

    def intermediate(self, name: str) -> "Authority":
        key = keys.generate("ECDSA")
        bundle = self.issue(key, commonName=name, isCA=True)
        return Authority(bundle.chain_pem + bundle.ca_pem, key)


@pytest.fixture(scope="session")
def root() -> Authority:
    return Authority.root()


@pytest.fixture(scope="session")
def make_root():
    return Authority.root


@pytest.fixture(scope="session")
def now() -> datetime:
    return NOW


class Program:
    """Runs a real program; keyword arguments become files whose names replace `{name}` in the arguments."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder

    def __call__(self, *arguments: str, **files: bytes) -> str:
        """What it printed; it has to succeed."""
        done = self.run(*arguments, **files)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def refusal(self, *arguments: str, **files: bytes) -> str:
        """What it printed; it has to fail."""
        done = self.run(*arguments, **files)
        assert done.returncode != 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def run(self, *arguments: str, **files: bytes) -> subprocess.CompletedProcess[str]:
        names = {}
        for name, content in files.items():
            (self.folder / name).write_bytes(content)
            names[name] = str(self.folder / name)
        command = [self.name, *(argument.format(**names) for argument in arguments)]
        environment = os.environ | {"LC_ALL": "C.UTF-8"}
        return subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=False, env=environment
        )


def _program(name: str, folder: Path) -> Program:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return Program(path, folder)


@pytest.fixture
def openssl(tmp_path):
    """The real openssl."""
    return _program("openssl", tmp_path)


@pytest.fixture
def legacy_openssl(openssl):
    """The real openssl, if it came with its legacy provider, which has RC2."""
    if openssl.run("list", "-providers", "-provider", "legacy").returncode:
        pytest.skip("this openssl has no legacy provider")
    return openssl


@pytest.fixture
def keytool(tmp_path):
    """The real keytool of a Java runtime."""
    return _program("keytool", tmp_path)
