"""What the server serves: one `Kind` per resource, and the register of them. It holds no objects.

Built-in kinds come from `builtin`, the others from CustomResourceDefinitions at run time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from certwright.apiserver.field_errors import FieldError
from certwright.apiserver.structural import Structural

Object = dict[str, Any]
"""A decoded API object. Those that come from the log are shared: never change one in place."""

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


class Strategy:
    """What one kind does differently from all others. The defaults are those of a plain kind."""

    create_on_update = False
    """Whether PUT of a name that is not there creates the object."""
    unconditional_update = True
    """Whether PUT without a resourceVersion overwrites whatever is there."""
    generation = False
    """Whether `metadata.generation` counts the changes of everything but metadata and status."""
    fields_of_status: tuple[str, ...] = ()
    """The top-level fields that only the status subresource writes."""

    deletion_finalizers: tuple[str, ...] = ()
    """Finalizers that come with deletion, for what the server does before the object may go."""
    tracks_managers = True
    """Whether `metadata.managedFields` is kept."""

    def name_errors(self, name: str, *, prefix: bool) -> list[str]:
        """What is wrong with a name (or, with `prefix`, with a generateName)."""
        raise NotImplementedError

    def normalize(self, obj: Object) -> None:
        """Bring what a client sent into the form that is stored (and owned by field managers)."""

    def default(self, obj: Object) -> None:
        """Fill in defaults beyond the schema; `obj` may be changed at its top level and in metadata."""

    def unreadable(self, obj: Object) -> str:
        """Why an object cannot be read though its types are right; empty when it can."""
        return ""

    def prepare(self, new: Object, old: Object | None) -> None:
        """Set what the server owns, before validation; `new` may be changed at its top level."""

    def held(self, obj: Object) -> bool:
        """Whether an object that is being deleted has to stay for now."""
        return bool(obj["metadata"].get("finalizers"))

    def errors(self, new: Object, old: Object | None) -> list[FieldError]:
        """What is wrong with the object beyond what its schema says."""
        return []

    def warnings(self, new: Object) -> list[str]:
        """What the user should hear though the write goes ahead."""
        return []


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `kubectl get`: `cell` makes the value from an object (and now, as epoch seconds)."""

    name: str
    type: str
    cell: Callable[[Object, float], Any]
    format: str = ""
    description: str = ""
    priority: int = 0

    def definition(self) -> dict[str, Any]:
        """The column as `Table.columnDefinitions` says it."""
        return {
            "name": self.name,
            "type": self.type,
            "format": self.format,
            "description": self.description,
            "priority": self.priority,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One resource in one version: its names, its schema, its columns, its behaviour."""

    group: str
    version: str
    plural: str
    singular: str
    kind: str
    list_kind: str
    namespaced: bool
    schema: Structural
    """Prunes, defaults and validates."""
    document: dict[str, Any]
    """The schema as OpenAPI shows it."""
    strategy: Strategy
    columns: tuple[Column, ...]
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    status: bool = False
    """Whether there is a status subresource."""
    selectable: tuple[str, ...] = ()
    """Field selectors beyond metadata.name and metadata.namespace, as dotted paths."""
    preferred: bool = True
    custom: bool = False
    """Whether it came with a CustomResourceDefinition."""
    stored_api_version: str = ""
    """The version that the log holds; the same as `api_version` where there is only one."""
    other_versions: bool = False
    """Whether objects may have been stored in another version."""
    deprecation: str = ""
    """The warning for whoever uses this version."""
    not_served: tuple[str, ...] = ()
    """Subresources that Kubernetes has here and this server refuses by name."""
    api_version: str = field(init=False)
    prefix: str = field(init=False)
    """What every key of this kind in the log starts with."""

    def __post_init__(self) -> None:
        api_version = f"{self.group}/{self.version}" if self.group else self.version
        object.__setattr__(self, "api_version", api_version)
        object.__setattr__(self, "stored_api_version", self.stored_api_version or api_version)
        object.__setattr__(self, "prefix", f"{self.group}/{self.plural}/")

    def key(self, namespace: str, name: str) -> str:
        """Where the log keeps an object."""
        return f"{self.prefix}{namespace}/{name}"

    def prefix_in(self, namespace: str) -> str:
        """What every key in `namespace` starts with; in all namespaces when it is empty."""
        return f"{self.prefix}{namespace}/" if namespace else self.prefix


class Kinds:
    """The register: found by the path of a request, changed when CRDs come and go."""

    def __init__(self, kinds: Sequence[Kind] = ()) -> None:
        self._by_path: dict[tuple[str, str, str], Kind] = {}
        self._by_resource: dict[tuple[str, str], Kind] = {}
        self._by_name: dict[tuple[str, str], Kind] = {}
        self.generation = 0
        """Counts the changes, so that discovery and OpenAPI documents can be cached."""
        for kind in kinds:
            self.put(kind)

    def get(self, group: str, version: str, plural: str) -> Kind | None:
        """The kind behind `/apis/GROUP/VERSION/PLURAL`."""
        return self._by_path.get((group, version, plural))

    def put(self, kind: Kind) -> None:
        """Serve a kind from now on."""
        self._by_path[kind.group, kind.version, kind.plural] = kind
        self._by_name[kind.api_version, kind.kind] = kind
        if kind.preferred or (kind.group, kind.plural) not in self._by_resource:
            self._by_resource[kind.group, kind.plural] = kind
        self.generation += 1

    def remove(self, group: str, plural: str) -> None:
        """Serve a resource no more, in none of its versions."""
        for path, kind in list(self._by_path.items()):
            if (kind.group, kind.plural) == (group, plural):
                del self._by_path[path], self._by_name[kind.api_version, kind.kind]
        self._by_resource.pop((group, plural), None)
        self.generation += 1

    def of_object(self, api_version: str, kind: str) -> Kind | None:
        """The kind that an object or an owner reference names."""
        return self._by_name.get((api_version, kind))

    def of_group(self, group: str, kind: str) -> Kind | None:
        """The preferred version of a kind that is named without a version."""
        return next((k for k in self._by_resource.values() if (k.group, k.kind) == (group, kind)), None)

    def of_resource(self, group: str, plural: str) -> Kind | None:
        """The preferred version of a resource."""
        return self._by_resource.get((group, plural))

    def resources(self) -> list[Kind]:
        """Every resource once, in its preferred version."""
        return list(self._by_resource.values())

    def __iter__(self) -> Iterator[Kind]:
        return iter(self._by_path.values())
