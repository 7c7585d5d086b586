"""Deleting one object or a collection: preconditions, finalizers, what becomes of dependents. Not who cleans
up.

An object that something still holds is marked (`deletionTimestamp`) and goes with its last finalizer, in the
write path; dependents are the business of `garbage`, contents of namespaces that of `background`. Source:
`k8s.io/apiserver/pkg/registry/generic/registry/store.go` and `registry/rest/delete.go`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec

from certwright.apiserver import metadata as meta
from certwright.apiserver.cluster import Cluster, Review, Target
from certwright.apiserver.kinds import Object, Strategy
from certwright.apiserver.log import Conflict, Record
from certwright.apiserver.metadata import timestamp
from certwright.apiserver.namespaces import IMMORTAL, immortal
from certwright.apiserver.options import DeleteOptions
from certwright.apiserver.status import conflict
from certwright.apiserver.wire import UserInfo

ATTEMPTS = 10
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Deleted:
    """What came of it: the last state (or the marked one), and whether the object is gone."""

    value: bytes
    gone: bool
    uid: str


async def delete(cluster: Cluster, target: Target, options: DeleteOptions, user: UserInfo) -> Deleted:
    """Delete an object, or mark it. Raises StatusError (404, 409 for preconditions, 403)."""
    kind = target.kind
    if kind.plural == "namespaces" and not kind.group and target.name in IMMORTAL:
        raise immortal(target.name)
    for _ in range(ATTEMPTS):
        live = cluster.get(target)
        _check_preconditions(target, live, options)
        await _ask_admission(cluster, target, options, user, live.object)
        try:
            return await _delete(cluster, target, options, live)
        except Conflict:
            continue
    raise conflict(kind.group, kind.plural, target.name)


def _check_preconditions(target: Target, live: Record, options: DeleteOptions) -> None:
    metadata, kind = live.object["metadata"], target.kind
    why = ""
    if options.uid and options.uid != metadata["uid"]:
        why = (
            f"the UID in the precondition ({options.uid}) does not match the UID in record "
            f"({metadata['uid']}). "
            "The object might have been deleted and then recreated"
        )
    elif options.version and options.version != metadata["resourceVersion"]:
        why = (
            f"the ResourceVersion in the precondition ({options.version}) does not match the "
            f"ResourceVersion in record ({metadata['resourceVersion']}). The object might have been modified"
        )
    if why:
        raise conflict(kind.group, kind.kind, target.name, why)


async def _ask_admission(
    cluster: Cluster, target: Target, options: DeleteOptions, user: UserInfo, old: Object
) -> None:
    for admission in cluster.admission:
        if admission.wants(target.kind, "DELETE", ""):
            await admission.validate(
                Review("DELETE", target, user, options.dry_run, old, None, cluster.kinds)
            )


async def _delete(cluster: Cluster, target: Target, options: DeleteOptions, live: Record) -> Deleted:
    uid = live.object["metadata"]["uid"]
    new = _marked(target.kind.strategy, live.object, options, cluster.clock())
    gone = not target.kind.strategy.held(new)
    if gone:
        # the last state carries no trace of the deletion, only its revision
        new = {**live.object, "metadata": {**live.object["metadata"]}}
    elif new == live.object:
        return Deleted(live.value, False, uid)
    if options.dry_run:
        return Deleted(_encode(new), gone, uid)
    value = b""

    def make(revision: int) -> bytes:
        nonlocal value
        new["metadata"]["resourceVersion"] = str(revision)
        value = _encode(new)
        return value

    await (cluster.log.delete if gone else cluster.log.write)(target.key, live.revision, make)
    cluster.committed(target.kind, new, gone)
    return Deleted(value, gone, uid)


def _marked(strategy: Strategy, old: Object, options: DeleteOptions, now: datetime) -> Object:
    """The object as it looks while it waits to go."""
    metadata = {**old["metadata"]}
    finalizers = _finalizers(metadata.get("finalizers") or [], options.policy)
    if "deletionTimestamp" not in metadata:
        finalizers = list(dict.fromkeys([*finalizers, *strategy.deletion_finalizers]))
    if finalizers:
        metadata["finalizers"] = finalizers
    else:
        metadata.pop("finalizers", None)
    if "deletionTimestamp" not in metadata:
        metadata["deletionTimestamp"] = timestamp(now)
        if metadata.get("generation") and not strategy.deletion_finalizers:
            metadata["generation"] += 1
    metadata["deletionGracePeriodSeconds"] = 0
    new = {**old, "metadata": metadata}
    if old.get("kind") == "Namespace" and old.get("apiVersion") == "v1":
        new["status"] = {**(old.get("status") or {}), "phase": "Terminating"}
        metadata.pop("deletionGracePeriodSeconds")
    return new


def _finalizers(finalizers: list[str], policy: str) -> list[str]:
    """The two finalizers of garbage collection follow what the client asked for; without a wish they stay."""
    if not policy:
        return finalizers
    kept = [name for name in finalizers if name not in (meta.ORPHAN, meta.FOREGROUND)]
    wanted = {"Orphan": [meta.ORPHAN], "Foreground": [meta.FOREGROUND]}.get(policy, [])
    return kept + wanted
