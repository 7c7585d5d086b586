"""The whole vocabulary of effects a plan may ask for. Nothing here performs one.

A plan is an ordered tuple of actions. The shell runs them in order and stops at the first that
fails; it then gathers again and plans anew. An event is emitted only after the action that carries
it has succeeded, so an event never tells of something that did not happen.
"""

from datetime import datetime
from typing import Any

from msgspec import Struct

from certwright.api.meta import OwnerReference

NORMAL = "Normal"
WARNING = "Warning"


class Event(Struct, frozen=True):
    """A core/v1 Event to record about the planned object.

    `component` is the event's source component without the `cert-manager-` prefix.
    `once` asks the shell to record it at most once in the life of the object, or once for each `cause`.
    """

    reason: str
    message: str
    component: str
    type: str = NORMAL
    once: bool = False
    cause: str = ""


class Action(Struct, frozen=True, kw_only=True):
    """One effect, and the events to emit once it is done."""

    events: tuple[Event, ...] = ()


class Emit(Action, frozen=True):
    """Emit the events and nothing else."""


class PatchStatus(Action, frozen=True):
    """Merge-patch the status of the planned object, guarded by its resourceVersion.

    `status` holds what changed, in wire names; None removes a field (RFC 7386). With `apply` it is
    server-side applied instead, and holds all of the status that is ours: what is left out goes.
    """

    status: dict[str, Any]
    field_manager: str
    apply: bool = False


class Approve(PatchStatus, frozen=True):
    """Write the approval of a request, and nothing else."""


class GenerateKey(Action, frozen=True):
    """Make a private key and hold it in memory under the name its Secret would have."""

    name: str
    algorithm: str
    size: int


class ReuseKey(Action, frozen=True):
    """Hold the private key of an existing Secret, to be used for the next certificate."""

    name: str
    secret_name: str


class ForgetKey(Action, frozen=True):
    """Drop the private key held in memory: nothing depends on it."""


class StoreNextKey(Action, frozen=True):
    """Make the held private key durable: create its Secret, labelled and owned."""

    name: str


class CreateRequest(Action, frozen=True):
    """Create the CertificateRequest for a revision, its CSR signed with the next private key."""

    name: str
    key_name: str
    labels: dict[str, str]
    annotations: dict[str, str]


class DeleteRequest(Action, frozen=True):
    """Delete a CertificateRequest, if it is still the one that was judged."""

    name: str
    uid: str


class DeleteSecret(Action, frozen=True):
    """Delete a next-private-key Secret, if it is still the one that was judged."""

    name: str
    uid: str


class ApplySecret(Action, frozen=True):
    """Server-side apply the target Secret.

    `request` names the CertificateRequest whose certificate is stored together with the next
    private key. None re-applies the Secret with the key and certificate that it already holds.
    """

    name: str
    type: str
    labels: dict[str, str]
    annotations: dict[str, str]
    request: str | None = None
    owner: OwnerReference | None = None


class StoreTemporary(Action, frozen=True):
    """Have the target Secret hold a temporary certificate for the next private key until the real one is
    there: valid from `now`, for what `request` asks for.

    Done only if the Secret, as it then is, holds no certificate with its key.
    """

    request: str
    now: datetime


class Sign(Action, frozen=True):
    """Ask the issuer of this type to sign the request; `approve` approves it in the same write."""

    issuer_type: str
    approve: bool


class Check(Struct, frozen=True):
    """One step of the reasoning: what was asked, whether it held, and what was seen."""

    name: str
    passed: bool
    detail: str = ""


class Plan(Struct, frozen=True):
    """What to do next, when to look again without being told, and why.

    `waiting_for` names whose turn it is when there is nothing to do; empty if nobody's.
    """

    actions: tuple[Action, ...] = ()
    wake_at: datetime | None = None
    trace: tuple[Check, ...] = ()
    summary: str = ""
    waiting_for: str = ""
