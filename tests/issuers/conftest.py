"""Sites for issuers: the Secrets they may read are a dict, the keys of requests another."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from msgspec import Struct, structs

from certwright.api.certmanager import CertificateRequest, CertificateRequestSpec, Issuer
from certwright.api.foreign import Secret
from certwright.api.meta import ObjectMeta
from certwright.issuers.contract import ReadError, Site
from certwright.pki import csr, keys
from certwright.testing.builders import ca_issuer, ca_secret, certificate, self_signed_issuer

KEY = keys.generate("ECDSA", 256)


class Shelf(Struct):
    """What an issuer may read, and how often it asked."""

    secrets: dict[tuple[str, str], Secret] = {}
    keys: dict[tuple[str, str], bytes] = {}

    async def secret(self, namespace: str, name: str) -> Secret | None:
        return self.secrets.get((namespace, name))

    async def private_key(self, namespace: str, name: str) -> bytes | None:
        return self.keys.get((namespace, name))


class Locked:
    """Lets nothing be read."""

    async def secret(self, namespace: str, name: str) -> Secret | None:
        raise ReadError("not allowed")

    async def private_key(self, namespace: str, name: str) -> bytes | None:
        raise ReadError("not allowed")


@pytest.fixture
def locked() -> Locked:
    """A reader that is not allowed to read anything."""
    return Locked()


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)


@pytest.fixture
def key() -> bytes:
    """The private key of the requests that `request_for` makes."""
    return KEY


@pytest.fixture
def site(now: datetime) -> Callable[[str], Site]:
    """A site for an issuer type by its name, with everything it needs, in namespace `shop`."""

    def make(name: str) -> Site:
        issuer: Issuer = {"ca": ca_issuer(), "selfsigned": self_signed_issuer()}[name]
        issuer = structs.replace(issuer, metadata=structs.replace(issuer.metadata, namespace="shop"))
        return Site(issuer, "shop", Shelf({("shop", "ca"): ca_secret()}, {("shop", "next"): KEY}), now)

    return make


@pytest.fixture
def request_for() -> Callable[..., CertificateRequest]:
    """A request of namespace `shop` for web.example; `spec` are fields of the Certificate it is for."""

    def make(duration: str = "", annotated: bool = True, **spec: object) -> CertificateRequest:
        wanted = certificate("web", **spec).spec
        annotations = {"cert-manager.io/private-key-secret-name": "next"} if annotated else {}
        return CertificateRequest(
            metadata=ObjectMeta(name="web-1", namespace="shop", annotations=annotations),
            spec=CertificateRequestSpec(
                request=csr.build_request(wanted, KEY),
                issuer_ref=wanted.issuer_ref,
                duration=duration,
                is_ca=wanted.is_ca,
                usages=wanted.usages,
            ),
        )

    return make
