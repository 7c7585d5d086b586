"""Whether issuers could sign once a change is made: as their condition says, or by checking them now.

An issuer that the change leaves alone is as ready as it says. One that is new or changed, or whose Secret
is, is checked as its controller would check it, with the Secrets of the change in place. Writes nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from certwright.api import conditions
from certwright.api.certmanager import Certificate, Issuer
from certwright.api.foreign import Secret
from certwright.api.meta import SECRETS
from certwright.api.reasons import READY
from certwright.controllers.issuers import secret_names
from certwright.controllers.secrets import decode_secret
from certwright.issuers.contract import Site
from certwright.issuers.registry import ISSUER_TYPES
from certwright.kube.client import Client
from certwright.kube.errors import Forbidden, NotFound
from certwright.plan.preview import Outlook
from certwright.plan.request import is_ready, issuer_type_of

IssuerKey = tuple[str, str, str]
"""Kind, namespace (empty for ClusterIssuer) and name."""

MISSING = Outlook(ready=False, detail="it does not exist")


class IssuerOutlooks:
    """The outlooks of the issuers as they would be; `certificates` may make the Secrets that they need."""

    def __init__(
        self,
        client: Client,
        issuers: Mapping[IssuerKey, Issuer],
        certificates: Sequence[Certificate],
        cluster_resource_namespace: str,
        now: datetime,
    ) -> None:
        self._client = client
        self._issuers = issuers
        self._certificates = certificates
        self._cluster_namespace = cluster_resource_namespace
        self._now = now
        self._found = {key: _as_it_says(issuer) for key, issuer in issuers.items()}

    async def check(
        self, changed: Iterable[tuple[str, str, str]], secrets: Mapping[tuple[str, str], Secret]
    ) -> None:
        """Check the issuers that are changed themselves, or whose Secrets are. Raises ApiError.

        `changed` holds kind, namespace and name of objects, `secrets` the Secrets as they would be.
        """
        changed = set(changed)
        for key, issuer in self._issuers.items():
            needs = [(self.namespace_of(key), name) for name in secret_names(issuer)]
            if key in changed or any((SECRETS.kind, *secret) in changed for secret in needs):
                self._found[key] = await self._check(key, issuer, secrets)
            outlook = self._found[key]
            maker = self._maker(needs) if not outlook.ready else ""
            if maker:
                text = f"until Certificate {maker} is issued, which makes its Secret"
                self._found[key] = Outlook(ready=False, detail=text)

    def of(self, key: IssuerKey) -> Outlook:
        """The outlook of one issuer, which need not exist."""
        return self._found.get(key, MISSING)

    def is_built_in(self, key: IssuerKey) -> bool:
        """Whether an issuer is of a type that signs in the controllers' own process."""
        return issuer_type_of(self._issuers.get(key)) in ISSUER_TYPES

    def namespace_of(self, key: IssuerKey) -> str:
        """The namespace of an issuer's own Secrets."""
        return self._cluster_namespace if key[0] == "ClusterIssuer" else key[1]

    async def _check(
        self, key: IssuerKey, issuer: Issuer, secrets: Mapping[tuple[str, str], Secret]
    ) -> Outlook:
        type_ = ISSUER_TYPES.get(issuer_type_of(issuer))
        if type_ is None:
            name = issuer_type_of(issuer)
            return Outlook(
                ready=False, detail=f"issuers of type {name or 'none'} do not sign in this version"
            )
        site = Site(issuer, self.namespace_of(key), _Reader(self._client, secrets), self._now)
        try:
            checked = await type_.check(site)
        except Forbidden as error:
            return Outlook(ready=False, detail=f"not known: {error.message}")
        return Outlook(ready=checked.ready, detail="" if checked.ready else checked.message)

    def _maker(self, needs: Sequence[tuple[str, str]]) -> str:
        """The Certificate that writes one of the Secrets, if any does."""
        for each in self._certificates:
            if (each.metadata.namespace, each.spec.secret_name) in needs:
                return each.metadata.name
        return ""


class _Reader:
    """Reads Secrets for a check: those of the change first, then live. Keeps none."""

    def __init__(self, client: Client, given: Mapping[tuple[str, str], Secret]) -> None:
        self._client = client
        self._given = given

    async def secret(self, namespace: str, name: str) -> Secret | None:
        """A whole Secret, as it would be."""
        if (namespace, name) in self._given:
            return self._given[(namespace, name)]
        try:
            return await self._client.get(SECRETS, name, namespace, type_=decode_secret)
        except NotFound:
            return None

    async def private_key(self, namespace: str, name: str) -> bytes | None:
        """No request is signed here, so no key is needed."""
        return None


def _as_it_says(issuer: Issuer) -> Outlook:
    if is_ready(issuer):
        return Outlook(ready=True)
    ready = conditions.find(issuer.status.conditions, READY)
    return Outlook(
        ready=False, detail="no controller has looked at it yet" if ready is None else ready.message
    )
