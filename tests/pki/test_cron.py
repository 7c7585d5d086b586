from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.pki import cron
from certwright.pki.cron import CronError

FIELD = st.sampled_from(["*", "*/2", "1", "1-3", "1,5", "?", "2/3", "0", "x", "", "1-", "9", "99", "-1"])


def following(expression, moment, zone="UTC"):
    start = int(datetime.fromisoformat(moment).timestamp())
    found = cron.parse(expression, ZoneInfo(zone)).next_after(start)
    return None if found is None else datetime.fromtimestamp(found, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize(
    ("expression", "moment", "expected"),
    [
        ("* * * * *", "2027-01-01T00:00:00Z", "2027-01-01T00:01:00Z"),
        ("* * * * *", "2027-01-01T00:00:59Z", "2027-01-01T00:01:00Z"),
        ("30 2 * * *", "2027-01-01T02:30:00Z", "2027-01-02T02:30:00Z"),
        ("0 0 31 * *", "2027-01-31T00:00:00Z", "2027-03-31T00:00:00Z"),
        ("0 0 1 jan *", "2027-01-01T00:00:00Z", "2028-01-01T00:00:00Z"),
        ("0 0 * * SUN", "2027-01-01T00:00:00Z", "2027-01-03T00:00:00Z"),
        ("0 0 ? * 1-5", "2027-01-01T00:00:00Z", "2027-01-04T00:00:00Z"),
        ("0 0 13 * 5", "2027-01-01T00:00:00Z", "2027-01-08T00:00:00Z"),  # either
        ("0 0 13 * *", "2027-01-01T00:00:00Z", "2027-01-13T00:00:00Z"),
        ("0 0 */2 * 5", "2027-01-01T00:00:00Z", "2027-01-03T00:00:00Z"),  # a step is no star
        ("50/5 * * * *", "2027-01-01T00:50:00Z", "2027-01-01T00:55:00Z"),
        ("1-10/4,30 * * * *", "2027-01-01T00:09:00Z", "2027-01-01T00:30:00Z"),
        ("0 0 29 2 *", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z"),  # eight years
        ("0 0 30 2 *", "2027-01-01T00:00:00Z", None),
        (", * * * *", "2027-01-01T00:00:00Z", None),
        ("@yearly", "2027-01-01T00:00:00Z", "2028-01-01T00:00:00Z"),
        ("@annually", "2027-06-01T00:00:00Z", "2028-01-01T00:00:00Z"),
        ("@monthly", "2027-01-01T00:00:00Z", "2027-02-01T00:00:00Z"),
        ("@weekly", "2027-01-01T00:00:00Z", "2027-01-03T00:00:00Z"),
        ("@daily", "2027-01-01T00:00:00Z", "2027-01-02T00:00:00Z"),
        ("@midnight", "2027-01-01T00:00:00Z", "2027-01-02T00:00:00Z"),
        ("@hourly", "2027-01-01T00:00:00Z", "2027-01-01T01:00:00Z"),
        ("@every 90m", "2027-01-01T00:00:00Z", "2027-01-01T01:30:00Z"),
        ("@every 1500ms", "2027-01-01T00:00:00Z", "2027-01-01T00:00:01Z"),
        ("@every 1ms", "2027-01-01T00:00:00Z", "2027-01-01T00:00:01Z"),
    ],
)
def test_the_next_moment_is_found(expression, moment, expected):
    assert following(expression, moment) == expected


@pytest.mark.parametrize(
    ("expression", "zone", "moment", "expected"),
    [
        ("0 2 * * *", "Europe/Berlin", "2027-07-01T00:00:00Z", "2027-07-02T00:00:00Z"),
        ("0 2 * * *", "Europe/Berlin", "2027-12-01T00:00:00Z", "2027-12-01T01:00:00Z"),
        ("30 2 * * *", "Europe/Berlin", "2027-03-27T02:00:00Z", "2027-03-29T00:30:00Z"),  # skipped
        ("30 2 * * *", "Europe/Berlin", "2027-10-31T00:30:00Z", "2027-10-31T01:30:00Z"),  # again
        ("0 0 * * *", "America/Sao_Paulo", "2018-11-03T03:00:00Z", "2018-11-05T02:00:00Z"),
        ("0 * * * *", "Asia/Kolkata", "2027-01-01T00:00:00Z", "2027-01-01T00:30:00Z"),
        ("0 0 28 3 *", "Asia/Beirut", "2021-03-27T12:00:00Z", "2022-03-27T21:00:00Z"),
    ],
)
def test_fields_are_read_on_the_wall_clock_of_the_zone(expression, zone, moment, expected):
    assert following(expression, moment, zone) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * 32 * *",
        "* * * 13 *",
        "* * * * 7",
        "5-1 * * * *",
        "1-2-3 * * * *",
        "1/2/3 * * * *",
        "*/0 * * * *",
        "*/x * * * *",
        "x * * * *",
        "* * * mon *",
        "² * * * *",
        "@Daily",
        "@every",
        "@every x",
        "CRON_TZ=UTC * * * * *",
    ],
)
def test_what_is_no_expression_is_refused(expression):
    with pytest.raises(CronError):
        cron.parse(expression, UTC)


@given(st.lists(FIELD, min_size=5, max_size=5), st.integers(0, 2**32))
def test_every_expression_is_either_refused_or_followed_by_a_later_moment(fields, moment):
    try:
        schedule = cron.parse(" ".join(fields), ZoneInfo("Europe/Berlin"))
    except CronError:
        return
    found = schedule.next_after(moment)
    assert found is None or (found > moment and found % 60 == 0)


def test_the_end_of_time_is_not_an_error():
    assert cron.parse("@yearly", UTC).next_after(int(datetime(9999, 6, 1, tzinfo=UTC).timestamp())) is None
