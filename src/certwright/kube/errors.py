"""What can go wrong when talking to an API server, by what the caller should do. It knows no HTTP client.

Messages are the server's own or name the call that failed; they never hold a request's body or a credential.
"""

from collections.abc import Mapping

import msgspec


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of `status.details.causes`: a field error, or a field manager one conflicts with."""

    reason: str = ""
    message: str = ""
    field: str = ""


class Details(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`details` of a Kubernetes Status: what the failure is about."""

    name: str = ""
    group: str = ""
    kind: str = ""
    uid: str = ""
    causes: tuple[Cause, ...] = ()
    retry_after_seconds: int = 0


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a failed call (meta/v1 Status)."""

    kind: str = ""
    status: str = ""
    message: str | None = None
    reason: str | None = None
    details: Details | None = None
    code: int = 0


class ApiError(Exception):
    """A call failed. `status` is the HTTP code (0: no answer), `reason` the Status reason, such as NotFound.

    `retry_after` is in seconds, None when the server named no delay.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        details: Details | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.details = details or Details()
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[type["ApiError"], tuple[int, str, str, Details, float | None]]:
        return type(self), (self.status, self.reason, self.message, self.details, self.retry_after)


class NotFound(ApiError):  # noqa: N818 - the names are the reasons of Kubernetes
    """404: the object, or the kind, does not exist."""


class Conflict(ApiError):  # noqa: N818
    """409: somebody else wrote first, or (apply) owns a field. Read again and decide again."""


class AlreadyExists(ApiError):  # noqa: N818
    """409 on create: the name is taken."""


class Invalid(ApiError):  # noqa: N818
    """422 or 400: the request is wrong; `details.causes` holds the field errors. Do not repeat it."""


class Forbidden(ApiError):  # noqa: N818
    """403: not allowed, or refused by admission."""


class Unauthorized(ApiError):  # noqa: N818
    """401: the credentials are missing or no longer good."""


class Gone(ApiError):  # noqa: N818
    """410: the resourceVersion or continue token is too old. List again."""


class TooManyRequests(ApiError):  # noqa: N818
    """429: try again after `retry_after` seconds."""


class ServerUnavailable(ApiError):  # noqa: N818
    """5xx: the server, or something in front of it, cannot answer now. Try again."""


class Unreachable(ApiError):  # noqa: N818
    """There was no complete answer: DNS, connection, TLS, time-out. Whether a write happened is unknown."""

    def __init__(
        self,
        status: int = 0,
        reason: str = "Unreachable",
        message: str = "",
        details: Details | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(status, reason, message, details, retry_after)


class Unreadable(ApiError):  # noqa: N818
    """The server answered well, but with a body that does not fit the type it should have."""


_BY_REASON: Mapping[str, type[ApiError]] = {
    "NotFound": NotFound,
    "Conflict": Conflict,
    "AlreadyExists": AlreadyExists,
    "Invalid": Invalid,
    "BadRequest": Invalid,
    "Forbidden": Forbidden,
    "Unauthorized": Unauthorized,
    "Gone": Gone,
    "Expired": Gone,
    "TooManyRequests": TooManyRequests,
}

_BY_CODE: Mapping[int, tuple[type[ApiError], str]] = {
    400: (Invalid, "BadRequest"),
    401: (Unauthorized, "Unauthorized"),
    403: (Forbidden, "Forbidden"),
    404: (NotFound, "NotFound"),
    409: (Conflict, "Conflict"),
    410: (Gone, "Gone"),
    422: (Invalid, "Invalid"),
    429: (TooManyRequests, "TooManyRequests"),
}


def error_from(code: int, body: bytes, call: str, retry_after: float | None = None) -> ApiError:
    """The error for a failed answer.

    `body` is a Status, or anything at all when a proxy or load balancer answered. `call` names the call
    for the message, for example "get secrets shop/web".
    """
    status = _decode_status(body)
    by_code, code_reason = _BY_CODE.get(code, (ServerUnavailable if code >= 500 else ApiError, ""))
    if status is None:
        return by_code(
            code,
            code_reason,
            f"{call}: HTTP {code} without a Kubernetes Status (from a proxy or load balancer?)",
            None,
            retry_after,
        )
    reason = status.reason or code_reason
    details = status.details or Details()
    if retry_after is None and details.retry_after_seconds > 0:
        retry_after = float(details.retry_after_seconds)
    return _BY_REASON.get(reason, by_code)(
        code, reason, status.message or f"{call}: HTTP {code}", details, retry_after
    )


def _decode_status(body: bytes) -> Status | None:
    try:
        status = msgspec.json.decode(body, type=Status)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return status if status.kind == "Status" else None
