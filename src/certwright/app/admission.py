"""Our rules for what may be stored, asked by an API server of the same process as it would ask a webhook.

What the rules are is in `webhook`.
"""

from __future__ import annotations

from collections.abc import Callable

from certwright.apiserver import authorization
from certwright.apiserver.authorization import Access
from certwright.apiserver.cluster import Review
from certwright.apiserver.field_errors import INVALID, FieldError
from certwright.apiserver.kinds import Kind, Kinds
from certwright.apiserver.status import denied
from certwright.apiserver.wire import UserInfo
from certwright.webhook import approval, rules
from certwright.webhook.approval import Signer
from certwright.webhook.fields import in_words
from certwright.webhook.writes import Gates, Requester, Unreadable, Write


class Rules:
    """An Admission. `may` says who may do what, by default the server's own authorization."""

    def __init__(
        self, gates: Gates | None = None, may: Callable[[UserInfo, Access], bool] = authorization.may
    ) -> None:
        self._gates = gates or Gates()
        self._may = may

    def wants(self, kind: Kind, operation: str, subresource: str) -> bool:
        """Every write of our groups, subresources included."""
        del subresource
        return kind.group in rules.GROUPS and operation in rules.OPERATIONS

    async def mutate(self, review: Review) -> None:
        """Write what only the server knows into the object."""
        if review.new is not None:
            review.new = rules.mutate(_write(review))

    async def validate(self, review: Review) -> None:
        """Refuse what is wrong. Raises StatusError (403, or 400 for what cannot be read)."""
        if review.new is None:
            return

        async def find(group: str, kind: str) -> Signer | None:
            return _signer(review.kinds, group, kind)

        async def may(_: Requester, signer: str) -> bool:
            access = Access(approval.VERB, approval.SIGNERS_GROUP, approval.SIGNERS, signer)
            return self._may(review.user, access)

        try:
            found = await rules.validate(_write(review), self._gates, find, may)
        except Unreadable as error:
            cause = FieldError(error.field, INVALID, error.problem)
            raise denied(rules.NAME, str(error), [cause], code=400, reason="") from error
        if found.errors:
            causes = [FieldError(error.field, error.reason, error.message) for error in found.errors]
            raise denied(rules.NAME, in_words(found.errors), causes)
        review.warnings += found.warnings


def _write(review: Review) -> Write:
    kind, user = review.target.kind, review.user
    return Write(
        operation=review.operation,
        group=kind.group,
        plural=kind.plural,
        subresource=review.target.subresource,
        namespace=review.target.namespace,
        user=Requester(username=user.username, uid=user.uid, groups=user.groups, extra=dict(user.extra)),
        old=review.old,
        new=review.new or {},
    )


def _signer(kinds: Kinds, group: str, kind: str) -> Signer | None:
    found = kinds.of_group(group, kind)
    return None if found is None else Signer(found.plural, found.namespaced)
