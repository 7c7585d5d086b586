"""Who may do what: members of system:masters everything, everybody else nothing but look around. There are no
roles.

A refusal names the user, the verb and the resource, in upstream's words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from certwright.apiserver.options import flag
from certwright.apiserver.paths import ResourcePath
from certwright.apiserver.status import StatusError, forbidden, path_forbidden
from certwright.apiserver.wire import UNAUTHENTICATED, Request, UserInfo

_FOR_ALL: Final = ("/healthz", "/livez", "/readyz", "/version")
_TO_LOOK_AROUND: Final = ("/api", "/apis", "/openapi")
_ABOUT_ONESELF: Final = ("authentication.k8s.io", "authorization.k8s.io")
_VERBS: Final = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(frozen=True, slots=True)
class Access:
    """What somebody may do or not, as a SubjectAccessReview asks; no namespace means the whole cluster."""

    verb: str
    group: str
    resource: str
    name: str = ""
    namespace: str = ""


def may(user: UserInfo, access: Access) -> bool:
    """Whether a user may do something to objects that need not exist."""
    del access
    return user.is_master


def check(request: Request, path: ResourcePath | None) -> None:
    """Refuse what a user who is no master may not do. Raises StatusError (403)."""
    user = request.user
    where = "/" + request.path.strip("/").partition("/")[0]
    if where in _FOR_ALL:
        return
    known = UNAUTHENTICATED not in user.groups
    if path is None or not path.plural:
        if not (known and where in _TO_LOOK_AROUND):
            raise path_forbidden(user.username, request.method.lower(), request.path)
        return
    if known and path.group in _ABOUT_ONESELF and path.plural.startswith("selfsubject"):
        return
    raise _refusal(request, path)


def _refusal(request: Request, path: ResourcePath) -> StatusError:
    verb = _VERBS.get(request.method) or ("get" if path.name else _watch_or_list(request))
    if verb == "delete" and not path.name:
        verb = "deletecollection"
    resource = f"{path.plural}/{path.subresource}" if path.subresource else path.plural
    where = f'in the namespace "{path.namespace}"' if path.namespace else "at the cluster scope"
    group = f'in API group "{path.group}"'
    why = f'User "{request.user.username}" cannot {verb} resource "{resource}" {group} {where}'
    return forbidden(path.group, path.plural, path.name, why)


def _watch_or_list(request: Request) -> str:
    return "watch" if flag(request.query, "watch") else "list"
