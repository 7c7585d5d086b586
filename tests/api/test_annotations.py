from certwright.api import annotations, defaults, reasons


def constants(module: object) -> dict[str, object]:
    return {name: value for name, value in vars(module).items() if name.isupper()}


def test_no_two_annotation_keys_are_the_same() -> None:
    values = list(constants(annotations).values())
    assert len(values) == len(set(values))


def test_reasons_are_single_words_and_differ() -> None:
    values = [str(value) for value in constants(reasons).values()]
    assert len(values) == len(set(values))
    assert all(" " not in value for value in values)


def test_default_durations_are_those_of_the_api() -> None:
    assert defaults.DEFAULT_DURATION.days == 90
    assert defaults.MINIMUM_DURATION.total_seconds() == 3600
    assert defaults.MINIMUM_RENEW_BEFORE.total_seconds() == 300
