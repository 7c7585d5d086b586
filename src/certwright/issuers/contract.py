"""Seam 1, who signs: an issuer is two functions. This is the whole contract.

`check` says whether the issuer could sign now; `sign` signs one request. Both return values of
`certwright.api.outcomes`; an exception is unexpected and is retried. An issuer never writes
conditions or events, never sleeps and keeps no state between calls. Issuer and ClusterIssuer are
one thing here: `Site.namespace` is where the issuer's own Secrets are.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from certwright.api.certmanager import CertificateRequest, Issuer
from certwright.api.foreign import Secret
from certwright.api.outcomes import Checked, Outcome


class ReadError(Exception):
    """Something could not be read, though it may be there. The message is for the object's status."""


class Reader(Protocol):
    """What an issuer may read of the cluster. Raises ReadError where that is not possible now."""

    async def secret(self, namespace: str, name: str) -> Secret | None:
        """A Secret that an issuer refers to, or None if it does not exist. Cheap to ask again."""

    async def private_key(self, namespace: str, name: str) -> bytes | None:
        """The PEM private key that a request was made with, by the name of its Secret."""


class Site(Struct, frozen=True):
    """An issuer in its place: where its Secrets live, what it may read, and the time (aware UTC)."""

    issuer: Issuer
    namespace: str
    reader: Reader
    now: datetime


Check = Callable[[Site], Awaitable[Checked]]
Sign = Callable[[CertificateRequest, Site], Awaitable[Outcome]]


class IssuerType(Struct, frozen=True):
    """A way of signing, under the name of the spec member that configures it, in lower case."""

    name: str
    check: Check
    sign: Sign
