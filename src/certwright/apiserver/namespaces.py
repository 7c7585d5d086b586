"""Namespaces as a place for objects: whether one may be created there, and emptying one that goes.

The Namespace objects themselves follow `builtin_rules.Namespaces`.
"""

from __future__ import annotations

from typing import Final

from certwright.apiserver.cluster import Cluster, Target
from certwright.apiserver.status import StatusError, forbidden, not_found

AT_START: Final = ("default", "kube-system", "kube-public", "kube-node-lease", "cert-manager")
"""The namespaces that are there from the beginning."""
IMMORTAL: Final = frozenset(("default", "kube-system", "kube-public"))
"""The namespaces that cannot be deleted."""
PREFIX: Final = "/namespaces//"


def check_namespace(cluster: Cluster, target: Target) -> None:
    """An object can only be created in a namespace that is there and stays. Raises StatusError (404, 403)."""
    if not target.kind.namespaced:
        return
    record = cluster.log.get(PREFIX + target.namespace)
    if record is None:
        raise not_found("", "namespaces", target.namespace)
    if "deletionTimestamp" in record.object["metadata"]:
        cause = {
            "reason": "NamespaceTerminating",
            "message": f"namespace {target.namespace} is being terminated",
            "field": "metadata.namespace",
        }
        why = f"unable to create new content in namespace {target.namespace} because it is being terminated"
        raise forbidden(target.kind.group, target.kind.plural, target.name, why, [cause])


def immortal(name: str) -> StatusError:
    """The refusal to delete a namespace that has to stay."""
    return forbidden("", "namespaces", name, "this namespace may not be deleted")
