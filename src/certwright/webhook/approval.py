"""Who may approve or deny a CertificateRequest: whoever has the verb `approve` on the signer it names.

Rights and the kinds that are served are asked for through functions; nothing is known of them here.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from msgspec import Struct

from certwright.api.meta import CERTIFICATE_REQUESTS
from certwright.api.references import IssuerRef, issuer_key
from certwright.webhook.fields import FieldError, forbidden
from certwright.webhook.requests import DECISIONS, conditions_of, spec_of
from certwright.webhook.writes import UPDATE, Object, Requester, Write

VERB: Final = "approve"
SIGNERS_GROUP: Final = "cert-manager.io"
SIGNERS: Final = "signers"
"""The resource that rights to approve are given on; there are no such objects."""


class Signer(Struct, frozen=True):
    """A kind of issuer, as the API server serves it."""

    plural: str
    namespaced: bool


Find = Callable[[str, str], Awaitable[Signer | None]]
"""Finds the kind of a group, None when it is not served: `await find(group, kind)`."""
May = Callable[[Requester, str], Awaitable[bool]]
"""Whether a user has the verb `approve` on the signer of this name, at the scope of the cluster."""


async def check(write: Write, find: Find, may: May) -> list[FieldError]:
    """Refuse a decision by somebody who may not make it. Raises Unreadable."""
    if not decides(write):
        return []
    ref = spec_of(write.new).issuer_ref
    name, kind, group = issuer_key(ref)
    signer = await find(group, kind)
    if signer is None:
        detail = (
            f"the signer {name} is of kind {kind} in group {group}, which is not served here, so that nobody "
            "can be allowed to approve or deny for it"
        )
        return [forbidden("spec.issuerRef", detail)]
    for allowed in signer_names(signer, ref, write.namespace):
        if await may(write.user, allowed):
            return []
    wanted = signer_names(signer, ref, write.namespace)[-1]
    detail = (
        f'user "{write.user.username}" may not set Approved or Denied: needed is the verb {VERB} on '
        f"{SIGNERS}.{SIGNERS_GROUP} {wanted}, or on all of them"
    )
    return [forbidden("status.conditions", detail)]


def decides(write: Write) -> bool:
    """Whether a write sets Approved or Denied where it was not set before. Raises Unreadable."""
    resource = (write.group, write.plural, write.subresource)
    if write.operation != UPDATE or resource != (
        CERTIFICATE_REQUESTS.group,
        CERTIFICATE_REQUESTS.plural,
        "status",
    ):
        return False
    return bool(_decided(write.new) - _decided(write.old or {}))


def signer_names(signer: Signer, ref: IssuerRef, namespace: str) -> list[str]:
    """The names under which the right may be given: for all issuers of the kind, or for this one."""
    name, _, group = issuer_key(ref)
    one = f"{namespace}.{name}" if signer.namespaced else name
    return [f"{signer.plural}.{group}/*", f"{signer.plural}.{group}/{one}"]


def _decided(obj: Object) -> set[str]:
    return {each.type for each in conditions_of(obj) if each.type in DECISIONS}
