"""Who owns whom: an index of owner references over all objects, kept up change by change; it deletes nothing.

Every update costs as much as the references it changes, and an owner that goes away as much as it has
dependents, so thousands of dependents are never walked once for each of them.
"""

from __future__ import annotations

import logging
from typing import Any

import msgspec

from certwright.apiserver.record import Change, Record

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"


class Reference(msgspec.Struct, frozen=True, rename="camel"):
    """The parts of an OwnerReference that decide what happens."""

    uid: str = ""
    api_version: str = ""
    kind: str = ""
    name: str = ""
    block_owner_deletion: bool | None = None

    @property
    def group(self) -> str:
        """The API group of the owner's kind."""
        return self.api_version.rpartition("/")[0]


class _Metadata(msgspec.Struct, rename="camel"):
    name: str = ""
    uid: str = ""
    deletion_timestamp: str | None = None
    owner_references: list[Reference] | None = None
    finalizers: list[str] | None = None


class _Header(msgspec.Struct, rename="camel"):
    kind: str = ""
    api_version: str = ""
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


_log = logging.getLogger(__name__)
_decode = msgspec.json.Decoder(_Header).decode


class Node(msgspec.Struct, frozen=True):
    """One live object, as far as ownership goes."""

    key: str
    revision: int
    uid: str
    group: str
    kind: str
    name: str
    namespace: str
    references: tuple[Reference, ...]
    deleting: bool
    finalizers: tuple[str, ...]

    @property
    def orphaning(self) -> bool:
        """It is going away and its dependents stay: they have to forget it first."""
        return self.deleting and ORPHAN in self.finalizers

    @property
    def waiting(self) -> bool:
        """It is going away after its dependents (and orphans nobody)."""
        return self.deleting and FOREGROUND in self.finalizers and not self.orphaning


def node_of(record: Record) -> Node | None:
    """The node of an object; None for one without a uid, which nobody can refer to."""
    try:
        header = _decode(record.value)
    except msgspec.MsgspecError as error:
        # one object that should never have been stored must not stop the collection of all others
        _log.error("%s has unreadable metadata and is left out of garbage collection: %s", record.key, error)
        return None
    metadata = header.metadata
    if not metadata.uid:
        return None
    return Node(
        key=record.key,
        revision=record.revision,
        uid=metadata.uid,
        group=header.api_version.rpartition("/")[0],
        kind=header.kind,
        name=metadata.name,
        namespace=record.key.split("/", 3)[2],
        references=tuple(metadata.owner_references or ()),
        deleting=metadata.deletion_timestamp is not None,
        finalizers=tuple(metadata.finalizers or ()),
    )


def references_without(obj: dict[str, Any], uids: set[str]) -> list[dict[str, Any]]:
    """The owner references of a decoded object except those to the given uids."""
    return [ref for ref in obj["metadata"].get("ownerReferences") or () if ref.get("uid") not in uids]


class Graph:
    """Nodes by uid, and the dependents of every uid that is referred to, whether it exists or not."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.gone: set[str] = set()
        """Owners seen to go that have dependents: absent for certain, even when their kind goes as well."""
        self._dependents: dict[str, dict[str, None]] = {}
        self._blocking: dict[str, int] = {}

    def dependents(self, uid: str) -> list[str]:
        """The uids of the objects that name this one as an owner."""
        return list(self._dependents.get(uid, ()))

    def has_dependents(self, uid: str) -> bool:
        """Whether any object names this one as an owner."""
        return uid in self._dependents

    def is_orphaning(self, uid: str) -> bool:
        """Whether this one is going away without its dependents."""
        node = self.nodes.get(uid)
        return node is not None and node.orphaning

    def is_blocked(self, uid: str) -> bool:
        """Whether a dependent with blockOwnerDeletion is still there."""
        return uid in self._blocking

    def apply(self, change: Change) -> list[str]:
        """Take one change in; returns the uids that have to be looked at because of it."""
        node = node_of(change.record)
        if node is None:
            return []
        return self._remove(node.uid) if change.deleted else self.put(node)

    def put(self, node: Node) -> list[str]:
        """Add or replace a node; returns the uids to look at."""
        before = self.nodes.get(node.uid)
        self.nodes[node.uid] = node
        look: list[str] = []
        if before is None or before.references != node.references:
            look += self._relink(node.uid, () if before is None else before.references, node.references)
            look.append(node.uid)
        if (node.waiting or node.orphaning) and _stage(before) != _stage(node):
            look += [*self.dependents(node.uid), node.uid]
        return look

    def _remove(self, uid: str) -> list[str]:
        node = self.nodes.pop(uid, None)
        if node is None:
            return []
        if uid in self._dependents:
            self.gone.add(uid)
        return self._relink(uid, node.references, ()) + self.dependents(uid)

    def _relink(self, uid: str, old: tuple[Reference, ...], new: tuple[Reference, ...]) -> list[str]:
        """Move a dependent from old to new owners; returns the owners that now wait for nobody any more."""
        for owner in {ref.uid for ref in new}:
            self._dependents.setdefault(owner, {})[uid] = None
        for owner in {ref.uid for ref in old} - {ref.uid for ref in new}:
            dependents = self._dependents[owner]
            del dependents[uid]
            if not dependents:
                del self._dependents[owner]
                self.gone.discard(owner)
        was, now = _blocked_by(old), _blocked_by(new)
        for owner in now - was:
            self._blocking[owner] = self._blocking.get(owner, 0) + 1
        for owner in was - now:
            self._blocking[owner] -= 1
            if not self._blocking[owner]:
                del self._blocking[owner]
        return [owner for owner in {ref.uid for ref in old} if self._may_go(owner)]

    def _may_go(self, uid: str) -> bool:
        owner = self.nodes.get(uid)
        if owner is None:
            return False
        if owner.orphaning:
            return not self.has_dependents(uid)
        return owner.waiting and not self.is_blocked(uid)


def _stage(node: Node | None) -> tuple[bool, bool]:
    return (False, False) if node is None else (node.orphaning, node.waiting)


def _blocked_by(references: tuple[Reference, ...]) -> set[str]:
    return {ref.uid for ref in references if ref.block_owner_deletion}
