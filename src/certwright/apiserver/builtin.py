"""The kinds the server has without any CRD: their schemas, columns and names. Their rules are in
`builtin_rules`.

Only what the project needs is here; everything else of Kubernetes is refused by `discovery` not listing it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from certwright.apiserver.builtin_rules import BuiltIn, ConfigMaps, Events, Leases, Namespaces, Secrets
from certwright.apiserver.definitions import DefinitionRules
from certwright.apiserver.durations import UNKNOWN, age
from certwright.apiserver.kinds import Column, Kind, Object, Strategy
from certwright.apiserver.object_meta import OBJECT_META
from certwright.apiserver.structural import compile_schema

Schema = dict[str, Any]
API_EXTENSIONS: Final = "apiextensions.k8s.io"


def _text(description: str = "", **more: Any) -> Schema:
    return _described({"type": "string", **more}, description)


def _number(description: str = "", size: str = "int32") -> Schema:
    return _described({"type": "integer", "format": size}, description)


def _flag(description: str = "") -> Schema:
    return _described({"type": "boolean"}, description)


def _time(description: str = "") -> Schema:
    return _text(description, format="date-time")


def _map(of: Schema, description: str = "") -> Schema:
    return _described({"type": "object", "additionalProperties": of}, description)


def _object(description: str = "", /, **properties: Schema) -> Schema:
    return _described({"type": "object", "properties": properties}, description)


def _list(of: Schema, description: str = "", key: str = "", kind: str = "atomic") -> Schema:
    schema: Schema = {"type": "array", "items": of, "x-kubernetes-list-type": "map" if key else kind}
    if key:
        schema["x-kubernetes-list-map-keys"] = [key]
        schema["x-kubernetes-patch-strategy"] = "merge"
        schema["x-kubernetes-patch-merge-key"] = key
    return _described(schema, description)


def _described(schema: Schema, description: str) -> Schema:
    if description:
        schema["description"] = description
    return schema


_BYTES: Final = _text(nullable=True)  # whether it is base64, the rules of the kind say
_REFERENCE: Final = {
    "apiVersion": _text("API version of the object."),
    "fieldPath": _text("The part of the object that is meant."),
    "kind": _text("Kind of the object."),
    "name": _text("Name of the object."),
    "namespace": _text("Namespace of the object."),
    "resourceVersion": _text("The version of the object that is meant."),
    "uid": _text("UID of the object."),
}
_LOCAL_REFERENCE: Final = _object(name=_text("Name of the object in the same namespace."))

_NAMESPACE: Final = _object(
    "A namespace: a scope for names.",
    spec=_object(
        "What the server needs to know.", finalizers=_list(_text(), "What keeps the namespace from going.")
    ),
    status=_object(
        "What the server says.",
        phase=_text("Active, or Terminating while its objects are deleted."),
        conditions=_list(
            _object(
                "One observation.",
                type=_text(),
                status=_text(),
                reason=_text(),
                message=_text(),
                lastTransitionTime=_time(),
            ),
            "Why the namespace is not gone yet.",
            key="type",
        ),
    ),
)
_SECRET: Final = _object(
    "Confidential data, such as a private key with its certificate.",
    data=_map(_BYTES, "The data, base64-encoded."),
    stringData=_map(_text(), "Data given as text when writing; it is merged into data and never read back."),
    type=_text("What kind of data this is, such as kubernetes.io/tls. Cannot be changed."),
    immutable=_flag("Whether the data may never change again."),
)
_CONFIG_MAP: Final = _object(
    "Configuration data that is not confidential.",
    data=_map(_text(), "The data as text."),
    binaryData=_map(_BYTES, "The data that is not text, base64-encoded."),
    immutable=_flag("Whether the data may never change again."),
)
_EVENT: Final = _object(
    "Something that happened to an object, for people to read.",
    action=_text("What was done or failed."),
    count=_number("How often it has happened."),
    eventTime=_text("When it was first seen.", format="date-time", nullable=True),
    firstTimestamp=_text("When it happened first.", format="date-time", nullable=True),
    lastTimestamp=_text("When it happened last.", format="date-time", nullable=True),
    involvedObject=_object("What it happened to.", **_REFERENCE),
    message=_text("What happened, in words."),
    reason=_text("What happened, in one word."),
    related=_object("A second object that has to do with it.", **_REFERENCE),
    reportingComponent=_text("The controller that reports it."),
    reportingInstance=_text("The instance of that controller."),
    series=_object("How it repeats.", count=_number(), lastObservedTime=_time()),
    source=_object("Who reports it.", component=_text(), host=_text()),
    type=_text("Normal or Warning."),
)
_LEASE: Final = _object(
    "Who leads, and until when.",
    spec=_object(
        "The lease.",
        acquireTime=_time("When the holder took it."),
        holderIdentity=_text("Who holds it."),
        leaseDurationSeconds=_number("How long it lasts without renewal."),
        leaseTransitions=_number("How often it changed hands."),
        preferredHolder=_text("Who should have it next."),
        renewTime=_time("When the holder renewed it last."),
        strategy=_text("How the holder is chosen."),
    ),
)
_SERVICE_ACCOUNT: Final = _object(
    "An identity for programs.",
    automountServiceAccountToken=_flag("Kept for other clusters; nothing runs here."),
    imagePullSecrets=_list(_LOCAL_REFERENCE, "Kept for other clusters; nothing runs here."),
    secrets=_list(_object(**_REFERENCE), "Secrets that belong to the account.", key="name"),
)
_ANYTHING: Final[Schema] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_NAMES: Final = _object(
    "What the resource is called.",
    plural=_text("In paths: certificates."),
    singular=_text("By default the kind in lower case."),
    kind=_text("In objects: Certificate."),
    listKind=_text("By default the kind and List."),
    shortNames=_list(_text(), "For kubectl."),
    categories=_list(_text(), "Groups of resources, such as all."),
)
_DEFINITION: Final = _object(
    "A kind of object that is added while the server runs.",
    spec=_object(
        "The kind.",
        group=_text("API group, such as cert-manager.io."),
        names=_NAMES,
        scope=_text("Cluster or Namespaced."),
        preserveUnknownFields=_flag("Must be false."),
        conversion=_object("How versions are converted; only None.", strategy=_text(), webhook=_ANYTHING),
        versions=_list(
            _object(
                "One version.",
                name=_text("Such as v1."),
                served=_flag("Whether it can be used."),
                storage=_flag("Whether it is the one that is stored; exactly one is."),
                deprecated=_flag("Whether to warn who uses it."),
                deprecationWarning=_text("The warning."),
                schema=_object("What the objects look like.", openAPIV3Schema=_ANYTHING),
                subresources=_object(
                    "Subresources.",
                    status=_ANYTHING,
                    scale=_ANYTHING,
                ),
                additionalPrinterColumns=_list(
                    _object(
                        "A column of kubectl get.",
                        name=_text(),
                        type=_text(),
                        format=_text(),
                        description=_text(),
                        priority=_number(),
                        jsonPath=_text(),
                    ),
                    "Columns of kubectl get.",
                ),
                selectableFields=_list(
                    _object("A field.", jsonPath=_text()), "Fields that can be selected by."
                ),
            ),
            "The versions.",
        ),
    ),
    status=_object(
        "What the server says.",
        acceptedNames=_NAMES,
        storedVersions=_list(_text(), "Versions that objects may be stored in."),
        conditions=_list(
            _object(
                "One observation.",
                type=_text(),
                status=_text(),
                reason=_text(),
                message=_text(),
                lastTransitionTime=_time(),
                observedGeneration=_number(size="int64"),
            ),
            "Whether the kind is served.",
            key="type",
        ),
        observedGeneration=_number(size="int64"),
    ),
)


def _name_column() -> Column:
    return Column(
        "Name", "string", lambda obj, _now: obj["metadata"].get("name"), "name", "Name of the object."
    )


def _age_column(name: str = "Age") -> Column:
    def cell(obj: Object, now: float) -> str:
        return age(obj["metadata"].get("creationTimestamp"), now)

    return Column(name, "string", cell, description="How long ago the object was created.")


def _column(
    name: str, cell: Callable[[Object, float], Any], type_: str = "string", priority: int = 0
) -> Column:
    return Column(name, type_, cell, description=f"{name} of the object.", priority=priority)


def _count(*fields: str) -> Callable[[Object, float], int]:
    return lambda obj, _now: sum(len(obj.get(field) or ()) for field in fields)


def _event_age(obj: Object, now: float, *, last: bool) -> str:
    series = obj.get("series") or {}
    times = [obj.get("firstTimestamp"), obj.get("eventTime")]
    if last:
        times = [series.get("lastObservedTime"), obj.get("lastTimestamp"), *times]
    return age(next((time for time in times if time), None), now)


def _event_object(obj: Object, _now: float) -> str:
    involved = obj.get("involvedObject") or {}
    return f"{involved.get('kind', '').lower()}/{involved.get('name', '')}"


def _event_source(obj: Object, _now: float) -> str:
    source = obj.get("source") or {}
    parts = (source.get("component") or obj.get("reportingComponent"), source.get("host"))
    return ", ".join(part for part in parts if part)


_EVENT_COLUMNS: Final = (
    _column("Last Seen", lambda obj, now: _event_age(obj, now, last=True)),
    _column("Type", lambda obj, _now: obj.get("type", "")),
    _column("Reason", lambda obj, _now: obj.get("reason", "")),
    _column("Object", _event_object),
    _column(
        "Subobject", lambda obj, _now: (obj.get("involvedObject") or {}).get("fieldPath", ""), priority=1
    ),
    _column("Source", _event_source, priority=1),
    _column("Message", lambda obj, _now: (obj.get("message") or "").strip()),
    _column("First Seen", lambda obj, now: _event_age(obj, now, last=False), priority=1),
    _column("Count", lambda obj, _now: (obj.get("series") or obj).get("count", 1), "integer", 1),
    Column("Name", "string", lambda obj, _now: obj["metadata"].get("name"), "name", "Name of the event.", 1),
)
_EVENT_FIELDS: Final = (
    *(f"involvedObject.{name}" for name in ("apiVersion", "fieldPath", "kind", "name", "namespace")),
    "involvedObject.resourceVersion",
    "involvedObject.uid",
    "reason",
    "reportingComponent",
    "source",
    "type",
)


def _kind(
    group: str, version: str, plural: str, kind: str, schema: Schema, strategy: Strategy, **more: Any
) -> Kind:
    schema = {**schema, "properties": {**schema["properties"], "metadata": OBJECT_META}}
    columns = more.pop("columns", ())
    return Kind(
        group=group,
        version=version,
        plural=plural,
        singular=kind.lower(),
        kind=kind,
        list_kind=f"{kind}List",
        namespaced=more.pop("namespaced", True),
        schema=compile_schema(schema),
        document=schema,
        strategy=strategy,
        columns=columns if plural == "events" else (_name_column(), *columns),
        **more,
    )


def built_in_kinds() -> list[Kind]:
    """All of them."""
    return [
        _kind(
            "",
            "v1",
            "namespaces",
            "Namespace",
            _NAMESPACE,
            Namespaces(),
            namespaced=False,
            short_names=("ns",),
            status=True,
            selectable=("status.phase",),
            columns=(
                _column("Status", lambda obj, _now: (obj.get("status") or {}).get("phase", UNKNOWN)),
                _age_column(),
            ),
        ),
        _kind(
            "",
            "v1",
            "secrets",
            "Secret",
            _SECRET,
            Secrets(),
            selectable=("type",),
            columns=(
                _column("Type", lambda obj, _now: obj.get("type", "")),
                _column("Data", _count("data"), "string"),
                _age_column(),
            ),
        ),
        _kind(
            "",
            "v1",
            "configmaps",
            "ConfigMap",
            _CONFIG_MAP,
            ConfigMaps(),
            short_names=("cm",),
            columns=(_column("Data", _count("data", "binaryData"), "string"), _age_column()),
        ),
        _kind(
            "",
            "v1",
            "serviceaccounts",
            "ServiceAccount",
            _SERVICE_ACCOUNT,
            BuiltIn(),
            short_names=("sa",),
            columns=(_column("Secrets", _count("secrets"), "string"), _age_column()),
            not_served=("token",),
        ),
        _kind(
            "",
            "v1",
            "events",
            "Event",
            _EVENT,
            Events(),
            short_names=("ev",),
            columns=_EVENT_COLUMNS,
            selectable=_EVENT_FIELDS,
        ),
        _kind(
            "coordination.k8s.io",
            "v1",
            "leases",
            "Lease",
            _LEASE,
            Leases(),
            columns=(
                _column("Holder", lambda obj, _now: (obj.get("spec") or {}).get("holderIdentity", "")),
                _age_column(),
            ),
        ),
        _kind(
            API_EXTENSIONS,
            "v1",
            "customresourcedefinitions",
            "CustomResourceDefinition",
            _DEFINITION,
            DefinitionRules(),
            namespaced=False,
            short_names=("crd", "crds"),
            categories=("api-extensions",),
            status=True,
            columns=(
                _column("Created At", lambda obj, _now: obj["metadata"].get("creationTimestamp"), "date"),
            ),
        ),
    ]
