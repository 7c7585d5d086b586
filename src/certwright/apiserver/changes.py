"""What a write wants the object to be: the body itself, or a patch of what is stored. Nothing here is stored.

Each change makes a new object whose top level and metadata belong to the write path alone; it is made again
from what is stored when somebody else wrote in between.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from certwright.apiserver import field_errors as fe
from certwright.apiserver.bodies import (
    JSON,
    decode_json,
    decode_object,
    decode_yaml,
    media_type,
    repeated_fields,
)
from certwright.apiserver.defaulting import copy_json
from certwright.apiserver.field_errors import FieldError, message_of
from certwright.apiserver.kinds import Kind, Object
from certwright.apiserver.managed_fields import ApplyConflict, apply
from certwright.apiserver.options import WriteOptions
from certwright.apiserver.patch import PatchError, json_patch, merge_patch
from certwright.apiserver.status import (
    StatusError,
    apply_conflict,
    bad_request,
    invalid,
    too_large,
    unsupported_media_type,
)
from certwright.apiserver.strategic_patch import strategic_merge_patch

JSON_PATCH: Final = "application/json-patch+json"
MERGE_PATCH: Final = "application/merge-patch+json"
STRATEGIC_PATCH: Final = "application/strategic-merge-patch+json"
APPLY_PATCH: Final = "application/apply-patch+yaml"
_UNPROCESSABLE: Final = "the server rejected our request due to an error in our request"


@dataclass(slots=True)
class Scene:
    """What a change may look at."""

    kind: Kind
    namespace: str
    name: str
    subresource: str
    old: Object | None
    manager: str
    force: bool
    now: datetime


class Change:
    """How the new object comes about."""

    creates = False
    """Whether the object must not be there yet."""
    may_create = False
    """Whether the object need not be there yet."""
    names_object = False
    """Whether the change has to say the object's name itself (PUT)."""
    applies = False
    """Whether the managers of fields are settled by the change itself (server-side apply)."""

    def make(self, scene: Scene) -> Object:
        """The object as wanted. Raises StatusError."""
        raise NotImplementedError

    def repeated(self, options: WriteOptions) -> list[str]:
        """The fields that stand twice in what the client sent, where it asked to hear of them."""
        return []

    def unreadable(self, kind: Kind, why: str) -> StatusError:
        """The refusal of something that is no object of the kind at all."""
        return bad_request(
            f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: {why}'
        )


def _owned(obj: Object) -> Object:
    """The object with metadata that is an object, ready to be changed."""
    metadata = obj.get("metadata")
    if metadata is None:
        metadata = obj["metadata"] = {}
    elif not isinstance(metadata, dict):
        raise bad_request("metadata is not an object")
    for name in ("labels", "annotations"):
        texts = metadata.get(name)
        if isinstance(texts, dict) and None in texts.values():
            metadata[name] = {key: "" if text is None else text for key, text in texts.items()}
    return obj


@dataclass(slots=True)
class Body(Change):
    """POST and PUT: the body is the object."""

    body: bytes
    content_type: str
    creates: bool = False
    may_create: bool = False
    names_object: bool = True

    def make(self, scene: Scene) -> Object:
        """The object as wanted."""
        return _owned(decode_object(self.body, self.content_type or JSON))

    def repeated(self, options: WriteOptions) -> list[str]:
        """The fields that stand twice."""
        if not options.validation_asked or media_type(self.content_type) != JSON:
            return []
        return [f'duplicate field "{path}"' for path in repeated_fields(self.body)]


@dataclass(slots=True)
class Patch(Change):
    """PATCH with JSON patch, merge patch or strategic merge patch."""

    body: bytes
    content_type: str

    def make(self, scene: Scene) -> Object:
        """The object as wanted."""
        try:
            patched = self._patched(scene.old or {}, scene.kind)
        except PatchError as error:
            raise _refused(error) from None
        return _owned(patched)

    def repeated(self, options: WriteOptions) -> list[str]:
        """The fields that stand twice."""
        if not options.validation_asked:
            return []
        return [f'duplicate field "{path}"' for path in repeated_fields(self.body)]

    def unreadable(self, kind: Kind, why: str) -> StatusError:
        """Why it cannot be read."""
        # upstream shows the whole patched object here, the data of Secrets included
        text = message_of(fe.INVALID, "<the patched object>", why)
        return invalid("", "", "", [FieldError("patch", fe.INVALID, text)])

    def _patched(self, old: Object, kind: Kind) -> Object:
        patch = decode_json(self.body)
        match media_type(self.content_type):
            case "application/merge-patch+json":
                return merge_patch(old, patch)
            case "application/json-patch+json":
                return json_patch(old, patch)
            case _:
                return strategic_merge_patch(old, patch, kind.schema.schema)


