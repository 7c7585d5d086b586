"""Refusals by signer, without anybody who refuses: times are given."""

from datetime import UTC, datetime, timedelta

import pytest

from certwright.controllers.refusals import DOUBTFUL, Refusals

START = datetime(2026, 1, 1, tzinfo=UTC)
SIGNER = ("ext.example", "Y", "shop", "x")
OTHER = ("ext.example", "Y", "shop", "z")
KEYS = [("shop", f"web-{number}") for number in range(20)]


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


@pytest.fixture
def refusals() -> Refusals:
    return Refusals()


@pytest.fixture
def refused(refusals: Refusals) -> Refusals:
    """The first request was refused at the start."""
    refusals.ask(SIGNER, KEYS[0], START)
    refusals.refuse(SIGNER, KEYS[0], START, "no")
    return refusals


def may_ask(refusals: Refusals, number: int, after: float = 0.0, *, alone: bool = True) -> bool:
    return refusals.hold(SIGNER, KEYS[number], START + seconds(after), alone=alone) is None


def ask_whenever_possible(refusals: Refusals, start: datetime, end: datetime) -> int:
    """Have all requests come when they were told to; how often somebody asked."""
    due, asked = dict.fromkeys(KEYS, start), 0
    while (now := min(due.values())) < end:
        key = min(due, key=lambda each: due[each])
        hold = refusals.hold(SIGNER, key, now, alone=True)
        if hold is None:
            asked += 1
            refusals.ask(SIGNER, key, now)
            refusals.refuse(SIGNER, key, now, f"no, {key[1]}")
            hold = refusals.hold(SIGNER, key, now, alone=True)
        assert hold is not None
        assert hold.until > now
        due[key] = hold.until
    return asked


def test_who_was_never_refused_asks_at_once(refusals: Refusals) -> None:
    assert may_ask(refusals, 0)
    assert len(refusals) == 0


def test_a_signer_that_was_never_asked_for_is_asked_for_one_request_alone(refusals: Refusals) -> None:
    refusals.ask(SIGNER, KEYS[0], START)
    assert not may_ask(refusals, 1)
    assert refusals.allow(SIGNER, KEYS[0]) == [KEYS[1]]
    refusals.ask(SIGNER, KEYS[1], START)
    assert may_ask(refusals, 2)


def test_who_would_ask_for_more_than_approval_waits_for_a_refusal_only(refusals: Refusals) -> None:
    refusals.ask(SIGNER, KEYS[0], START)
    assert may_ask(refusals, 1, alone=False)
    refusals.refuse(SIGNER, KEYS[0], START, "no")
    assert not may_ask(refusals, 1, alone=False)


def test_a_refusal_holds_all_requests_of_the_signer_and_no_others(refused: Refusals) -> None:
    assert refused.is_refused(SIGNER)
    assert not any(may_ask(refused, number) for number in range(20))
    assert refused.hold(OTHER, KEYS[1], START, alone=True) is None


def test_what_was_said_first_is_what_is_told(refused: Refusals) -> None:
    refused.ask(SIGNER, KEYS[1], START)
    assert not refused.refuse(SIGNER, KEYS[1], START, "no, and for another reason")
    hold = refused.hold(SIGNER, KEYS[2], START, alone=True)
    assert hold is not None
    assert hold.refusal == "no"


def test_a_new_request_asks_soon_however_long_others_have_waited(refused: Refusals) -> None:
    ask_whenever_possible(refused, START, START + timedelta(hours=1))
    hold = refused.hold(SIGNER, ("shop", "new-1"), START + timedelta(hours=1), alone=True)
    assert hold is None or hold.until < START + timedelta(hours=1) + seconds(5)


def test_many_requests_ask_as_rarely_as_one(refusals: Refusals) -> None:
    assert ask_whenever_possible(refusals, START, START + timedelta(minutes=5)) <= 8
    assert ask_whenever_possible(refusals, START + timedelta(hours=1), START + timedelta(hours=2)) <= 17


