"""The ledger is what the chaos tests rest on, so it has to notice every kind of contradiction."""

import asyncio
from base64 import b64encode
from typing import Any

import pytest

from bench.ledger import Ledger
from certwright.pki import keys


def _object(version: int, name: str = "a", **fields: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "x", "resourceVersion": str(version)}, **fields}


def test_the_same_version_may_be_seen_many_times() -> None:
    ledger = Ledger()
    ledger.saw("configmaps", _object(7, data={"a": "1"}))
    ledger.saw_change("configmaps", _object(7, data={"a": "1"}, kind="ConfigMap", apiVersion="v1"))
    assert ledger.complaints == []
    assert ledger.newest == 7


@pytest.mark.parametrize(
    ("plural", "other"),
    [
        ("configmaps", _object(7, data={"a": "2"})),
        ("configmaps", _object(7, name="b", data={"a": "1"})),
        ("secrets", _object(7, data={"a": "1"})),
    ],
    ids=["other content", "another object", "another kind"],
)
def test_a_version_given_to_anything_else_is_noticed(plural: str, other: dict[str, Any]) -> None:
    ledger = Ledger()
    ledger.saw("configmaps", _object(7, data={"a": "1"}))
    ledger.saw(plural, other)
    assert len(ledger.complaints) == 1


def test_a_list_older_than_what_was_shown_is_noticed() -> None:
    ledger = Ledger()
    ledger.saw("configmaps", _object(7))
    ledger.saw_list("configmaps", 6, ledger.newest)
    assert len(ledger.complaints) == 1


def test_an_acknowledged_write_that_no_watch_shows_is_noticed_except_in_a_gap() -> None:
    ledger = Ledger()
    for version in (5, 7, 9):
        ledger.saw_acknowledgement("configmaps", _object(version))
    ledger.saw_change("configmaps", _object(9))
    assert ledger.unwatched("configmaps", 5, []) == [7]
    assert ledger.unwatched("configmaps", 5, [(6, 8)]) == []
    assert ledger.unwatched("secrets", 5, []) == []


def test_a_key_that_does_not_belong_to_its_certificate_is_noticed() -> None:
    from bench.cluster import make_ca

    certificate, key = make_ca("test")
    data = {"tls.crt": b64encode(certificate).decode(), "tls.key": b64encode(key).decode()}
    ledger = Ledger()
    ledger.saw("secrets", _object(1, type="kubernetes.io/tls", data=data))
    assert ledger.complaints == []
    other = data | {"tls.key": b64encode(keys.generate("ECDSA", 256)).decode()}
    ledger.saw("secrets", _object(2, type="kubernetes.io/tls", data=other))
    assert len(ledger.complaints) == 1
    assert ledger.pairs == 2


async def test_news_waits_for_a_version_that_is_new() -> None:
    ledger = Ledger()
    waiting = asyncio.ensure_future(ledger.news())
    await asyncio.sleep(0)
    ledger.saw("configmaps", _object(3))
    await waiting
