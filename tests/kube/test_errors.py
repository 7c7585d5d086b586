import pickle

import pytest

from certwright.kube import errors
from certwright.kube.errors import ApiError, error_from


def status(code: int, reason: str, **more: object) -> bytes:
    import json

    return json.dumps({"kind": "Status", "status": "Failure", "code": code, "reason": reason} | more).encode()


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (404, "NotFound", errors.NotFound),
        (409, "Conflict", errors.Conflict),
        (409, "AlreadyExists", errors.AlreadyExists),
        (422, "Invalid", errors.Invalid),
        (400, "BadRequest", errors.Invalid),
        (403, "Forbidden", errors.Forbidden),
        (401, "Unauthorized", errors.Unauthorized),
        (410, "Gone", errors.Gone),
        (410, "Expired", errors.Gone),
        (429, "TooManyRequests", errors.TooManyRequests),
        (500, "InternalError", errors.ServerUnavailable),
        (503, "ServiceUnavailable", errors.ServerUnavailable),
        (504, "Timeout", errors.ServerUnavailable),
        (405, "MethodNotAllowed", ApiError),
    ],
)
def test_the_reason_of_a_status_decides_the_class(code: int, reason: str, kind: type[ApiError]) -> None:
    error = error_from(code, status(code, reason, message="because"), "get things")
    assert type(error) is kind
    assert (error.status, error.reason, str(error)) == (code, reason, "because")


@pytest.mark.parametrize(
    ("code", "kind"),
    [(404, errors.NotFound), (429, errors.TooManyRequests), (502, errors.ServerUnavailable), (418, ApiError)],
)
@pytest.mark.parametrize("body", [b"", b"<html>Bad Gateway</html>", b'{"error": "x"}', b"[1]", b"\xff\xfe"])
def test_an_answer_that_is_no_status_is_judged_by_its_code(
    code: int, kind: type[ApiError], body: bytes
) -> None:
    error = error_from(code, body, "get things ns/a")
    assert type(error) is kind
    assert str(error).startswith(f"get things ns/a: HTTP {code}")


def test_the_body_of_a_foreign_answer_is_not_quoted() -> None:
    assert "hunter2" not in str(error_from(502, b"you sent hunter2", "create secrets ns/a"))


def test_details_hold_field_errors_and_the_delay() -> None:
    causes = [{"reason": "FieldValueRequired", "message": "Required value", "field": "spec.secretName"}]
    body = status(422, "Invalid", details={"name": "web", "causes": causes, "retryAfterSeconds": 3})
    error = error_from(422, body, "create certificates")
    assert error.details.causes[0].field == "spec.secretName"
    assert error.retry_after == 3


def test_errors_survive_being_copied() -> None:
    error = error_from(409, status(409, "Conflict", message="m"), "x")
    copied = pickle.loads(pickle.dumps(error))
    assert (type(copied), copied.status, str(copied)) == (errors.Conflict, 409, "m")
