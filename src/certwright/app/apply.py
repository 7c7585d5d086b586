"""Puts manifests on an API server by server-side apply, and collects what the server says; reads no files."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from certwright.api.meta import CUSTOM_RESOURCE_DEFINITIONS, Resource
from certwright.app.errors import RunError
from certwright.app.manifests import Manifest
from certwright.kube import requests
from certwright.kube.client import Client
from certwright.kube.errors import ApiError, Conflict, NotFound, error_from

FIELD_MANAGER = "certwright"
DEFAULT_NAMESPACE = "default"

_UNKNOWN = re.compile(r'unknown field "(.+)"')
_WARNING = re.compile(r'299 \S+ "((?:[^"\\]|\\.)*)"')


class _ApiResource(msgspec.Struct, frozen=True):
    name: str
    kind: str
    namespaced: bool


class _ApiResourceList(msgspec.Struct, frozen=True):
    resources: list[_ApiResource] = []


class Applied(msgspec.Struct, frozen=True):
    """One object that the server took; `action` is created, changed or unchanged."""

    manifest: Manifest
    action: str


async def apply_all(
    client: Client, manifests: Sequence[Manifest], warn: Callable[[str], None]
) -> list[Applied]:
    """Apply every object, also after one failed; the manifests win over fields that others have set.

    `warn` is called with one line for each warning of the server, such as unknown fields. Raises RunError
    with one line for each field that is wrong, once everything else is applied.
    """
    mistakes: list[str] = []
    done: list[Applied] = []
    kinds = _Kinds(client)
    for manifest in manifests:
        try:
            action, warnings = await _apply(client, await kinds.find(manifest), manifest)
        except ApiError as error:
            mistakes += error_lines(manifest, error)
        except ValueError as error:  # a name that no path can hold
            mistakes.append(f"{manifest.where}: {error}")
        else:
            done.append(Applied(manifest, action))
            for warning in warnings:
                warn(f"{manifest.where}, {manifest.title}: {warning}")
    if mistakes:
        raise RunError(*mistakes)
    return done


async def install_crds(client: Client, crds: Iterable[dict[str, Any]], given: Sequence[Manifest]) -> None:
    """Apply our CustomResourceDefinitions, except those that the user brings along. Raises RunError."""
    own = {manifest.name for manifest in given if manifest.kind == "CustomResourceDefinition"}
    for crd in crds:
        if crd["metadata"]["name"] in own:
            continue
        manifest = Manifest(source="built in", document=1, object=crd)
        try:
            await _apply(client, CUSTOM_RESOURCE_DEFINITIONS, manifest)
        except ApiError as error:
            raise RunError(*error_lines(manifest, error)) from error


class _Kinds:
    """Which resource an apiVersion and kind mean, as the server's discovery says."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[str, dict[str, Resource]] = {}

    async def find(self, manifest: Manifest) -> Resource:
        version, kind = manifest.api_version, manifest.kind
        found = self._known.get(version, {}).get(kind)
        if found is None:  # perhaps defined by a CustomResourceDefinition since
            self._known[version] = await self._discover(version)
            found = self._known[version].get(kind)
        if found is None:
            raise NotFound(404, "NotFound", f"the server knows no kind {kind} in {version}")
        return found

    async def _discover(self, api_version: str) -> dict[str, Resource]:
        group, _, version = api_version.rpartition("/")
        if "/" in group or not version:
            return {}
        root = f"/apis/{group}/{version}" if group else f"/api/{version}"
        try:
            body = await self._client.send(requests.Request(method="GET", path=root, verb="discover"))
        except NotFound:
            return {}
        return {
            each.kind: Resource(group, version, each.name, each.kind, each.namespaced)
            for each in msgspec.json.decode(body, type=_ApiResourceList).resources
            if "/" not in each.name
        }


async def _apply(client: Client, resource: Resource, manifest: Manifest) -> tuple[str, list[str]]:
    """Apply one object: what became of it, and the server's warnings. Raises ApiError."""
    namespace = (manifest.namespace or DEFAULT_NAMESPACE) if resource.namespaced else None
    before = await _version(client, resource, manifest.name, namespace)
    body, warnings = await send_apply(client, Call(resource, namespace), manifest, before)
    if before is None:
        return "created", warnings
    return ("unchanged" if before == _version_of(body) else "changed"), warnings


class Call(msgspec.Struct, frozen=True):
    """How to apply a manifest: as which resource, where (None: cluster-scoped), in whose name, if at all."""

    resource: Resource
    namespace: str | None
    field_manager: str = FIELD_MANAGER
    dry_run: bool = False


