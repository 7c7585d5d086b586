"""What the built-in kinds check and fill in beyond their schemas. The schemas are in `builtin`.

Source: `pkg/apis/core/validation` and `pkg/registry/core` of Kubernetes; the texts are part of the contract.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from typing import Any, Final

from certwright.api import names
from certwright.apiserver import field_errors as fe
from certwright.apiserver.field_errors import FieldError, message_of
from certwright.apiserver.kinds import Object, Strategy

DATA_LIMIT: Final = 1024 * 1024
NAMESPACE_LABEL: Final = "kubernetes.io/metadata.name"
NAMESPACE_FINALIZER: Final = "kubernetes"
_IMMUTABLE_SET: Final = "field is immutable when `immutable` is set"
_EVENT_MESSAGE_LIMIT: Final = 1024
_EVENT_PART_LIMIT: Final = 128
_PEM: Final = b"-----BEGIN "


def error(field: str, reason: str, value: Any = fe.OMITTED, detail: str = "") -> FieldError:
    """One field error in upstream's words."""
    return FieldError(field, reason, message_of(reason, value, detail))


class BuiltIn(Strategy):
    """A built-in kind whose name is a DNS subdomain, or what `rule` says."""

    def __init__(self, rule: Callable[[str], list[str]] = names.dns_subdomain) -> None:
        self._rule = rule

    def name_errors(self, name: str, *, prefix: bool) -> list[str]:
        """What is wrong with a name, or with the beginning of one."""
        return self._rule(names.generated_name_prefix(name) if prefix else name)


def _data_errors(data: Object, field: str) -> list[FieldError]:
    return [error(f"{field}[{key}]", fe.INVALID, key, text) for key in data for text in names.data_key(key)]


def _immutable_errors(new: Object, old: Object | None, fields: tuple[str, ...]) -> list[FieldError]:
    if old is None or not old.get("immutable"):
        return []
    found = []
    if not new.get("immutable"):
        found.append(error("immutable", fe.FORBIDDEN, detail=_IMMUTABLE_SET))
    changed = [field for field in fields if (new.get(field) or {}) != (old.get(field) or {})]
    return found + [error(field, fe.FORBIDDEN, detail=_IMMUTABLE_SET) for field in changed]


def _decoded_size(text: str) -> int:
    return len(text) // 4 * 3 - text.count("=", -2)


def _not_base64(data: Object) -> str:
    """Which value is no base64, never what it is; null stands for no bytes."""
    for key, text in data.items():
        if text is None:
            data[key] = ""
            continue
        try:
            binascii.a2b_base64(text, strict_mode=True)
        except ValueError:
            return f"illegal base64 data in data[{key}]"
    return ""


class Secrets(BuiltIn):
    """Types and the keys they need, `stringData`, `immutable`, the size limit."""

    def normalize(self, obj: Object) -> None:
        """Bring it into the stored form."""
        texts = obj.get("stringData")
        if isinstance(texts, dict) and isinstance(obj.get("data"), dict | None):
            del obj["stringData"]
            data = dict(obj.get("data") or {})
            for key, text in texts.items():
                data[key] = base64.b64encode(str(text).encode()).decode()
            obj["data"] = data

    def default(self, obj: Object) -> None:
        """Fill in what the kind leaves out."""
        if obj.get("type") in ("", None):
            obj["type"] = "Opaque"
        if obj.get("data", {}) in ({}, None):
            obj.pop("data", None)

    def unreadable(self, obj: Object) -> str:
        """Why it cannot be read."""
        return _not_base64(obj.get("data") or {})

    def warnings(self, new: Object) -> list[str]:
        """What to warn of."""
        if new["type"] != "kubernetes.io/tls":
            return []
        data = new.get("data") or {}
        for key, what in (("tls.crt", "certificate"), ("tls.key", "key")):
            if _PEM not in base64.b64decode(data.get(key, "")):
                return [f"tls: failed to find any PEM data in {what} input"]
        return []

    def errors(self, new: Object, old: Object | None) -> list[FieldError]:
        """What is wrong beyond the schema."""
        data: dict[str, str] = new.get("data") or {}
        found = _data_errors(data, "data")
        if sum(_decoded_size(text) for text in data.values()) > DATA_LIMIT:
            found.append(error("data", fe.TOO_LONG, detail=fe.at_most_bytes(DATA_LIMIT)))
        found += _typed_secret_errors(new, data)
        if old is not None:
            if new.get("type") != old.get("type"):
                found.append(error("type", fe.INVALID, new.get("type"), "field is immutable"))
            found += _immutable_errors(new, old, ("data",))
        return found


_NEEDED: Final = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
}
_ACCOUNT_ANNOTATION: Final = "kubernetes.io/service-account.name"


