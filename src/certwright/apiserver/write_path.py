"""How a write becomes an object in the log: create, update and patch are one function, `write`, in small
steps.

The order is in `_carry_out`; every step refuses by raising StatusError.

Deleting is in `deletion`; what the object looks like to the client is in `representation`.
Source: `k8s.io/apiserver/pkg/registry/generic/registry/store.go`, `registry/rest/{create,update}.go`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import msgspec

from certwright.apiserver import field_errors as fe
from certwright.apiserver import metadata as meta
from certwright.apiserver.changes import Change, Scene
from certwright.apiserver.cluster import Cluster, Review, Target
from certwright.apiserver.field_errors import FieldError, message_of
from certwright.apiserver.kinds import Object
from certwright.apiserver.log import Conflict, Record
from certwright.apiserver.managed_fields import update_managers
from certwright.apiserver.namespaces import check_namespace
from certwright.apiserver.options import WriteOptions
from certwright.apiserver.scalar_checks import same
from certwright.apiserver.status import (
    StatusError,
    already_exists,
    bad_request,
    conflict,
    invalid,
    name_taken,
)
from certwright.apiserver.wire import UserInfo

ATTEMPTS: Final = 10
"""How often a repeatable change is made again when others keep writing the object in between."""
NAME_ATTEMPTS: Final = 8
"""How many names are tried for a generateName."""
_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class Written:
    """What came of it: the stored JSON, and what to tell the client."""

    value: bytes
    created: bool
    warnings: list[str]


@dataclass(slots=True)
class Draft:
    """A write under way. `new` belongs to it at the top level and in `metadata`; `old` is shared and stays as
    it is.
    """

    cluster: Cluster
    target: Target
    change: Change
    options: WriteOptions
    user: UserInfo
    now: datetime
    live: Record | None
    old: Object | None
    new: Object
    warnings: list[str] = field(default_factory=list)
    errors: list[FieldError] = field(default_factory=list)
    generated: bool = False
    """Whether the server chose the name."""

    @property
    def metadata(self) -> Object:
        """The metadata of the new object."""
        found: Object = self.new["metadata"]
        return found


async def write(
    cluster: Cluster, target: Target, change: Change, options: WriteOptions, user: UserInfo
) -> Written:
    """Store what `change` makes of the object. Raises StatusError for whatever is not allowed.

    Where somebody else wrote in between, the change is made again on the newer object: a patch then still
    fits, a body that names a version is refused, and a generated name is drawn anew.
    """
    for _ in range(ATTEMPTS):
        draft = _begin(cluster, target, change, options, user)
        try:
            return await _carry_out(draft)
        except StatusError as error:
            error.warnings = tuple(draft.warnings)
            raise
        except Conflict:
            if change.creates and not draft.generated:
                raise _exists(draft) from None
    raise _exists(draft) if change.creates else _modified(target)


async def _carry_out(draft: Draft) -> Written:
    _check_identity(draft)
    _check_preconditions(draft)
    _prune_and_default(draft)
    _fill_system_fields(draft)
    _keep_to_subresource(draft)
    _check_schema(draft)
    await _let_admission_change(draft)
    _count_generation(draft)
    _track_managers(draft)
    draft.target.kind.strategy.prepare(draft.new, draft.old)
    _check_rules(draft)
    await _let_admission_refuse(draft)
    if draft.live is not None and _changes_nothing(draft):
        return Written(draft.live.value, False, draft.warnings)
    return await _commit(draft)


def _begin(cluster: Cluster, target: Target, change: Change, options: WriteOptions, user: UserInfo) -> Draft:
    """Fetch what is stored, and make the object that is wanted instead."""
    kind, live = target.kind, None if change.creates else cluster.log.get(target.key)
    if live is None and (target.subresource or not (change.creates or change.may_create)):
        raise target.not_found()
    old = None if live is None else live.object
    now = cluster.clock()
    scene = Scene(
        kind, target.namespace, target.name, target.subresource, old, options.manager, options.force, now
    )
    new = change.make(scene)
    if why := meta.wrong_type(new["metadata"]):
        raise change.unreadable(kind, why)
    generated = change.creates and _generate_name(new["metadata"])
    if change.creates:
        target = Target(kind, target.namespace, new["metadata"].get("name") or "")
    draft = Draft(cluster, target, change, options, user, now, live, old, new, generated=generated)
    if old is None:
        check_namespace(cluster, target)
    if kind.deprecation:
        draft.warnings.append(kind.deprecation)
    return draft


def _generate_name(metadata: Object) -> bool:
    prefix = metadata.get("generateName")
    if metadata.get("name") or not prefix:
        return False
    metadata["name"] = meta.generated_name(prefix)
    return True


def _exists(draft: Draft) -> StatusError:
    kind, name = draft.target.kind, draft.target.name
    return (name_taken if draft.generated else already_exists)(kind.group, kind.plural, name)


def _modified(target: Target) -> StatusError:
    return conflict(target.kind.group, target.kind.plural, target.name)


def _check_identity(draft: Draft) -> None:
    """The object has to be of the kind, name and namespace that the path says."""
    kind, new, metadata, target = draft.target.kind, draft.new, draft.metadata, draft.target
    if kind.custom and not (new.get("apiVersion") and new.get("kind")):
        missing = "Kind" if not new.get("kind") else "apiVersion"
        raise draft.change.unreadable(kind, f"Object '{missing}' is missing")
    version, name = new.get("apiVersion") or kind.api_version, new.get("kind") or kind.kind
    if version not in (kind.api_version, kind.stored_api_version):
        raise bad_request(
            f"the API version in the data ({version}) does not match "
            f"the expected API version ({kind.api_version})"
        )
    if name != kind.kind:
        raise _other_kind(draft, name)
    new["apiVersion"], new["kind"] = kind.stored_api_version, kind.kind
    given = metadata.get("name") or ""
    if given != target.name:
        if given or draft.change.names_object:
            raise bad_request(
                f"the name of the object ({given}) does not match the name on the URL ({target.name})"
            )
        metadata["name"] = target.name
    namespace = metadata.get("namespace") or ""
    if not kind.namespaced:
        metadata.pop("namespace", None)
    elif not namespace:
        metadata["namespace"] = target.namespace
    elif namespace != target.namespace:
        raise bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )


def _other_kind(draft: Draft, given: str) -> StatusError:
    kind = draft.target.kind
    if not kind.custom:
        return bad_request(f'{given} in version "{kind.version}" cannot be handled as a {kind.kind}')
    text = message_of(fe.INVALID, given, f"must be {kind.kind}")
    return invalid(
        kind.group, given, draft.metadata.get("name") or "", [FieldError("kind", fe.INVALID, text)]
    )


def _check_preconditions(draft: Draft) -> None:
    """What the client says about uid and resourceVersion has to be true of what is stored."""
    target, old = draft.target, draft.old
    kind, uid, version = target.kind, draft.metadata.get("uid"), draft.metadata.get("resourceVersion")
    if version and not version.isdecimal():
        raise bad_request(
            f"metadata.resourceVersion: Invalid value: {version!r}: must be a whole number as text"
        )
    if version == "0":
        version = ""
    if old is None:
        if version and draft.change.creates:
            raise bad_request("resourceVersion should not be set on objects to be created")
        if uid and not draft.change.creates:
            why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: "
            raise conflict(kind.group, kind.plural, target.name, why)
        if version:
            raise _modified(target)
        return
    stored = old["metadata"]
    if uid and uid != stored["uid"] and draft.change.names_object:
        why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {stored['uid']}"
        raise conflict(kind.group, kind.plural, target.name, why)
    if not version and not kind.strategy.unconditional_update and not draft.change.applies:
        text = message_of(fe.INVALID, 0, "must be specified for an update")
        error = FieldError("metadata.resourceVersion", fe.INVALID, text)
        raise invalid(kind.group, kind.plural, target.name, [error])
    if version and version != stored["resourceVersion"]:
        raise _modified(target)


def _prune_and_default(draft: Draft) -> None:
    """Drop what the schema does not know, saying so as the client wants to hear it, and fill in defaults."""
    kind, validation = draft.target.kind, draft.options.validation
    kind.strategy.normalize(draft.new)
    kind.strategy.default(draft.new)
    kind.schema.default(draft.new)
    meta.drop_empty(draft.metadata)
    unknown = [f'unknown field "{path}"' for path in kind.schema.prune(draft.new)]
    if validation == "Ignore":
        return
    found = draft.change.repeated(draft.options) + unknown
    if found and validation == "Strict":
        raise draft.change.unreadable(kind, "strict decoding error: " + ", ".join(found))
    draft.warnings += found


def _fill_system_fields(draft: Draft) -> None:
    """The fields of metadata that only the server sets."""
    if draft.old is None:
        meta.fill_system_fields(draft.metadata, draft.now)
    else:
        meta.keep_system_fields(draft.metadata, draft.old["metadata"])


def _keep_to_subresource(draft: Draft) -> None:
    """The main resource cannot write the status; the status subresource can write nothing else."""
    old, owned = draft.old, draft.target.kind.strategy.fields_of_status
    source, fields = (draft.new, draft.new) if draft.target.subresource else (old or {}, draft.new)
    if draft.target.subresource and old is not None:
        managers = draft.metadata.get("managedFields")
        draft.new = {**old, "metadata": {**old["metadata"]}}
        if managers is not None:
            draft.metadata["managedFields"] = managers
        fields = draft.new
    for name in owned:
        if name in source:
            fields[name] = source[name]
        else:
            fields.pop(name, None)


def _check_schema(draft: Draft) -> None:
    """Types, formats, bounds and rules, as the schema has them; a built-in kind cannot even be read with
    wrong types.
    """
    kind = draft.target.kind
    draft.errors = kind.schema.validate(draft.new, old=draft.old)
    wrong = [error for error in draft.errors if not kind.custom or error.field.startswith("metadata.")]
    why = "; ".join(str(error) for error in wrong) or kind.strategy.unreadable(draft.new)
    if why:
        raise draft.change.unreadable(kind, why)


async def _let_admission_change(draft: Draft) -> None:
    """Whoever has a say may change the object; what it makes of it is pruned, defaulted and checked again."""
    kind = draft.target.kind
    review = None
    for admission in draft.cluster.admission:
        if admission.wants(kind, _operation(draft), draft.target.subresource):
            review = review or _review(draft)
            await admission.mutate(review)
    if review is None or review.new is None:
        return
    draft.warnings += review.warnings
    draft.new = review.new
    kind.schema.default(draft.new)
    kind.schema.prune(draft.new)
    _keep_to_subresource(draft)
    _check_schema(draft)


async def _let_admission_refuse(draft: Draft) -> None:
    """Whoever has a say looks at the object as it will be stored."""
    for admission in draft.cluster.admission:
        if admission.wants(draft.target.kind, _operation(draft), draft.target.subresource):
            review = _review(draft)
            await admission.validate(review)
            draft.warnings += review.warnings


def _operation(draft: Draft) -> str:
    return "CREATE" if draft.old is None else "UPDATE"


def _review(draft: Draft) -> Review:
    return Review(
        operation=_operation(draft),
        target=draft.target,
        user=draft.user,
        dry_run=draft.options.dry_run,
        old=draft.old,
        new=draft.new,
        kinds=draft.cluster.kinds,
    )


def _count_generation(draft: Draft) -> None:
    """Generation counts the changes of everything that is neither metadata nor (written by) the status
    subresource.
    """
    strategy, new, old = draft.target.kind.strategy, draft.new, draft.old
    if not strategy.generation:
        return
    if old is None:
        draft.metadata["generation"] = 1
        return
    apart = ("metadata", "apiVersion", *strategy.fields_of_status)
    if any(new.get(name) != old.get(name) for name in {**old, **new} if name not in apart):
        draft.metadata["generation"] = old["metadata"].get("generation", 0) + 1


def _track_managers(draft: Draft) -> None:
    """Who owns which field from now on."""
    kind = draft.target.kind
    if not kind.strategy.tracks_managers:
        draft.metadata.pop("managedFields", None)
    elif not draft.change.applies:
        manager, subresource = draft.options.manager, draft.target.subresource
        entries = update_managers(draft.old, draft.new, manager, subresource, draft.now, kind.schema)
        draft.metadata["managedFields"] = entries
        if not entries:
            del draft.metadata["managedFields"]


def _check_rules(draft: Draft) -> None:
    """Everything else that can be wrong, reported together with what the schema found."""
    kind, strategy = draft.target.kind, draft.target.kind.strategy
    old = None if draft.old is None else draft.old["metadata"]
    errors = meta.errors_of(kind, draft.metadata, old) + draft.errors
    errors += strategy.errors(draft.new, draft.old)
    if errors:
        raise invalid(kind.group, kind.kind, draft.target.name, errors)
    draft.warnings += strategy.warnings(draft.new)


def _changes_nothing(draft: Draft) -> bool:
    """Whether the object is what it was, but for the times at which managers wrote."""
    old, new = draft.old, draft.new
    if old is None:
        return False
    draft.metadata["resourceVersion"] = old["metadata"]["resourceVersion"]
    if new != old:
        ours, theirs = (_timeless(part["metadata"]) for part in (new, old))
        if ours != theirs or {**new, "metadata": None} != {**old, "metadata": None}:
            return False
    # Python takes 1 for True; the answer that saves a write is given only when that is not so
    return same({**new, "metadata": None}, {**old, "metadata": None})


def _timeless(metadata: Object) -> Object:
    managers = metadata.get("managedFields") or ()
    return {**metadata, "managedFields": [{**manager, "time": None} for manager in managers]}


async def _commit(draft: Draft) -> Written:
    """Write to the log; an object that was only waiting for its last finalizer goes."""
    log, kind, live = draft.cluster.log, draft.target.kind, draft.live
    value = b""

    def make(revision: int) -> bytes:
        nonlocal value
        draft.metadata["resourceVersion"] = str(revision)
        value = _encode(draft.new)
        return value

    key = draft.target.key
    if draft.options.dry_run:
        if live is None and log.get(key) is not None:
            raise Conflict(key, 0, 0)
        return Written(_encode(draft.new), live is None, draft.warnings)
    going = live is not None and "deletionTimestamp" in draft.metadata and not kind.strategy.held(draft.new)
    if going and live is not None:
        await log.delete(key, live.revision, make)
    else:
        await log.write(key, 0 if live is None else live.revision, make)
    draft.cluster.committed(kind, draft.new, going)
    return Written(value, live is None, draft.warnings)
