"""What the server answers when it says no: `metav1.Status` and one constructor per refusal. It does not
decide when.

Codes, reasons, messages and details are those of `k8s.io/apimachinery/pkg/api/errors`, because clients branch
on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from certwright.apiserver.field_errors import FieldError
from certwright.apiserver.wire import Response

JSON = "application/json"
MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"
_encode = msgspec.json.Encoder().encode


class StatusError(Exception):
    """A request that is refused. `status` is the whole body, ready to be sent."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        details: dict[str, Any] | None = None,
        retry_after: int = 0,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.retry_after = retry_after
        self.warnings: tuple[str, ...] = ()
        """What the user should hear besides."""
        self.causes: tuple[dict[str, str], ...] = ()
        """What is wrong field by field, where the answer over HTTP has it in the message alone."""
        self.status: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
        }
        if reason:
            self.status["reason"] = reason
        if retry_after:
            details = {**(details or {}), "retryAfterSeconds": retry_after}
        if details is not None:
            self.status["details"] = details
        self.status["code"] = code

    def response(self) -> Response:
        """The refusal as an answer."""
        headers = {"content-type": JSON}
        if self.retry_after:
            headers["retry-after"] = str(self.retry_after)
        return Response(self.code, headers, _encode(self.status), self.warnings, self.causes)


def qualified(group: str, name: str) -> str:
    """`certificates.cert-manager.io`, or just `secrets` in the core group."""
    return f"{name}.{group}" if group else name


def _details(group: str, kind: str, name: str) -> dict[str, Any]:
    details = {"name": name, "group": group, "kind": kind}
    return {key: value for key, value in details.items() if value}


def not_found(group: str, plural: str, name: str) -> StatusError:
    """404: there is no such object."""
    return StatusError(
        404, "NotFound", f'{qualified(group, plural)} "{name}" not found', _details(group, plural, name)
    )


def unknown_path(path: str) -> StatusError:
    """404: there is no such resource or path; the message begins as upstream's does, and names it."""
    message = f"the server could not find the requested resource ({path} is not served here)"
    return StatusError(404, "NotFound", message, {})


def already_exists(group: str, plural: str, name: str) -> StatusError:
    """409: an object of this name is there already."""
    message = f'{qualified(group, plural)} "{name}" already exists'
    return StatusError(409, "AlreadyExists", message, _details(group, plural, name))


def name_taken(group: str, plural: str, name: str) -> StatusError:
    """409: no free name was found for a `generateName`; try again."""
    message = (
        f'{qualified(group, plural)} "{name}" already exists, '
        "the server was not able to generate a unique name for the object"
    )
    return StatusError(409, "AlreadyExists", message, _details(group, plural, name), retry_after=1)


def conflict(group: str, plural: str, name: str, why: str = MODIFIED) -> StatusError:
    """409: somebody else wrote in between, or a precondition does not hold."""
    message = f'Operation cannot be fulfilled on {qualified(group, plural)} "{name}": {why}'
    return StatusError(409, "Conflict", message, _details(group, plural, name))


def apply_conflict(message: str, causes: Sequence[dict[str, str]]) -> StatusError:
    """409: other field managers own fields that an apply wants to change."""
    return StatusError(409, "Conflict", message, {"causes": list(causes)})


def invalid(group: str, kind: str, name: str, errors: Sequence[FieldError]) -> StatusError:
    """422: every field that is wrong, all at once."""
    texts = list(dict.fromkeys(str(error) for error in errors))
    text = texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]"
    details = _details(group, kind, name)
    details["causes"] = [{"reason": e.reason, "message": e.message, "field": e.field} for e in errors]
    return StatusError(422, "Invalid", f'{qualified(group, kind)} "{name}" is invalid: {text}', details)


def bad_request(message: str) -> StatusError:
    """400: the request makes no sense."""
    return StatusError(400, "BadRequest", message)


def unauthorized() -> StatusError:
    """401: no credentials, or wrong ones; the answer does not say which."""
    return StatusError(401, "Unauthorized", "Unauthorized")


def forbidden(
    group: str, plural: str, name: str, why: str, causes: Sequence[dict[str, str]] = ()
) -> StatusError:
    """403: not by this user, or not here."""
    what = f'{qualified(group, plural)} "{name}"' if name else qualified(group, plural)
    details = _details(group, plural, name)
    if causes:
        details["causes"] = list(causes)
    return StatusError(403, "Forbidden", f"{what} is forbidden: {why}", details)


def denied(
    webhook: str, why: str, causes: Sequence[FieldError] = (), code: int = 403, reason: str = "Forbidden"
) -> StatusError:
    """An admission webhook refuses, with a code of its choice. The answer has no details.

    `causes` are kept for callers in this process.
    """
    error = StatusError(code, reason, f'admission webhook "{webhook}" denied the request: {why}')
    error.causes = tuple({"reason": e.reason, "message": e.message, "field": e.field} for e in causes)
    return error


def path_forbidden(username: str, verb: str, path: str) -> StatusError:
    """403: a path that names no object, and not for this user."""
    return StatusError(403, "Forbidden", f'forbidden: User "{username}" cannot {verb} path "{path}"', {})


def method_not_allowed() -> StatusError:
    """405: the resource is there, but not for this verb."""
    message = "the server does not allow this method on the requested resource"
    return StatusError(405, "MethodNotAllowed", message, {})


def not_acceptable(accepted: Sequence[str]) -> StatusError:
    """406: none of the formats the client takes can be made."""
    message = "only the following media types are accepted: " + ", ".join(accepted)
    return StatusError(406, "NotAcceptable", message)


def too_large(message: str) -> StatusError:
    """413: the body is over the limit."""
    return StatusError(413, "RequestEntityTooLarge", f"Request entity too large: {message}")


def unsupported_media_type(
    accepted: Sequence[str], why: str = "the body of the request was in an unknown format"
) -> StatusError:
    """415: the body is in a format this server does not read."""
    message = f"{why} - accepted media types include: {', '.join(accepted)}"
    return StatusError(415, "UnsupportedMediaType", message)


def expired(message: str) -> StatusError:
    """410: the revision asked for has been compacted away; list again."""
    return StatusError(410, "Expired", message)


def too_new(asked: int, current: int) -> StatusError:
    """504: the revision asked for has not happened yet."""
    details = {"causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]}
    message = f"Timeout: Too large resource version: {asked}, current: {current}"
    return StatusError(504, "Timeout", message, details, retry_after=1)


def unavailable(message: str) -> StatusError:
    """503: not now; try again."""
    return StatusError(503, "ServiceUnavailable", message, retry_after=1)


def not_implemented(what: str) -> StatusError:
    """501: Kubernetes has it, this server does not; the message names it."""
    message = f"certwright's embedded API server does not implement {what}"
    return StatusError(501, "NotImplemented", message, {})


def internal(message: str) -> StatusError:
    """500: a bug here."""
    return StatusError(
        500, "InternalError", f"Internal error occurred: {message}", {"causes": [{"message": message}]}
    )


def success(details: dict[str, Any]) -> bytes:
    """The body that says an object is gone."""
    return _encode(
        {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
    )
