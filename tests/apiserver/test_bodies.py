from typing import Any

import pytest

from certwright.apiserver.bodies import decode, decode_yaml, repeated_fields
from certwright.apiserver.status import StatusError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: yes", True),
        ("a: 'yes'", "yes"),
        ("a: off", False),
        ("a: 2026-01-01", "2026-01-01"),
        ("a: 12:30", "12:30"),
        ("a: 017", 15),
        ("a: 0x1f", 31),
        ("a: 1e3", 1000.0),
        ("a: 1.5", 1.5),
        ("a: -7", -7),
        ("a: ~", None),
        ("a:", None),
        ("a: 2160h", "2160h"),
        ("a: 1.2.3", "1.2.3"),
        ('{"a": [1, "x"]}', [1, "x"]),
        ("{a: 1}", 1),
        ("base: &b {x: 1}\na: {<<: *b, y: 2}", {"x": 1, "y": 2}),
    ],
)
def test_yaml_is_read_as_kubernetes_reads_it(text: str, value: Any) -> None:
    assert decode_yaml(text.encode())["a"] == value


def test_keys_are_text() -> None:
    assert decode_yaml(b"1: a\nyes: b\n") == {"1": "a", "yes": "b"}


def test_a_repeated_key_is_refused_when_asked_strictly() -> None:
    assert decode_yaml(b"a: 1\na: 2\n") == {"a": 2}
    with pytest.raises(StatusError, match='line 2: key "a" already set in map'):
        decode_yaml(b"a: 1\na: 2\n", strict=True)


@pytest.mark.parametrize("text", [b"a: b: c", b"\xff\xfe\x00", b"!!python/object:os.system {}", b"[" * 5000])
def test_what_cannot_be_read_is_a_bad_request(text: bytes) -> None:
    with pytest.raises(StatusError) as refused:
        decode_yaml(text)
    assert refused.value.code == 400


def test_other_formats_are_refused_with_those_that_are_read() -> None:
    with pytest.raises(StatusError, match="accepted media types include: application/json, application/yaml"):
        decode(b"<a/>", "text/xml")


def test_repeated_fields_are_named_with_their_paths() -> None:
    text = b'{"a":1,"b":{"c":1,"c":2},"l":[{"x":1,"x":2}],"a":2}'
    assert repeated_fields(text) == ["b.c", "l[0].x", "a"]
    assert repeated_fields(b'{"a":{"b":1},"c":{"b":2}}') == []
    assert repeated_fields(b"{") == []
