"""What every part of the server shares: the log, the kinds, the clock, and who else has a say in writes.

It decides nothing; the write path, the reads and the background tasks are functions over it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from certwright.apiserver.kinds import Kind, Kinds, Object
from certwright.apiserver.log import Log, Record
from certwright.apiserver.status import StatusError, not_found
from certwright.apiserver.wire import UserInfo


@dataclass(frozen=True, slots=True)
class Target:
    """The object or collection a request names. `name` is empty for a collection and before a name is
    generated.
    """

    kind: Kind
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    @property
    def key(self) -> str:
        """Where the log keeps the object."""
        return self.kind.key(self.namespace, self.name)

    def not_found(self) -> StatusError:
        """The answer when it is not there."""
        return not_found(self.kind.group, self.kind.plural, self.name)


@dataclass(slots=True)
class Review:
    """A write on its way in, shown to admission. `operation` is CREATE, UPDATE or DELETE."""

    operation: str
    target: Target
    user: UserInfo
    dry_run: bool
    old: Object | None
    """The stored object: not to be changed."""
    new: Object | None
    """The object to be stored: a mutating admission may change its top level, and replaces what is below."""
    kinds: Kinds
    """What the server serves."""
    warnings: list[str] = field(default_factory=list)


class Admission(Protocol):
    """A say in writes, as an admission webhook has it: raise StatusError to refuse."""

    def wants(self, kind: Kind, operation: str, subresource: str) -> bool:
        """Whether to be asked at all; called for every write."""

    async def mutate(self, review: Review) -> None:
        """Change `review.new`, before validation."""

    async def validate(self, review: Review) -> None:
        """Look at the object as it will be stored."""


@dataclass(slots=True)
class Cluster:
    """The state of one API server."""

    log: Log
    kinds: Kinds
    clock: Callable[[], datetime]
    admission: Sequence[Admission] = ()
    committed: Callable[[Kind, Object, bool], None] = lambda _kind, _new, _gone: None
    """Called after every write of a kind that defines kinds, before the write is answered."""

    def get(self, target: Target) -> Record:
        """The live object. Raises StatusError (404)."""
        record = self.log.get(target.key)
        if record is None:
            raise target.not_found()
        return record
