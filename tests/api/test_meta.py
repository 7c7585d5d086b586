from datetime import UTC, datetime, timedelta, timezone

from certwright.api import codec, meta
from certwright.api.foreign import Secret
from certwright.api.meta import ObjectMeta, OwnerReference

OWNER = OwnerReference(api_version="v1", kind="Thing", name="a", uid="1")


def test_the_controller_is_the_owner_that_is_marked() -> None:
    controller = OwnerReference(api_version="v1", kind="Thing", name="b", uid="2", controller=True)
    assert meta.controller_of(ObjectMeta(owner_references=[OWNER, controller])) is controller
    assert meta.controller_of(ObjectMeta(owner_references=[OWNER])) is None
    assert meta.controlled_by(ObjectMeta(owner_references=[OWNER, controller]), "2")
    assert not meta.controlled_by(ObjectMeta(owner_references=[OWNER, controller]), "1")


def test_a_controller_reference_holds_up_foreground_deletion() -> None:
    made = meta.controller_reference(meta.CERTIFICATES, ObjectMeta(name="web", uid="7"))
    assert codec.to_builtins(made) == {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "name": "web",
        "uid": "7",
        "controller": True,
        "blockOwnerDeletion": True,
    }


def test_resources_know_their_api_version() -> None:
    assert meta.SECRETS.api_version == "v1"
    assert meta.ORDERS.api_version == "acme.cert-manager.io/v1"
    assert meta.CLUSTER_ISSUERS.qualified == "clusterissuers.cert-manager.io"
    assert meta.SECRETS.qualified == "secrets"


def test_a_whole_second_is_utc_and_cut() -> None:
    vienna = timezone(timedelta(hours=1))
    moment = datetime(2026, 1, 2, 3, 4, 5, 999_999, tzinfo=vienna)
    assert meta.whole_second(moment).isoformat() == "2026-01-02T02:04:05+00:00"


def test_micro_time_always_has_six_decimals() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert meta.micro_time(moment) == "2026-01-02T03:04:05.000000Z"
    assert meta.micro_time(moment + timedelta(microseconds=42)) == "2026-01-02T03:04:05.000042Z"


def test_metadata_reads_and_writes_the_names_of_the_wire() -> None:
    text = (
        b'{"name":"a","generateName":"b","namespace":"c","uid":"d","resourceVersion":"5","generation":2,'
        b'"creationTimestamp":"2026-01-02T03:04:05Z","deletionTimestamp":"2026-01-02T03:04:06Z",'
        b'"labels":{"x":"y"},"annotations":{"p":"q"},'
        b'"ownerReferences":[{"apiVersion":"v1","kind":"Thing","name":"a","uid":"1"}],"finalizers":["f"]}'
    )
    read = codec.decode(text, ObjectMeta)
    assert read.owner_references == [OWNER]
    assert codec.encode(read) == text


def test_a_secret_keeps_its_field_managers() -> None:
    text = (
        b'{"metadata":{"managedFields":[{"manager":"m","operation":"Apply","apiVersion":"v1",'
        b'"fieldsType":"FieldsV1","fieldsV1":{"f:data":{"f:tls.crt":{}}}}]}}'
    )
    entry = codec.decode(text, Secret).metadata.managed_fields[0]
    assert entry.manager == "m"
    assert entry.fields_v1 == {"f:data": {"f:tls.crt": {}}}
