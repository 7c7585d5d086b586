"""One request and one answer as plain values. Nothing here knows sockets, HTTP libraries or Kubernetes
objects.

The listener makes them from HTTP, `app` makes them from calls inside the process; the handler sees no
difference.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

MASTERS = "system:masters"
"""Members of this group may do everything."""
AUTHENTICATED = "system:authenticated"
"""The group of everybody who proved who they are."""
UNAUTHENTICATED = "system:unauthenticated"
"""The group of everybody else."""


@dataclass(frozen=True, slots=True)
class UserInfo:
    """Who asks: `CertificateRequest.spec.username`, `uid`, `groups` and `extra` are taken from here."""

    username: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def is_master(self) -> bool:
        """Whether this user may do everything."""
        return MASTERS in self.groups


ANONYMOUS = UserInfo("system:anonymous", (UNAUTHENTICATED,))
"""Whoever sent no credentials; may ask for health and version only."""


@dataclass(slots=True)
class Request:
    """One call. `path` is decoded, without query; header names are lower-case; `query` keeps every value in
    order.
    """

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes
    user: UserInfo


@dataclass(slots=True)
class Response:
    """The answer. A `body` that is an iterator is a watch: one chunk per batch of events, until it ends or is
    closed.

    `warnings` are shown to the user by kubectl; the listener writes one `Warning: 299` header for each.
    `causes` say what is wrong field by field where `body` has it in words alone; they do not go over HTTP.
    """

    status: int
    headers: dict[str, str]
    body: bytes | AsyncIterator[bytes]
    warnings: tuple[str, ...] = ()
    causes: tuple[Mapping[str, str], ...] = ()


def warning_header(text: str) -> str:
    """The value of the `Warning` header that carries `text` (RFC 7234 section 5.5, code 299)."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'299 - "{"".join(c if c.isprintable() else " " for c in escaped)}"'
