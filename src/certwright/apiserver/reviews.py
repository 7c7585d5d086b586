"""Who am I, and may I? The reviews that kubectl posts; they are answered and never stored.

There are no roles here: members of system:masters may do everything, everybody else nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from certwright.apiserver import field_errors as fe
from certwright.apiserver.bodies import decode_object
from certwright.apiserver.field_errors import FieldError, message_of
from certwright.apiserver.kinds import Object
from certwright.apiserver.paths import ResourcePath
from certwright.apiserver.status import bad_request, invalid, method_not_allowed
from certwright.apiserver.wire import Request, Response, UserInfo

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class ReviewKind:
    """A resource that only takes POST."""

    group: str
    plural: str
    kind: str
    answer: Callable[[Object, UserInfo], Object]
    namespaced: bool = False
    version: str = "v1"


def _access(spec: Object, user: UserInfo) -> Object:
    if user.is_master:
        return {"allowed": True, "reason": "member of system:masters"}
    return {"allowed": False, "reason": "this server knows no roles: only members of system:masters may"}


def _others_access(spec: Object, user: UserInfo) -> Object:
    """A SubjectAccessReview: what somebody else may do."""
    resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    errors: list[FieldError] = []
    if (resource is None) == (path is None):
        detail = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        errors.append(_error("spec.resourceAttributes", resource, detail))
    if not spec.get("user") and not spec.get("groups"):
        detail = "at least one of user or group must be specified"
        errors.append(_error("spec.user", spec.get("user") or "", detail))
    if errors:
        raise invalid("authorization.k8s.io", "", "", errors)
    answer = _access(spec, UserInfo(spec.get("user") or "", tuple(spec.get("groups") or ())))
    return answer if answer["allowed"] else {"allowed": False}


def _error(field: str, value: Any, detail: str) -> FieldError:
    return FieldError(field, fe.INVALID, message_of(fe.INVALID, value, detail))


def _rules(spec: Object, user: UserInfo) -> Object:
    if not user.is_master:
        return {"resourceRules": [], "nonResourceRules": [], "incomplete": False}
    everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
    return {
        "resourceRules": [everything],
        "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
        "incomplete": False,
    }


def _self(spec: Object, user: UserInfo) -> Object:
    info: dict[str, Any] = {"username": user.username, "groups": list(user.groups)}
    if user.uid:
        info["uid"] = user.uid
    if user.extra:
        info["extra"] = {key: list(values) for key, values in user.extra.items()}
    return {"userInfo": info}


REVIEWS: Final = (
    ReviewKind("authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview", _access),
    ReviewKind("authorization.k8s.io", "subjectaccessreviews", "SubjectAccessReview", _others_access),
    ReviewKind(
        "authorization.k8s.io",
        "localsubjectaccessreviews",
        "LocalSubjectAccessReview",
        _others_access,
        namespaced=True,
    ),
    ReviewKind("authorization.k8s.io", "selfsubjectrulesreviews", "SelfSubjectRulesReview", _rules),
    ReviewKind("authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview", _self),
)


def _object(body: Object, name: str) -> Object:
    found = body.get(name) or {}
    if not isinstance(found, dict):
        raise bad_request(f"{name} is not an object")
    return found


def _check_namespace(metadata: Object, spec: Object, namespace: str) -> None:
    """A review in a namespace is about objects in that namespace."""
    if (metadata.get("namespace"), _object(spec, "resourceAttributes").get("namespace")) != (namespace,) * 2:
        where = "metadata.namespace and spec.resourceAttributes.namespace"
        raise bad_request(f"{where} must match namespace: {namespace}")


def review(request: Request, path: ResourcePath) -> Response | None:
    """The answer to a review, None when the path names none. Raises StatusError."""
    wanted = (path.group, path.version, path.plural)
    found = next((r for r in REVIEWS if (r.group, r.version, r.plural) == wanted), None)
    if found is None or path.name or bool(path.namespace) != found.namespaced:
        return None
    if request.method != "POST":
        raise method_not_allowed()
    body = decode_object(request.body, request.headers.get("content-type", ""))
    metadata, spec = _object(body, "metadata"), _object(body, "spec")
    if found.namespaced:
        _check_namespace(metadata, spec, path.namespace)
    answer: Object = {
        "kind": found.kind,
        "apiVersion": f"{found.group}/{found.version}",
        "metadata": {"creationTimestamp": None, **metadata},
    }
    if "spec" in body:
        answer["spec"] = spec
    answer["status"] = found.answer(spec, request.user)
    return Response(201, {"content-type": "application/json"}, _encode(answer))
