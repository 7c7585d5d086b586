"""Who asks: from a client certificate, a bearer token or neither to a `UserInfo`. What they may do is not
said here.

A wrong token is 401; no credentials make the anonymous user. Tokens are compared by digest, so that the time
it takes says nothing about them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from certwright.apiserver.identities import subject_of
from certwright.apiserver.status import bad_request, forbidden, unauthorized
from certwright.apiserver.wire import ANONYMOUS, AUTHENTICATED, UserInfo


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


@dataclass(slots=True, repr=False)
class Authenticator:
    """Knows the tokens; certificates are those the TLS layer has verified against the server's CA."""

    _users: dict[bytes, UserInfo] = field(default_factory=dict)

    @classmethod
    def with_tokens(cls, tokens: Mapping[str, UserInfo]) -> Authenticator:
        """An authenticator for these bearer tokens."""
        return cls({_digest(token): _authenticated(user) for token, user in tokens.items()})

    def user(self, certificate: bytes | None, headers: Mapping[str, str]) -> UserInfo:
        """Who asks. `certificate` is the client's, DER, verified. Raises StatusError (401, 403)."""
        found = self._user(certificate, headers.get("authorization", ""))
        if "impersonate-user" in headers or "impersonate-group" in headers:
            return _impersonated(found, headers)
        return found

    def _user(self, certificate: bytes | None, authorization: str) -> UserInfo:
        if certificate:
            return _user_of(certificate)
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            return ANONYMOUS
        user = self._users.get(_digest(token.strip()))
        if user is None:
            raise unauthorized()
        return user


def _authenticated(user: UserInfo) -> UserInfo:
    if AUTHENTICATED in user.groups:
        return user
    return UserInfo(user.username, (*user.groups, AUTHENTICATED), user.uid, user.extra)


@lru_cache(maxsize=256)
def _user_of(certificate: bytes) -> UserInfo:
    name, groups = subject_of(certificate)
    return UserInfo(name, (*groups, AUTHENTICATED)) if name else ANONYMOUS


def _impersonated(user: UserInfo, headers: Mapping[str, str]) -> UserInfo:
    """Whoever may do everything may do it as somebody else (`kubectl --as`)."""
    name = headers.get("impersonate-user", "")
    if not user.is_master:
        raise forbidden("", "users", name, f'User "{user.username}" cannot impersonate resource "users"')
    if not name:
        raise bad_request("requested groups to impersonate without impersonating a user")
    groups = [group.strip() for group in headers.get("impersonate-group", "").split(",") if group.strip()]
    return UserInfo(name, (*groups, AUTHENTICATED), headers.get("impersonate-uid", ""))
