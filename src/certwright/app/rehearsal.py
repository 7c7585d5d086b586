"""What an API server would make of manifests, by dry run: defaults, pruning, admission, and every mistake.

Nothing is stored. Only objects that certificates depend on are asked about; the rest is counted.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import msgspec

from certwright.api import codec
from certwright.api.certmanager import Certificate, ClusterIssuer, Issuer
from certwright.api.foreign import PartialObject, Secret
from certwright.api.meta import (
    CERT_MANAGER_GROUP,
    CERTIFICATE_REQUESTS,
    CERTIFICATES,
    CLUSTER_ISSUERS,
    ISSUERS,
    SECRETS,
    Resource,
)
from certwright.app.apply import Call, error_lines, send_apply, without_string_data
from certwright.app.errors import RunError
from certwright.app.manifests import Manifest
from certwright.controllers.preview import Change, Object
from certwright.kube.client import Client
from certwright.kube.errors import ApiError, Conflict, Forbidden, Invalid, NotFound

TYPES: Mapping[Resource, type[Object]] = {
    CERTIFICATES: Certificate,
    ISSUERS: Issuer,
    CLUSTER_ISSUERS: ClusterIssuer,
    SECRETS: Secret,
    CERTIFICATE_REQUESTS: PartialObject,
}

_AT_ONCE = 8
"""How many objects the server is asked about at the same time."""

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_MAY_NOT_WRITE = re.compile(r"cannot (?:patch|create|update) resource")


class Options(msgspec.Struct, frozen=True):
    """Where objects go that name no namespace, and in whose name they would be applied."""

    namespace: str
    field_manager: str


async def rehearse(
    client: Client, manifests: Sequence[Manifest], options: Options, now: datetime
) -> tuple[list[Change], list[str]]:
    """What each manifest would change, and a line for each thing that limits what can be said.

    Raises RunError with a line for each mistake in any of them, and ApiError when the server cannot be
    asked at all.
    """
    new_namespaces = {each.name for each in manifests if each.kind == "Namespace"}
    mistakes = [text for each in manifests if (text := _unknown_kind(each))]
    ours = [(each, resource) for each in manifests if (resource := _resource(each)) is not None]
    turn = asyncio.Semaphore(_AT_ONCE)
    rehearsals = []
    for manifest, resource in ours:
        namespace = (manifest.namespace or options.namespace) if resource.namespaced else None
        call = Call(resource, namespace, options.field_manager, dry_run=True)
        rehearsals.append(_Rehearsal(client, manifest, call, now, namespace in new_namespaces))
    found = await asyncio.gather(*(each.attempt(turn) for each in rehearsals))
    mistakes += [line for each in rehearsals for line in each.mistakes]
    if mistakes:
        raise RunError(*mistakes)
    notes = [line for each in rehearsals for line in each.notes]
    others = len(manifests) - len(ours)
    if others:
        objects = "1 object" if others == 1 else f"{others} objects"
        notes.append(f"{objects} of other kinds left out: certificates do not depend on them")
    return [change for change in found if change is not None], notes


class _Rehearsal:
    """That of one manifest; what there is to say about it is collected in `notes` and `mistakes`."""

    def __init__(
        self, client: Client, manifest: Manifest, call: Call, now: datetime, is_new_namespace: bool
    ) -> None:
        self.notes: list[str] = []
        self.mistakes: list[str] = []
        self._client = client
        self._manifest = manifest
        self._call = call
        self._now = now
        self._is_new_namespace = is_new_namespace

    async def attempt(self, turn: asyncio.Semaphore) -> Change | None:
        """What would become of the object, None if it is wrong. Raises ApiError if nobody could be asked."""
        try:
            async with turn:
                return await self._change()
        except (Invalid, Forbidden, NotFound, Conflict) as error:
            self.mistakes += error_lines(self._manifest, _explained(error, self._call.resource))
        except ValueError as error:  # a name that no path can hold, or a field of another type
            self.mistakes.append(f"{self._manifest.where}, {self._manifest.title}: {error}")
        return None

    async def _change(self) -> Change:
        before = await self._before()
        version = before["metadata"].get("resourceVersion") if before is not None else None
        try:
            body, warnings = await send_apply(self._client, self._call, self._manifest, version)
            after = msgspec.json.decode(body)
        except NotFound as error:
            if not (self._is_new_namespace and error.details.kind == "namespaces"):
                raise
            self._say(f"namespace {self._call.namespace} is not there yet: the server could not check it")
            after, warnings = self._new(), []
        except Forbidden as error:
            if not _MAY_NOT_WRITE.search(error.message):
                raise
            self._say("you may not write it, so the server was not asked: merged here, and not checked")
            after, warnings = self._merged(before), []
        for warning in warnings:
            self._say(warning)
        if before is not None:
            self._mind_kubectl(before)
        type_ = TYPES[self._call.resource]
        return Change(
            self._call.resource,
            codec.convert(before, type_) if before is not None else None,
            codec.convert(after, type_),
            changed_fields(before, after),
        )

    async def _before(self) -> dict[str, Any] | None:
        try:
            return await self._client.get(
                self._call.resource,
                self._manifest.name,
                self._call.namespace,
                type_=partial(msgspec.json.decode, type=dict[str, Any]),
            )
        except NotFound:
            return None

    def _new(self) -> dict[str, Any]:
        """The object as it stands in the manifest, with what every stored object has."""
        metadata = self._manifest.object["metadata"] | {
            "namespace": self._call.namespace or "",
            "uid": f"not-created-yet-{self._call.namespace}-{self._manifest.name}",
            "creationTimestamp": codec.to_builtins(self._now.replace(microsecond=0)),
            "generation": 1,
        }
        return without_string_data(self._manifest.object) | {"metadata": metadata}

    def _merged(self, before: dict[str, Any] | None) -> dict[str, Any]:
        wanted: dict[str, Any] = without_string_data(self._manifest.object)
        return self._new() if before is None else merged(before, wanted)

    def _mind_kubectl(self, before: Mapping[str, Any]) -> None:
        """Say which fields `kubectl apply` would remove, which server-side apply leaves alone."""
        text = (before["metadata"].get("annotations") or {}).get(_LAST_APPLIED)
        if not text:
            return
        try:
            last = msgspec.json.decode(text)
        except msgspec.DecodeError:
            return
        kept = _paths(self._manifest.object.get("spec"), "spec")
        gone = [path for path in _paths(last.get("spec"), "spec") if path not in kept]
        if gone:
            self._say(f"kubectl apply without --server-side would remove {', '.join(gone)}; here it stays")

    def _say(self, text: str) -> None:
        self.notes.append(f"{self._manifest.where}, {self._manifest.title}: {text}")


def changed_fields(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> tuple[str, ...]:
    """The paths in which two states of an object differ, server's bookkeeping and status aside; no values.

    Lists are compared as a whole. Nothing for an object that is new.
    """
    if before is None:
        return ()
    found: list[str] = []
    for key in before.keys() | after.keys():
        if key not in ("metadata", "status", "apiVersion", "kind"):
            found += _differences(before.get(key), after.get(key), key)
    for key in ("labels", "annotations"):
        one, other = (dict(each["metadata"].get(key) or {}) for each in (before, after))
        one.pop(_LAST_APPLIED, None)
        other.pop(_LAST_APPLIED, None)
        found += _differences(one, other, f"metadata.{key}")
    for key in ("finalizers", "ownerReferences"):
        found += _differences(before["metadata"].get(key), after["metadata"].get(key), f"metadata.{key}")
    return tuple(sorted(found))


def merged(live: Any, wanted: Any) -> Any:
    """What a server would make of `wanted`, roughly: objects are merged, everything else is replaced."""
    if not isinstance(live, dict) or not isinstance(wanted, dict):
        return wanted
    return live | {key: merged(live.get(key), value) for key, value in wanted.items()}


def _differences(before: Any, after: Any, path: str) -> list[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        keys = before.keys() | after.keys()
        return [p for key in keys for p in _differences(before.get(key), after.get(key), f"{path}.{key}")]
    return [] if before == after else [path]


def _paths(value: Any, path: str) -> list[str]:
    if isinstance(value, dict):
        return [p for key, each in value.items() for p in (f"{path}.{key}", *_paths(each, f"{path}.{key}"))]
    return []


def _resource(manifest: Manifest) -> Resource | None:
    kind = (manifest.api_version, manifest.kind)
    return next((each for each in TYPES if (each.api_version, each.kind) == kind), None)


def _unknown_kind(manifest: Manifest) -> str:
    """What is wrong with a kind of our group that does not exist, empty if nothing."""
    if manifest.api_version.rpartition("/")[0] != CERT_MANAGER_GROUP or _resource(manifest) is not None:
        return ""
    kinds = ", ".join(each.kind for each in TYPES if each.group)
    here = f"{manifest.where}: there is no {manifest.kind} in {manifest.api_version}"
    return f"{here}; the kinds are: {kinds} of {CERTIFICATES.api_version}"


def _explained(error: ApiError, resource: Resource) -> ApiError:
    """A 404 without a word on what is missing means that the server does not know the kind."""
    if not isinstance(error, NotFound) or error.details.kind:
        return error
    hint = "install its definition with: certwright crds | kubectl apply --server-side -f -"
    return NotFound(404, "NotFound", f"the server does not know {resource.qualified}; {hint}")
