"""The values that a preview consists of; their JSON is documented and stable. No behaviour but counting."""

from collections import Counter
from datetime import datetime
from typing import Final

from msgspec import Struct, field

# What happens to a Certificate.
ISSUE: Final = "issue"
"""It gets its first certificate."""
REISSUE: Final = "reissue"
"""The certificate that it has is replaced."""
REWRITE: Final = "rewrite"
"""Its Secret is written again, with the same key and certificate."""
ADOPT: Final = "adopt"
"""It takes over a Secret that is there already, as it is."""
BLOCK: Final = "block"
"""It would be issued, but something is in the way."""
UPDATE: Final = "update"
"""It changes, and neither certificate nor Secret do."""
NONE: Final = "none"

# What happens to an object of the manifests itself.
CREATED: Final = "created"
CHANGED: Final = "changed"
UNCHANGED: Final = "unchanged"

# What happens to the target Secret; empty if nothing. `created` is the third.
ISSUED: Final = "issued"
REWRITTEN: Final = "rewritten"


class Revisions(Struct, frozen=True):
    """status.revision as it is (0: none yet), and as it would be."""

    from_: int = field(name="from")
    to: int


class Moment(Struct, frozen=True):
    """A time as it is and as it would be, None for never or not known.

    `estimated` if an issuer decides: then it is the latest, and the renewal spread may take something off.
    """

    from_: datetime | None = field(name="from")
    to: datetime | None
    estimated: bool = False


class CertificateEffect(Struct, frozen=True, kw_only=True, rename="camel"):
    """What would become of one Certificate.

    `action` is one of issue, reissue, rewrite, adopt, block, update and none. `object` says what the change
    makes of the Certificate itself: created, changed or unchanged. `secret_change` is created (it does not
    exist yet), issued (gets a new certificate), rewritten (the same key and certificate), or empty; `key`
    is new, kept or empty.
    """

    namespace: str
    name: str
    action: str
    object: str
    fields: tuple[str, ...] = ()
    reason: str = ""
    message: str = ""
    issuer: str = ""
    secret: str = ""
    secret_change: str = ""
    key: str = ""
    request: str = ""
    revision: Revisions | None = None
    renewal: Moment | None = field(default=None, name="renewalTime")
    deletes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class IssuerEffect(Struct, frozen=True, kw_only=True, rename="camel"):
    """What would become of an issuer, and whom it signs for.

    `new_ca` says where a new key pair of a CA issuer comes from, empty if there is none. `signs_now` are
    the Certificates that are issued by this change, `signs_later` those that meet the issuer at their next
    issuance, as `namespace/name`.
    """

    kind: str
    namespace: str
    name: str
    object: str
    fields: tuple[str, ...] = ()
    ready: bool
    detail: str = ""
    new_ca: str = field(default="", name="newCA")
    signs_now: tuple[str, ...] = ()
    signs_later: tuple[str, ...] = ()


class ObjectEffect(Struct, frozen=True, kw_only=True, rename="camel"):
    """What the change makes of an object that is neither Certificate nor issuer: a Secret, a request."""

    kind: str
    namespace: str
    name: str
    object: str
    fields: tuple[str, ...] = ()


class Preview(Struct, frozen=True, kw_only=True):
    """What a change would lead to."""

    certificates: tuple[CertificateEffect, ...] = ()
    issuers: tuple[IssuerEffect, ...] = ()
    objects: tuple[ObjectEffect, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether anything would change at all, be it only an object of the manifests."""
        others = any(each.object != UNCHANGED for each in self.objects)
        return bool(self.issuers) or others or any(each.action != NONE for each in self.certificates)

    def counts(self) -> dict[str, int]:
        """How many Certificates there are for each action, and how many Secrets are written again."""
        found = Counter(each.action for each in self.certificates)
        counts = {action: found[action] for action in (ISSUE, REISSUE, REWRITE, ADOPT, BLOCK, UPDATE, NONE)}
        counts[REWRITE] = sum(each.secret_change == REWRITTEN for each in self.certificates)
        return counts
