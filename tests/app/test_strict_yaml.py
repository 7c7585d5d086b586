"""YAML as kubectl reads it. The values were compared with what kubectl 1.32 prints for the same text."""

from typing import Any

import pytest

from certwright.app.strict_yaml import TextError, read_documents


def value(text: str) -> Any:
    ((_, result),) = read_documents(text.encode())
    return result


def mistake(text: str | bytes) -> str:
    data = text if isinstance(text, bytes) else text.encode()
    return next(str(result) for _, result in read_documents(data) if isinstance(result, TextError))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("y", True),
        ("on", True),
        ("Yes", True),
        ("NO", False),
        ("yEs", "yEs"),
        ("2026-01-01", "2026-01-01"),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("12:30", "12:30"),
        ("12:30:45", "12:30:45"),
        ("017", 15),
        ("0o17", 15),
        ("08", 8),
        ("1_000", 1000),
        ("0x1F", 31),
        ("0b11", 3),
        ("-0b11", -3),
        ("+5", 5),
        (".5", 0.5),
        ("1.", 1),
        ("1e3", 1000),
        ("1.2.3", "1.2.3"),
        ("18446744073709551615", 18446744073709551615),
        ("18446744073709551616", 18446744073709551616.0),
        ("~", None),
        ("", None),
        ("'017'", "017"),
        ('"yes"', "yes"),
        ("!!str 017", "017"),
        ("!!int '017'", 15),
        ("!!binary aGk=", "hi"),
        ("!local bar", "bar"),
        ("|\n  a\n  --- b\n", "a\n--- b\n"),
    ],
)
def test_a_scalar_means_what_it_means_to_kubectl(text: str, expected: object) -> None:
    result = value(f"a: {text}")["a"]
    assert result == expected
    assert type(result) is type(expected)


def test_keys_are_strings() -> None:
    assert value("{1: a, true: b, 1.5: c, x: d}") == {"1": "a", "true": "b", "1.5": "c", "x": "d"}


def test_merge_keys_and_anchors_expand_and_own_keys_win() -> None:
    assert value("{base: &b {k: v, z: 1}, own: {z: 2, <<: *b}, many: {<<: [{k: 1}, *b]}}") == {
        "base": {"k": "v", "z": 1},
        "own": {"k": "v", "z": 2},
        "many": {"k": 1, "z": 1},
    }


def test_one_bad_document_spoils_no_other() -> None:
    documents = list(read_documents(b"# hello\n---\na: 1\n---\nb: [\n---\n---\nd: 4\n"))
    assert documents[0] == (1, {"a": 1})
    assert str(documents[1][1]).startswith("line 6: ")
    assert documents[-1][1] == {"d": 4}


def test_directives_and_end_markers_are_understood() -> None:
    documents = list(read_documents(b"%YAML 1.1\n---\na: 1\n...\n---\nb: 2\n"))
    assert [value for _, value in documents] == [{"a": 1}, {"b": 2}]


def test_json_is_read_with_tabs_and_several_texts_in_one_file() -> None:
    text = '\ufeff{"a": 1,\n\t"b": ["yes", 1.0]}\n{"c": "2026-01-01"}\n'
    assert [value for _, value in read_documents(text.encode())] == [
        {"a": 1, "b": ["yes", 1.0]},
        {"c": "2026-01-01"},
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "line 3: the key 'a' is there twice"),
        ('{"a": 1, "a": 2}', "line 1: the key 'a' is there twice"),
        ("a: 1\n---\nb: 'x\n", "line 4: found unexpected end of stream (while scanning a quoted scalar that"),
        ("a: b\n  c: d", "line 2: mapping values are not allowed in this context"),
        ("\ta: b", "line 1: found character that cannot start any token"),
        ("a: *b", "line 1: there is no anchor 'b' before this"),
        ("a: &a [*a]", "line 1: the anchor 'a' contains itself"),
        ("\n~: 1", "line 2: a key must be a string"),
        ("[a, b]: 1", "line 1: a key must be a string"),
        ("a: .inf", "line 1: .inf cannot be said in JSON; quote it if it is text"),
        ("a: !!int b", "line 1: 'b' is not a !!int"),
        ("a: !!binary b", "line 1: !!binary is not the base64 of UTF-8 text"),
        ("a: {<<: 1}", "line 1: only mappings can be merged with <<"),
        ("a: \x01", "line 1: the character U+0001 is not allowed"),
        (b"a: 1\nb: \xff", "line 2: not UTF-8"),
        ("[" * 200_000, "line 1: nested more than 200 deep"),
        ("{a: " * 200_000, "line 1: nested more than 200 deep"),
    ],
)
def test_a_mistake_is_one_line_with_its_line_number(text: str | bytes, message: str) -> None:
    assert mistake(text).startswith(message)


def test_anchors_cannot_blow_a_document_up() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    assert mistake("\n".join(lines)).endswith("more than 2000000 values in one document")
