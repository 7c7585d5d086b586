from contextlib import suppress

from certwright.pki.memo import Memo


def test_the_same_content_is_parsed_once():
    parsed = []
    memo = Memo(lambda content: parsed.append(content) or len(parsed), 8)
    assert [memo(b"a"), memo(b"b"), memo(b"a")] == [1, 2, 1]


def test_several_contents_are_not_confused_with_their_concatenation():
    memo = Memo(lambda *contents: contents, 8)
    assert memo(b"ab", b"c") != memo(b"a", b"bc")


def test_a_failure_is_not_remembered():
    calls = []

    def parse(content):
        calls.append(content)
        raise ValueError

    memo = Memo(parse, 8)
    for _ in range(2):
        with suppress(ValueError):
            memo(b"a")
    assert len(calls) == 2


def test_the_size_is_bounded_and_what_is_used_stays():
    parsed = []
    memo = Memo(lambda content: parsed.append(content) or content, 16)
    memo(b"kept")
    for number in range(100):
        memo(bytes([number]))
        memo(b"kept")
        assert len(memo) <= 16
    assert parsed.count(b"kept") == 1
    memo.clear()
    assert len(memo) == 0
