"""What an issuer answers: the vocabulary between whoever signs and whoever writes conditions.

An issuer returns one of these values; it never writes a condition itself. An exception means
something unexpected, and is retried with a backoff.
"""

from msgspec import Struct


class Signed(Struct, frozen=True):
    """The certificate is issued: `chain` is PEM leaf first, `ca` one PEM certificate or empty.

    `warnings` are (reason, message) pairs to tell the user of, without consequence.
    """

    chain: bytes
    ca: bytes = b""
    warnings: tuple[tuple[str, str], ...] = ()


class Pending(Struct, frozen=True):
    """Not yet: `retry` asks to try again with a backoff, otherwise an event must bring it back."""

    reason: str
    message: str
    retry: bool = False


class Permanent(Struct, frozen=True):
    """Never, for this request: signing it cannot succeed."""

    reason: str
    message: str


class IssuerBroken(Struct, frozen=True):
    """The issuer itself is at fault; the request waits until the issuer is ready again."""

    reason: str
    message: str


Outcome = Signed | Pending | Permanent | IssuerBroken


class Checked(Struct, frozen=True):
    """The result of checking an issuer: its Ready condition. `retry` asks for another check later.

    An empty `event` means that no event is due; otherwise it is the reason of one.
    """

    ready: bool
    reason: str
    message: str = ""
    event: str = ""
    retry: bool = False
