"""What is read from managedFields: what is ours, over all our entries, and who else writes."""

from typing import Any

from certwright.api.annotations import TARGET_SECRET_MANAGER
from certwright.api.meta import ManagedFieldsEntry
from certwright.plan.target_secret import owned_fields
from certwright.plan.world import OwnedFields


def entry(manager: str, fields: dict[str, Any] | None, **rest: str) -> ManagedFieldsEntry:
    return ManagedFieldsEntry(manager=manager, fields_v1=fields, **rest)


def test_all_entries_of_our_manager_count_together_whatever_their_operation() -> None:
    owned = owned_fields(
        [
            entry(TARGET_SECRET_MANAGER, {"f:data": {".": {}, "f:tls.crt": {}}}, operation="Apply"),
            entry(
                TARGET_SECRET_MANAGER,
                {
                    "f:metadata": {
                        "f:labels": {"f:a": {}},
                        "f:annotations": {"f:b": {}},
                        "f:ownerReferences": {'k:{"uid":"u1"}': {}},
                    }
                },
                operation="Update",
            ),
        ]
    )
    assert owned == OwnedFields(
        labels=frozenset({"a"}),
        annotations=frozenset({"b"}),
        data=frozenset({"tls.crt"}),
        owner_uids=frozenset({"u1"}),
    )


def test_others_are_named_and_those_that_write_key_or_certificate_apart() -> None:
    owned = owned_fields(
        [
            entry("velero", {"f:data": {"f:tls.key": {}}}),
            entry("labeller", {"f:metadata": {"f:labels": {"f:tls.key": {}}}}),
            entry("adder", {"f:data": {"f:other": {}}}),
            entry("empty", None),
            entry("velero", {"f:data": {"f:tls.crt": {}}}),
        ]
    )
    assert owned.pair_writers == ("velero",)
    assert owned.others == ("adder", "empty", "labeller", "velero")
    assert owned.data == owned.labels == frozenset()


def test_entries_of_ours_that_cannot_be_read_are_an_error_and_those_of_others_are_not() -> None:
    assert owned_fields([entry("other", {}, fields_type="FieldsV9")]).error == ""
    assert "FieldsV9" in owned_fields([entry(TARGET_SECRET_MANAGER, {}, fields_type="FieldsV9")]).error
