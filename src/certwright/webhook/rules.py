"""All rules as one: which apply to a write, what it becomes, and what is wrong with it.

Who calls this (an HTTP webhook, or an API server in the same process) makes no difference to the rules.
"""

from collections.abc import Callable
from typing import Final

from certwright.api.defaults import GROUP, GROUP_ACME
from certwright.api.meta import CERTIFICATE_REQUESTS, CERTIFICATES, CLUSTER_ISSUERS, ISSUERS
from certwright.webhook import approval, certificates, issuers, requests
from certwright.webhook.approval import Find, May
from certwright.webhook.writes import CREATE, UPDATE, Findings, Gates, Object, Write

NAME: Final = "webhook.cert-manager.io"
"""The name of the webhook, which stands in every refusal."""
GROUPS: Final = (GROUP, GROUP_ACME)
OPERATIONS: Final = (CREATE, UPDATE)

_CHECKS: Final[dict[tuple[str, str], Callable[[Write, Gates], Findings]]] = {
    (CERTIFICATES.group, CERTIFICATES.plural): certificates.check,
    (CERTIFICATE_REQUESTS.group, CERTIFICATE_REQUESTS.plural): requests.check,
    (ISSUERS.group, ISSUERS.plural): issuers.check,
    (CLUSTER_ISSUERS.group, CLUSTER_ISSUERS.plural): issuers.check,
}


def mutate(write: Write) -> Object:
    """The object that is to be stored instead. It may still be wrong in any way: nothing has been checked."""
    if (write.group, write.plural) == (CERTIFICATE_REQUESTS.group, CERTIFICATE_REQUESTS.plural):
        return requests.mutate(write)
    return write.new


async def validate(write: Write, gates: Gates, find: Find, may: May) -> Findings:
    """All that is wrong with a write; who may approve is asked only when nothing else is wrong.

    Raises Unreadable for an object that cannot be read as one of its kind.
    """
    check = _CHECKS.get((write.group, write.plural))
    if check is None:
        return Findings()
    found = check(write, gates)
    if found.errors:
        return found
    return Findings(await approval.check(write, find, may), found.warnings)