def _refused(error: PatchError) -> StatusError:
    if error.status == 400:
        return bad_request(f"error decoding patch: {error.message}")
    if error.status == 413:
        return too_large(error.message)
    return StatusError(422, "Invalid", f"{_UNPROCESSABLE}: {error.message}", {})


@dataclass(slots=True)
class Apply(Change):
    """PATCH with an apply configuration: the fields one manager wants, merged with what others own."""

    body: bytes
    strict: bool
    may_create: bool = True
    applies: bool = True

    def make(self, scene: Scene) -> Object:
        """The object as wanted."""
        config = _owned(self._configuration())
        _check_configuration(config, scene)
        scene.kind.strategy.normalize(config)
        _check_types(config, scene)
        _confine(config, scene)
        live = scene.old or _blank(config, scene)
        try:
            return apply(
                live, config, scene.manager, scene.force, scene.subresource, scene.now, scene.kind.schema
            )
        except PatchError as error:
            raise _refused(error) from None
        except ApplyConflict as conflict:
            raise apply_conflict(str(conflict), conflict.causes) from None

    def _configuration(self) -> Object:
        value = decode_yaml(self.body, strict=self.strict)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise bad_request("error decoding YAML: the apply configuration is not an object")
        return value


def _check_configuration(config: Object, scene: Scene) -> None:
    kind, metadata = scene.kind, config["metadata"]
    version, name = config.get("apiVersion") or "", config.get("kind") or ""
    if (version, name) != (kind.api_version, kind.kind):
        raise bad_request(f"invalid object type: {version or '/'}, Kind={name}")
    if metadata.get("managedFields"):
        raise bad_request("metadata.managedFields must be nil")
    if not metadata.get("name"):
        metadata["name"] = scene.name
    for field, wanted in (("name", scene.name), ("namespace", scene.namespace)):
        if metadata.get(field) and metadata[field] != wanted:
            text = f"the {field} of the provided object does not match the {field} sent on the request"
            raise bad_request(text)


def _check_types(config: Object, scene: Scene) -> None:
    """An apply says who owns what, so it cannot name what the schema does not know; upstream answers 500."""
    kind = scene.kind
    copy = copy_json(config)
    problems = [f".{path}: field not declared in schema" for path in kind.schema.prune(copy)]
    problems += [
        f".{error.field}: {error.message}"
        for error in kind.schema.validate(copy)
        if error.reason == fe.TYPE_INVALID and not _is_null(config, error.field)
    ]
    if problems:
        text = (
            problems[0] if len(problems) == 1 else "errors:\n" + "\n".join(f"  {each}" for each in problems)
        )
        what = f"{scene.namespace}/{scene.name}; {kind.api_version}, Kind={kind.kind}"
        raise bad_request(f"failed to create typed patch object ({what}): {text}")


def _is_null(config: Object, field: str) -> bool:
    value: Any = config
    for step in field.split("."):
        value = value.get(step) if isinstance(value, dict) else value
    return value is None


def _confine(config: Object, scene: Scene) -> None:
    """Leave in the configuration only what this (sub)resource may write."""
    if scene.subresource:
        for name in [
            n
            for n in config
            if n not in ("apiVersion", "kind", "metadata", *scene.kind.strategy.fields_of_status)
        ]:
            del config[name]
        config["metadata"] = {
            n: v
            for n, v in config["metadata"].items()
            if n in ("name", "namespace", "resourceVersion", "uid")
        }
    else:
        for name in scene.kind.strategy.fields_of_status:
            config.pop(name, None)


def _blank(config: Object, scene: Scene) -> Object:
    if scene.subresource:
        # the write path has checked that the object is there
        raise bad_request("a subresource cannot be applied before its object is created")
    metadata: Object = {"name": scene.name}
    if scene.kind.namespaced:
        metadata["namespace"] = scene.namespace
    return {"apiVersion": config["apiVersion"], "kind": config["kind"], "metadata": metadata}


def patch_of(kind: Kind, content_type: str, body: bytes, *, strict: bool = False) -> Change:
    """The change a PATCH asks for. Raises StatusError (415) for a patch type this kind does not take."""
    wanted = media_type(content_type)
    accepted = [JSON_PATCH, MERGE_PATCH]
    if not kind.custom:
        accepted.append(STRATEGIC_PATCH)
    accepted.append(APPLY_PATCH)
    if wanted not in accepted:
        raise unsupported_media_type(accepted)
    return Apply(body, strict) if wanted == APPLY_PATCH else Patch(body, wanted)
