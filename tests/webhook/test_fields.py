"""How field errors are put into words."""

from certwright.webhook import fields


def test_one_error_stands_alone_and_several_in_brackets() -> None:
    first, second = fields.required("spec.a"), fields.invalid("spec.b", 'x"', "no")
    assert fields.in_words([first]) == "spec.a: Required value: must be set"
    both = '[spec.a: Required value: must be set, spec.b: Invalid value: "x\\"": no]'
    assert fields.in_words([first, second, first]) == both


def test_values_are_quoted_and_cut() -> None:
    assert fields.invalid("a", "x" * 101, "no").message == f'Invalid value: "{"x" * 100}...": no'
    assert fields.invalid("a", 5, "no").message == "Invalid value: 5: no"
    assert fields.quoted("\ud800") == "'\\ud800'"


def test_what_is_possible_is_listed() -> None:
    message = fields.not_supported("a", 3, (1, "b")).message
    assert message == 'Unsupported value: 3: supported values: "1", "b"'
