"""Foresees what a change would lead to: gathers the namespaces it touches, before and after. Writes nothing.

The comparison itself is `plan.preview`; what the server would make of each manifest is asked before, by
whoever calls this. Everything is read live, and once for each namespace.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial

from msgspec import Struct

from certwright.api.certmanager import Certificate, CertificateRequest, ClusterIssuer, Issuer
from certwright.api.codec import decode
from certwright.api.foreign import PartialObject, Secret
from certwright.api.meta import (
    CERTIFICATE_REQUESTS,
    CERTIFICATES,
    CLUSTER_ISSUERS,
    ISSUERS,
    SECRETS,
    Resource,
    controller_of,
)
from certwright.api.references import is_ours, issuer_key
from certwright.controllers.certificates import owner_index
from certwright.controllers.issuer_outlook import IssuerKey, IssuerOutlooks
from certwright.controllers.issuers import secret_names, signs_at_once
from certwright.controllers.keystore_passwords import password_fact, references
from certwright.controllers.secrets import LABELLED, decode_facts, decode_secret
from certwright.controllers.worlds import assemble
from certwright.kube.client import Client
from certwright.kube.errors import Forbidden, NotFound
from certwright.plan.effects import CHANGED, CREATED, UNCHANGED, ObjectEffect, Preview
from certwright.plan.preview import CertificateCase, IssuerCase, Outlook, preview
from certwright.plan.request import is_ready
from certwright.plan.secret_facts import secret_facts
from certwright.plan.world import CertificateWorld, KeystorePassword, Policy, SecretFacts

Object = Certificate | Issuer | Secret | PartialObject
Key = tuple[str, str]
"""Namespace and name."""


class Change(Struct, frozen=True):
    """One object as it is (None: not there), and as it would be. `fields` are the paths that differ."""

    resource: Resource
    before: Object | None
    after: Object
    fields: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        """Namespace and name."""
        return self.after.metadata.namespace, self.after.metadata.name

    @property
    def object(self) -> str:
        """Whether the object itself is created, changed or unchanged."""
        return CREATED if self.before is None else CHANGED if self.fields else UNCHANGED

    @property
    def effect(self) -> ObjectEffect:
        """What it means for the object alone."""
        namespace, name = self.key
        return ObjectEffect(
            kind=self.resource.kind, namespace=namespace, name=name, object=self.object, fields=self.fields
        )


class Settings(Struct, frozen=True):
    """What the controllers of the cluster are taken to be set to."""

    policy: Policy = Policy()
    cluster_resource_namespace: str = "cert-manager"


class _State(Struct):
    """The objects of the touched namespaces at one moment; `secrets` are facts, without private keys."""

    certificates: dict[Key, Certificate] = {}
    requests: dict[Key, CertificateRequest] = {}
    secrets: dict[Key, SecretFacts] = {}
    issuers: dict[IssuerKey, Issuer] = {}
    passwords: dict[Key, tuple[KeystorePassword, ...]] = {}

    def with_changes(self, changes: Iterable[Change]) -> "_State":
        """The same after the changes."""
        after = _State(dict(self.certificates), dict(self.requests), dict(self.secrets), dict(self.issuers))
        for change in changes:
            new = change.after
            if isinstance(new, Certificate):
                after.certificates[change.key] = new
            elif isinstance(new, Issuer):
                after.issuers[(change.resource.kind, *change.key)] = new
            elif isinstance(new, Secret):
                after.secrets[change.key] = secret_facts(new)
        return after

    def issuer_of(self, certificate: Certificate) -> Issuer | None:
        """The issuer of our own group that a Certificate refers to."""
        return self.issuers.get(_issuer_key(certificate)) if is_ours(certificate.spec.issuer_ref) else None


class _Worlds:
    """The worlds of all Certificates of a state, which must not change any more."""

    def __init__(self, state: _State) -> None:
        self.state = state
        self._requests: dict[str, list[CertificateRequest]] = defaultdict(list)
        self._next_keys: dict[str, list[SecretFacts]] = defaultdict(list)
        self._siblings: dict[Key, list[Certificate]] = defaultdict(list)
        for request in state.requests.values():
            for uid in owner_index(request):
                self._requests[uid].append(request)
        for facts in state.secrets.values():
            owner = controller_of(facts.metadata)
            if owner is not None:
                self._next_keys[owner.uid].append(facts)
        for certificate in state.certificates.values():
            self._siblings[_target(certificate)].append(certificate)

    def world(self, certificate: Certificate, *, signs: bool) -> CertificateWorld:
        """The world of one Certificate."""
        uid = certificate.metadata.uid
        return assemble(
            certificate,
            self.state.secrets.get(_target(certificate)),
            requests=self._requests.get(uid, ()),
            labelled=self._next_keys.get(uid, ()),
            siblings=self._siblings.get(_target(certificate), ()),
            signs=signs,
            passwords=self.state.passwords.get(_key(certificate), ()),
        )


async def foresee(
    client: Client, changes: Sequence[Change], settings: Settings, now: datetime, notes: Sequence[str] = ()
) -> Preview:
    """What the changes would lead to, all of them together. `now` is aware UTC. Raises ApiError.

    `notes` are passed through to the preview, with those about what could not be read.
    """
    namespaces = sorted({key[0] for change in changes if (key := change.key)[0]})
    notes = list(notes)
    before = await _read(client, namespaces, notes)
    after = before.with_changes(changes)
    await _add_targets(client, before, after, changes)
    await _add_passwords(client, before, {c.key: c.before for c in changes if c.resource == SECRETS})
    await _add_passwords(client, after, {c.key: c.after for c in changes if c.resource == SECRETS})
    outlooks = IssuerOutlooks(
        client, after.issuers, list(after.certificates.values()), settings.cluster_resource_namespace, now
    )
    changed = {(change.resource.kind, *change.key): change for change in changes}
    secrets = {change.key: change.after for change in changes if isinstance(change.after, Secret)}
    await outlooks.check({key for key, c in changed.items() if c.object != UNCHANGED}, secrets)
    worlds = _Worlds(before), _Worlds(after)
    cases = [_case(*worlds, key, outlooks, changed) for key in sorted(after.certificates)]
    everyone = await _everyone(client, after, changes, notes)
    issuers = [
        _issuer_case(before, key, issuer, outlooks, changed, everyone)
        for key, issuer in sorted(after.issuers.items())
    ]
    others = [change.effect for change in changes if not isinstance(change.after, Certificate | Issuer)]
    return preview(cases, issuers, others, settings.policy, now, notes)


async def _read(client: Client, namespaces: Sequence[str], notes: list[str]) -> _State:
    """Four lists for each namespace, and one of the ClusterIssuers."""
    state = _State()
    for namespace in namespaces:
        certificates, requests, secrets, issuers = await asyncio.gather(
            client.list_(CERTIFICATES, namespace, type_=partial(decode, cls=Certificate)),
            client.list_(CERTIFICATE_REQUESTS, namespace, type_=partial(decode, cls=CertificateRequest)),
            client.list_(SECRETS, namespace, type_=decode_facts, label_selector=LABELLED),
            client.list_(ISSUERS, namespace, type_=partial(decode, cls=Issuer)),
        )
        state.certificates |= {_key(each): each for each in certificates}
        state.requests |= {_key(each): each for each in requests}
        state.secrets |= {_key(each): each for each in secrets}
        state.issuers |= {("Issuer", *_key(each)): each for each in issuers}
    try:
        found = await client.list_(CLUSTER_ISSUERS, type_=partial(decode, cls=ClusterIssuer))
    except Forbidden:
        notes.append("ClusterIssuers may not be read: those that exist already are taken to be missing")
        found = []
    state.issuers |= {("ClusterIssuer", "", each.metadata.name): each for each in found}
    return state


async def _add_targets(client: Client, before: _State, after: _State, changes: Sequence[Change]) -> None:
    """Read the target Secrets that do not carry our label: somebody else made them, or they are missing."""
    given = {change.key for change in changes if change.resource == SECRETS}
    wanted = {
        _target(certificate) for certificate in (*before.certificates.values(), *after.certificates.values())
    }
    for change in changes:
        if isinstance(change.before, Secret):
            before.secrets[change.key] = secret_facts(change.before)
    for namespace, name in sorted(wanted - given - set(before.secrets)):
        try:
            facts = await client.get(SECRETS, name, namespace, type_=decode_facts)
        except NotFound:
            continue
        before.secrets[(namespace, name)] = after.secrets[(namespace, name)] = facts


async def _add_passwords(client: Client, state: _State, given: Mapping[Key, Object | None]) -> None:
    """Look at the passwords of keystores: in the Secrets of the change, or live."""
    for key, certificate in state.certificates.items():
        facts = []
        for keystore, reference in references(certificate).items():
            secret = given.get((key[0], reference.name))
            if secret is None and (key[0], reference.name) not in given:
                with suppress(NotFound):
                    secret = await client.get(SECRETS, reference.name, key[0], type_=decode_secret)
            facts.append(password_fact(keystore, reference, secret if isinstance(secret, Secret) else None))
        state.passwords[key] = tuple(facts)


async def _everyone(
    client: Client, after: _State, changes: Sequence[Change], notes: list[str]
) -> list[Certificate]:
    """The Certificates that issuers may sign for: of all namespaces, if a ClusterIssuer is touched."""
    known = dict(after.certificates)
    if any(change.resource == CLUSTER_ISSUERS and change.object == CHANGED for change in changes):
        try:
            found = await client.list_(CERTIFICATES, type_=partial(decode, cls=Certificate))
        except Forbidden:
            notes.append(
                "Certificates of other namespaces may not be read: those of a ClusterIssuer are not all"
            )
        else:
            known = {_key(each): each for each in found} | known
    return list(known.values())


def _case(
    before: _Worlds,
    after: _Worlds,
    key: Key,
    outlooks: IssuerOutlooks,
    changed: dict[IssuerKey, Change],
) -> CertificateCase:
    certificate, old = after.state.certificates[key], before.state.certificates.get(key)
    change = changed.get((CERTIFICATES.kind, *key))
    ours = is_ours(certificate.spec.issuer_ref)
    outlook = outlooks.of(_issuer_key(certificate)) if ours else Outlook(ready=True)
    signs = ours and outlook.ready and outlooks.is_built_in(_issuer_key(certificate))
    return CertificateCase(
        before=before.world(old, signs=signs_at_once(before.state.issuer_of(old)))
        if old is not None
        else None,
        after=after.world(certificate, signs=signs),
        issuer=outlook,
        fields=change.fields if change is not None else (),
    )


def _issuer_case(
    before: _State,
    key: IssuerKey,
    issuer: Issuer,
    outlooks: IssuerOutlooks,
    changed: dict[IssuerKey, Change],
    everyone: Sequence[Certificate],
) -> IssuerCase:
    change, old = changed.get(key), before.issuers.get(key)
    names = secret_names(issuer)
    secret = (outlooks.namespace_of(key), names[0]) if names else None
    given = changed.get((SECRETS.kind, *secret)) if secret is not None else None
    return IssuerCase(
        kind=key[0],
        namespace=key[1],
        name=key[2],
        object=change.object if change is not None else UNCHANGED,
        outlook=outlooks.of(key),
        was_ready=old is not None and is_ready(old),
        fields=change.fields if change is not None else (),
        ca_secret=secret,
        new_ca=given is not None and any(path.startswith("data.tls.") for path in given.fields),
        signs=tuple(
            f"{each.metadata.namespace}/{each.metadata.name}"
            for each in everyone
            if is_ours(each.spec.issuer_ref) and _issuer_key(each) == key
        ),
    )


def _issuer_key(certificate: Certificate) -> IssuerKey:
    name, kind, _ = issuer_key(certificate.spec.issuer_ref)
    return kind, "" if kind == "ClusterIssuer" else certificate.metadata.namespace, name


def _key(obj: Certificate | CertificateRequest | SecretFacts | Issuer) -> Key:
    return obj.metadata.namespace, obj.metadata.name


def _target(certificate: Certificate) -> Key:
    return certificate.metadata.namespace, certificate.spec.secret_name
