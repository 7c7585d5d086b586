import pytest

from certwright.apiserver import field_errors as fe


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("plain", '"plain"'),
        ('a"b\\c\n', r'"a\"b\\c\n"'),
        ("\x00é\u200b", r'"\x00é\u200b"'),
        (5, "5"),
        (True, "true"),
        (None, "null"),
        (2.5, "2.5"),
        (4.0, "4"),
        (1e22, "1e+22"),
        (1e-7, "1e-07"),
        (1e20, "100000000000000000000"),
        ({"b": 1, "a": "<&>"}, r'{"a":"\u003c\u0026\u003e","b":1}'),
        ([], "[]"),
    ],
)
def test_values_are_shown_as_upstream_shows_them(value, shown):
    assert fe.go_value(value) == shown


def test_the_message_says_what_kind_what_value_and_why():
    assert fe.message_of(fe.REQUIRED, "x") == "Required value"
    assert fe.message_of(fe.INVALID, "x", "why") == 'Invalid value: "x": why'
    assert fe.message_of(fe.INVALID, detail="why") == "Invalid value: why"
    assert fe.message_of(fe.TOO_LONG, "x", fe.at_most_bytes(1)) == "Too long: may not be more than 1 byte"
    assert fe.message_of(fe.TOO_MANY, 3, fe.at_most_items(2)) == "Too many: 3: must have at most 2 items"
    assert str(fe.FieldError("spec.x", fe.REQUIRED, "Required value")) == "spec.x: Required value"


def test_supported_values_are_quoted_in_the_schemas_order():
    assert fe.supported_values(["B", "A", 1]) == 'supported values: "B", "A", "1"'