def _typed_secret_errors(new: Object, data: dict[str, str]) -> list[FieldError]:
    kind = new["type"]
    found = [error(f"data[{key}]", fe.REQUIRED) for key in _NEEDED.get(kind, ()) if key not in data]
    account = (new["metadata"].get("annotations") or {}).get(_ACCOUNT_ANNOTATION)
    if kind == "kubernetes.io/basic-auth" and "username" not in data and "password" not in data:
        found = [error(f"data[{key}]", fe.REQUIRED) for key in ("username", "password")]
    if kind == "kubernetes.io/service-account-token" and not account:
        found.append(error(f"metadata.annotations[{_ACCOUNT_ANNOTATION}]", fe.REQUIRED))
    if kind in ("kubernetes.io/dockercfg", "kubernetes.io/dockerconfigjson") and not found:
        (key,) = _NEEDED[kind]
        try:
            json.loads(base64.b64decode(data[key]))
        except ValueError as cause:
            found.append(
                error(f"data[{key}]", fe.INVALID, "<secret contents redacted>", type(cause).__name__)
            )
    return found


class ConfigMaps(BuiltIn):
    """Keys, `immutable`, the size limit."""

    def unreadable(self, obj: Object) -> str:
        """Why it cannot be read."""
        return _not_base64(obj.get("binaryData") or {})

    def errors(self, new: Object, old: Object | None) -> list[FieldError]:
        """What is wrong beyond the schema."""
        texts, blobs = new.get("data") or {}, new.get("binaryData") or {}
        found = _data_errors(texts, "data")
        for key in texts:
            if key in blobs:
                found.append(error(f"data[{key}]", fe.INVALID, key, "duplicate of key present in binaryData"))
        found += _data_errors(blobs, "binaryData")
        size = sum(len(text.encode()) for text in texts.values()) + sum(
            _decoded_size(b) for b in blobs.values()
        )
        if size > DATA_LIMIT:
            found.append(error("[]", fe.TOO_LONG, detail=fe.at_most_bytes(DATA_LIMIT)))
        return found + _immutable_errors(new, old, ("data", "binaryData"))


class Namespaces(BuiltIn):
    """The finalizer and phase, and the label that selects a namespace by name."""

    fields_of_status = ("status",)

    def __init__(self) -> None:
        super().__init__(names.dns_label)

    def prepare(self, new: Object, old: Object | None) -> None:
        """Set what the server owns."""
        if old is None:
            spec = dict(new.get("spec") or {})
            spec["finalizers"] = sorted({*(spec.get("finalizers") or ()), NAMESPACE_FINALIZER})
            new["spec"] = spec
            new["status"] = {"phase": "Active"}
        else:
            new["spec"] = old["spec"]

    def default(self, obj: Object) -> None:
        """Fill in what the kind leaves out."""
        metadata = obj["metadata"]
        labels, name = metadata.get("labels") or {}, metadata.get("name")
        if name and labels.get(NAMESPACE_LABEL) != name:
            metadata["labels"] = {**labels, NAMESPACE_LABEL: name}

    def held(self, obj: Object) -> bool:
        """Whether it has to stay while it is being deleted."""
        return bool((obj.get("spec") or {}).get("finalizers")) or super().held(obj)


class Events(BuiltIn):
    """Events: cheap to write, kept for a while, owned by nobody."""

    create_on_update = True
    tracks_managers = False

    def errors(self, new: Object, old: Object | None) -> list[FieldError]:
        """What is wrong beyond the schema."""
        involved = new.get("involvedObject") or {}
        namespace, mine = involved.get("namespace") or "", new["metadata"].get("namespace") or ""
        found: list[FieldError] = []
        if mine != namespace and (namespace or mine != "default"):
            found.append(
                error("involvedObject.namespace", fe.INVALID, namespace, "does not match event.namespace")
            )
        if new.get("eventTime") and old is None:
            found += _new_event_errors(new)
        return found


def _new_event_errors(new: Object) -> list[FieldError]:
    found = [
        error(field, fe.REQUIRED)
        for field in ("reportingComponent", "reportingInstance", "action", "reason")
        if not new.get(field)
    ]
    found += [
        error(field, fe.INVALID, "", f"can have at most {_EVENT_PART_LIMIT} characters")
        for field in ("reportingInstance", "action", "reason")
        if len(new.get(field) or "") > _EVENT_PART_LIMIT
    ]
    if len(new.get("message") or "") > _EVENT_MESSAGE_LIMIT:
        found.append(error("message", fe.INVALID, "", f"can have at most {_EVENT_MESSAGE_LIMIT} characters"))
    return found


class Leases(BuiltIn):
    """Leases: durations and counts that make sense."""

    create_on_update = True

    def errors(self, new: Object, old: Object | None) -> list[FieldError]:
        """What is wrong beyond the schema."""
        spec = new.get("spec") or {}
        seconds, transitions = spec.get("leaseDurationSeconds"), spec.get("leaseTransitions")
        found: list[FieldError] = []
        if seconds is not None and seconds <= 0:
            found.append(error("spec.leaseDurationSeconds", fe.INVALID, seconds, "must be greater than 0"))
        if transitions is not None and transitions < 0:
            found.append(
                error("spec.leaseTransitions", fe.INVALID, transitions, "must be greater than or equal to 0")
            )
        return found
