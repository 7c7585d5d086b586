"""What a process remembers of its own work: an hour of it, and no more."""

from datetime import datetime, timedelta

from certwright.controllers.recent_work import RecentWork
from certwright.plan.world import Recent

NOW = datetime.fromisoformat("2026-01-01T00:00:00Z")
MINUTE = timedelta(minutes=1)


def test_nothing_is_known_of_what_was_never_worked_on() -> None:
    assert RecentWork().of("a") == Recent()


def test_requests_of_the_same_second_count_each() -> None:
    work = RecentWork()
    work.note_request("a", NOW)
    work.note_request("a", NOW)
    work.note_request("b", NOW)
    assert work.of("a").requests == (NOW, NOW)
    assert work.of("b").requests == (NOW,)


def test_what_is_an_hour_old_is_forgotten() -> None:
    work = RecentWork()
    work.note_request("a", NOW)
    work.note_request("a", NOW + 59 * MINUTE)
    work.note_request("a", NOW + 60 * MINUTE)
    assert work.of("a").requests == (NOW + 59 * MINUTE, NOW + 60 * MINUTE)


def test_repairs_count_for_the_generation_they_were_made_for() -> None:
    work = RecentWork()
    work.note_repair("a", 1, NOW)
    work.note_repair("a", 2, NOW + MINUTE)
    work.note_repair("a", 2, NOW + 2 * MINUTE)
    assert work.of("a").repairs == ((2, NOW + MINUTE), (2, NOW + 2 * MINUTE))


def test_those_that_rest_take_no_room() -> None:
    work = RecentWork()
    for number in range(100):
        work.note_request(str(number), NOW)
    work.note_repair("busy", 1, NOW + 61 * MINUTE)
    assert len(work) == 1
