from datetime import UTC, datetime

from certwright.api import codec
from certwright.api.foreign import ConfigMap, Event, Lease, LeaseSpec, Namespace, Secret
from certwright.api.meta import ManagedObjectMeta, ObjectMeta, micro_time


def test_a_secret_shows_the_names_of_its_data_but_no_value() -> None:
    secret = Secret(
        metadata=ManagedObjectMeta(name="web", namespace="shop"),
        data={"tls.key": b"hush"},
        string_data={"password": "hush"},
    )
    shown = repr(secret) + str(secret) + str(secret.__rich_repr__())
    assert "hush" not in shown
    assert "tls.key" in shown


def test_secret_data_is_base64_on_the_wire() -> None:
    secret = codec.decode('{"data": {"a": "aHVzaA=="}, "type": "Opaque"}', Secret)
    assert secret.data == {"a": b"hush"}
    assert codec.to_builtins(secret)["data"] == {"a": "aHVzaA=="}


def test_a_lease_keeps_six_decimals_in_its_times() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    lease = Lease(metadata=ObjectMeta(name="a"), spec=LeaseSpec(renew_time=micro_time(now)))
    assert codec.to_builtins(lease)["spec"] == {"renewTime": "2026-01-01T00:00:00.000000Z"}


def test_other_kinds_carry_their_kind() -> None:
    for kind in (ConfigMap, Event, Lease, Namespace, Secret):
        assert codec.to_builtins(kind())["kind"] == kind.__name__