async def send_apply(
    client: Client, call: Call, manifest: Manifest, version: str | None
) -> tuple[bytes, list[str]]:
    """Server-side apply, with force: the object after it, and the server's warnings. Raises ApiError.

    `version` is the resourceVersion that the object has now, None where there is none.
    """
    obj = manifest.object
    if call.resource.qualified == "secrets":
        obj = without_string_data(obj)
    try:
        return await _send(client, _apply_request(call, manifest.name, obj))
    except Conflict:
        raise
    except ApiError:
        # Server-side apply refuses what it does not know, and stops at the first such field. An ordinary
        # write knows all that is wrong at once, and takes unknown fields with a warning: then, so do we.
        warnings = await _rehearse(client, call.resource, obj, call.namespace, version)
        unknown = [match[1] for match in map(_UNKNOWN.fullmatch, warnings) if match]
        if not unknown:
            raise
        obj = without_fields(obj, unknown)
        return (await _send(client, _apply_request(call, manifest.name, obj)))[0], warnings


def _apply_request(call: Call, name: str, obj: Mapping[str, Any]) -> requests.Request:
    return requests.patch(
        call.resource,
        name,
        msgspec.json.encode(obj),
        call.namespace,
        kind="apply",
        field_manager=call.field_manager,
        force=True,
        dry_run=call.dry_run,
    )


async def _rehearse(
    client: Client, resource: Resource, obj: dict[str, Any], namespace: str | None, version: str | None
) -> list[str]:
    """Write the object without storing it; returns the warnings. Raises ApiError with all that is wrong."""
    metadata = obj["metadata"] | ({"namespace": namespace} if namespace else {})
    if version is None:
        body = msgspec.json.encode(obj | {"metadata": metadata})
        request = requests.create(resource, body, namespace, dry_run=True)
    else:
        body = msgspec.json.encode(obj | {"metadata": metadata | {"resourceVersion": version}})
        request = requests.update(resource, metadata["name"], body, namespace, dry_run=True)
    return (await _send(client, request))[1]


async def _send(client: Client, request: requests.Request) -> tuple[bytes, list[str]]:
    request = msgspec.structs.replace(request, query=request.query | {"fieldValidation": "Warn"})
    answer = await client.transport.send(request)
    if answer.status >= 300:
        raise error_from(answer.status, answer.body, request.call)
    texts = _WARNING.findall(answer.headers.get("Warning", ""))
    return answer.body, [re.sub(r"\\(.)", r"\1", text) for text in texts]


def without_fields(value: Any, paths: Sequence[str]) -> Any:
    """A copy without the fields at paths such as `spec.keys[2].colour`; a key may itself contain dots."""
    if not paths:
        return value
    if isinstance(value, list):
        items = enumerate(value)
        return [without_fields(item, _below(f"[{number}]", paths)) for number, item in items]
    if not isinstance(value, dict):
        return value
    return {key: without_fields(item, _below(key, paths)) for key, item in value.items() if key not in paths}


def _below(key: str, paths: Sequence[str]) -> list[str]:
    rests = [path.removeprefix(key) for path in paths if path.startswith((f"{key}.", f"{key}["))]
    return [rest.removeprefix(".") for rest in rests]


async def _version(client: Client, resource: Resource, name: str, namespace: str | None) -> str | None:
    try:
        return await client.get(resource, name, namespace, type_=_version_of, metadata_only=True)
    except NotFound:
        return None


def _version_of(body: bytes) -> str:
    return str(msgspec.json.decode(body)["metadata"]["resourceVersion"])


def without_string_data(secret: dict[str, Any]) -> dict[str, Any]:
    """A Secret with `stringData` moved into `data`: the server would do so, but then own no field."""
    plain = secret.get("stringData")
    if not isinstance(plain, dict) or not all(isinstance(text, str) for text in plain.values()):
        return secret
    data = dict(secret.get("data") or {})
    data |= {key: base64.b64encode(text.encode()).decode() for key, text in plain.items()}
    return {key: value for key, value in secret.items() if key != "stringData"} | {"data": data}


def error_lines(manifest: Manifest, error: ApiError) -> list[str]:
    """One line for each field that is wrong, or one for the whole."""
    where = f"{manifest.where}, {manifest.title}"
    # `<nil>` says that more could be wrong, which the next attempt will show.
    causes = [cause for cause in error.details.causes if cause.field not in ("", "<nil>")]
    if causes:
        return [f"{where}: {cause.field}: {cause.message}" for cause in causes]
    return [f"{where}: {error.message}"]