def test_one_that_may_be_approved_frees_all_others(refused: Refusals) -> None:
    assert not may_ask(refused, 1)
    assert not may_ask(refused, 2)
    refused.ask(SIGNER, KEYS[0], START + seconds(6))
    assert sorted(refused.allow(SIGNER, KEYS[0])) == sorted(KEYS[:3])
    assert not refused.is_refused(SIGNER)
    assert all(may_ask(refused, number, 6) for number in range(20))


def test_while_one_asks_again_the_others_wait(refused: Refusals) -> None:
    assert not may_ask(refused, 1)
    assert may_ask(refused, 1, 5)
    refused.ask(SIGNER, KEYS[1], START + seconds(5))
    assert not may_ask(refused, 0, 6)
    assert not may_ask(refused, 2, 60)


def test_the_turn_of_a_request_that_is_gone_is_anothers(refused: Refusals) -> None:
    assert not any(may_ask(refused, number) for number in range(3))
    asking = next(number for number in range(3) if may_ask(refused, number, 5))
    following = refused.forget(SIGNER, KEYS[asking])
    assert len(following) == 1
    assert following[0] in KEYS[:3]
    assert may_ask(refused, KEYS.index(following[0]), 5)


def test_those_who_do_not_have_the_turn_are_not_woken_for_it(refused: Refusals) -> None:
    holds = [refused.hold(SIGNER, key, START, alone=True) for key in KEYS]
    assert sum(hold is not None and hold.until < START + timedelta(minutes=5) for hold in holds) < 8
    refused.ask(SIGNER, KEYS[0], START + timedelta(minutes=10))
    refused.refuse(SIGNER, KEYS[0], START + timedelta(minutes=10), "no")
    holds = [refused.hold(SIGNER, key, START + timedelta(minutes=10), alone=True) for key in KEYS]
    assert sum(hold is not None and hold.until < START + timedelta(minutes=15) for hold in holds) < 8


def test_those_who_waited_for_the_answer_are_told_of_the_refusal_once(refusals: Refusals) -> None:
    refusals.ask(SIGNER, KEYS[0], START)
    assert not may_ask(refusals, 1)
    assert sorted(refusals.refuse(SIGNER, KEYS[0], START, "no")) == KEYS[:2]
    refusals.ask(SIGNER, KEYS[0], START + seconds(5))
    assert refusals.refuse(SIGNER, KEYS[0], START + seconds(5), "no") == []


def test_nobody_waits_for_a_request_that_has_given_up(refusals: Refusals) -> None:
    refusals.ask(SIGNER, KEYS[0], START)
    assert not may_ask(refusals, 1)
    assert refusals.give_up(SIGNER, KEYS[0]) == [KEYS[1]]
    assert may_ask(refusals, 1)


def test_a_signer_that_was_allowed_is_not_asked_for_more_while_it_hangs(refusals: Refusals) -> None:
    refusals.ask(SIGNER, KEYS[0], START)
    refusals.allow(SIGNER, KEYS[0])
    refusals.ask(SIGNER, KEYS[1], START)
    assert may_ask(refusals, 2, 0.5)
    assert not may_ask(refusals, 2, 1.5)


def test_only_so_many_signers_are_asked_for_at_a_time_that_were_never_allowed(refusals: Refusals) -> None:
    for number in range(DOUBTFUL):
        refusals.ask(("ext.example", "Y", "shop", f"x{number}"), KEYS[number], START)
    assert not may_ask(refusals, DOUBTFUL)
    refusals.give_up(("ext.example", "Y", "shop", "x0"), KEYS[0])
    assert may_ask(refusals, DOUBTFUL)


def test_nothing_is_remembered_of_signers_that_nobody_waits_for(refused: Refusals) -> None:
    assert not may_ask(refused, 1)
    refused.forget(SIGNER, KEYS[0])
    assert refused.is_refused(SIGNER)
    refused.forget(SIGNER, KEYS[1])
    assert not refused.is_refused(SIGNER)
    assert len(refused) == 0
