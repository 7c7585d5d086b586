"""From a URL path to what it names: a resource, an object, a subresource, or a list of resources. It looks
nothing up.

/api/v1/namespaces/web/secrets/tls            -> ("", "v1"), secrets, web, tls
/apis/cert-manager.io/v1/certificates         -> ("cert-manager.io", "v1"), certificates
"""

from __future__ import annotations

from dataclasses import dataclass

_OF_NAMESPACES = frozenset(("status", "finalize"))


@dataclass(frozen=True, slots=True)
class ResourcePath:
    """A path below `/api/v1` or `/apis/GROUP/VERSION`; `plural` is empty for the list of resources."""

    group: str
    version: str
    plural: str = ""
    namespace: str = ""
    name: str = ""
    subresource: str = ""


def parse(path: str) -> ResourcePath | None:
    """The resource a path names, None for any other path."""
    parts = path.split("/")
    if parts[-1] == "":
        parts.pop()
    if len(parts) < 3 or parts[0]:
        return None
    if parts[1] == "api":
        group, version, rest = "", parts[2], parts[3:]
    elif parts[1] == "apis" and len(parts) > 3:
        group, version, rest = parts[2], parts[3], parts[4:]
    else:
        return None
    if not all(rest):
        return None
    if not rest:
        return ResourcePath(group, version)
    if rest[0] == "namespaces" and len(rest) > 2 and not (len(rest) == 3 and rest[2] in _OF_NAMESPACES):
        namespace, rest = rest[1], rest[2:]
    else:
        namespace = ""
    if len(rest) > 3:
        return ResourcePath(group, version, rest[0], namespace, rest[1], "/".join(rest[2:]))
    plural, name, subresource = (*rest, "", "")[:3]
    return ResourcePath(group, version, plural, namespace, name, subresource)
