from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.pki import cron
from certwright.pki.renewal import Renewal, Spread, renewal_time

START = datetime(2026, 11, 21, 12, 30, 15, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


def at(text):
    return datetime.fromisoformat(text)


def window(cron, duration="1h", timezone=None):
    return {"cron": cron, "windowDuration": duration} | ({"timezone": timezone} if timezone else {})


def in_windows(spec, not_before, not_after, *windows, **fields):
    wanted = spec(
        renewal={"policy": "RenewBefore", "windows": list(windows)}, **({"renewBefore": "1h"} | fields)
    )
    return renewal_time(at(not_before), at(not_after), wanted)


@pytest.mark.parametrize(
    ("lifetime", "fields", "expected"),
    [
        (3 * HOUR, {}, 2 * HOUR),
        (4380 * HOUR, {}, 2920 * HOUR),
        (24 * HOUR, {"renewBefore": "20h"}, 4 * HOUR),
        (24 * HOUR, {"renewBefore": "25h"}, 16 * HOUR),
        (24 * HOUR, {"renewBefore": "24h"}, 16 * HOUR),
        (24 * HOUR, {"renewBefore": "0s"}, 16 * HOUR),
        (24 * HOUR, {"renewBefore": "soon"}, 16 * HOUR),
        (730 * HOUR, {"renewBeforePercentage": 30}, 511 * HOUR),
        (24 * HOUR - SECOND, {}, 16 * HOUR - SECOND),
        (24 * HOUR, {"renewBefore": "20h", "renewBeforePercentage": 50}, 4 * HOUR),
        (24 * HOUR, {"renewBefore": "25h", "renewBeforePercentage": 50}, 12 * HOUR),
        (24 * HOUR, {"renewBeforePercentage": 0}, 16 * HOUR),
        (24 * HOUR, {"renewBeforePercentage": 100}, 16 * HOUR),
        (24 * HOUR, {"renewBefore": "1500ms"}, 24 * HOUR - 2 * SECOND),
        (10 * SECOND, {}, 6 * SECOND),
    ],
)
def test_the_base_is_cut_down_to_whole_seconds(spec, lifetime, fields, expected):
    assert renewal_time(START, START + lifetime, spec(**fields)) == Renewal(START + expected)


@given(
    st.integers(3600, 10**9),
    st.one_of(st.none(), st.integers(1, 99)),
    st.one_of(st.just(""), st.integers(1, 10**9).map(lambda n: f"{n}s")),
)
def test_the_base_is_always_within_the_lifetime(spec, lifetime, percentage, before):
    end = START + timedelta(seconds=lifetime)
    due = renewal_time(START, end, spec(renewBeforePercentage=percentage, renewBefore=before))
    assert due.error is None
    assert START <= due.at < end
    assert due.at.microsecond == 0


def test_disabled_means_never(spec):
    assert renewal_time(START, START + HOUR, spec(renewal={"policy": "Disabled"})) == Renewal(None)


def test_no_windows_mean_the_base(spec):
    wanted = spec(renewal={"policy": "RenewBefore"}, renewBefore="10m")
    assert renewal_time(START, START + HOUR, wanted) == Renewal(START + timedelta(minutes=50))


def test_an_unknown_policy_is_an_error_with_the_base(spec):
    due = renewal_time(START, START + 3 * HOUR, spec(renewal={"policy": "Sometimes"}))
    assert due.at == START + 2 * HOUR
    assert "Sometimes" in due.error


# The base is an hour before the end; expected are what cert-manager's own code answers.
@pytest.mark.parametrize(
    ("not_before", "not_after", "windows", "expected"),
    [
        ("2027-01-01T00:00:00Z", "2027-02-05T10:00:00Z", [window("0 8 * * *")], "2027-02-05T09:00:00Z"),
        ("2027-01-01T00:00:00Z", "2027-02-05T10:00:01Z", [window("0 8 * * *")], None),
        ("2027-01-01T00:00:00Z", "2027-02-05T10:00:00Z", [window("0 8 * * *", "59m")], None),
        (
            "2027-01-01T00:00:00Z",
            "2027-02-05T10:00:00Z",
            [window("0 8 * * *", "59m"), window("30 9 * * 5")],
            "2027-02-05T09:30:00Z",
        ),
        (
            "2027-01-01T00:00:00Z",
            "2027-02-05T10:00:00Z",
            [window("0 10 * * *"), window("0 11 * * *")],
            "2027-02-05T10:00:00Z",
        ),
        ("2027-01-01T00:00:00Z", "2027-02-05T10:00:00Z", [window("30 10 * * *")], "2027-02-05T10:30:00Z"),
        # either day of month or day of week
        (
            "2027-01-01T00:00:00Z",
            "2027-02-05T00:00:00Z",
            [window("0 0 13 * 5", "400h")],
            "2027-02-04T23:00:00Z",
        ),
        # leap days
        ("2027-01-01T00:00:00Z", "2027-02-05T00:00:00Z", [window("0 0 29 2 *", "720h")], None),
        (
            "2027-11-01T00:00:00Z",
            "2028-02-05T00:00:00Z",
            [window("0 0 29 2 *", "720h")],
            "2028-02-29T00:00:00Z",
        ),
        # constant delays
        ("2027-01-01T00:00:00Z", "2027-02-05T10:00:00Z", [window("@every 2h")], "2027-02-05T09:00:00Z"),
        ("2027-01-01T00:00:00Z", "2027-02-05T10:00:00Z", [window("@every 2000h", "720h")], None),
        (
            "2027-01-01T00:00:00Z",
            "2027-02-05T10:00:00Z",
            [window("@every 850h", "720h")],
            "2027-02-05T09:00:00Z",
        ),
        # 02:30 does not exist on 28 March in Berlin
        ("2027-03-01T00:00:00Z", "2027-03-28T01:00:00Z", [window("30 2 * * *", "1h", "Europe/Berlin")], None),
        (
            "2027-03-01T00:00:00Z",
            "2027-03-28T01:00:00Z",
            [window("0 3 * * *", "1h", "Europe/Berlin")],
            "2027-03-28T01:00:00Z",
        ),
        # 02:30 comes twice on 31 October in Berlin
        (
            "2027-10-01T00:00:00Z",
            "2027-10-31T02:20:00Z",
            [window("30 2 * * *", "10m", "Europe/Berlin")],
            "2027-10-31T01:30:00Z",
        ),
        # midnight did not exist on 4 November 2018 in Sao Paulo
        (
            "2018-10-01T00:00:00Z",
            "2018-11-04T02:00:00Z",
            [window("0 0 * * *", "1h", "America/Sao_Paulo")],
            None,
        ),
        (
            "2018-10-01T00:00:00Z",
            "2018-11-04T02:00:00Z",
            [window("0 1 * * *", "1h", "America/Sao_Paulo")],
            "2018-11-04T03:00:00Z",
        ),
    ],
)
def test_renewal_waits_for_a_window(spec, not_before, not_after, windows, expected):
    due = in_windows(spec, not_before, not_after, *windows)
    if expected is None:
        assert due.at == at(not_after) - HOUR
        assert "no renewal window" in due.error
    else:
        assert due == Renewal(at(expected))


def test_a_window_that_never_opens_does_not_hide_one_that_does(spec):
    for windows in (
        [window("30 9 * * *", "1m"), window("0 0 30 2 *")],
        [window("0 0 30 2 *"), window("30 9 * * *", "1m")],
    ):
        due = in_windows(spec, "2027-01-01T00:00:00Z", "2027-02-05T10:00:00Z", *windows)
        assert due == Renewal(at("2027-02-05T09:30:00Z"))


@pytest.mark.parametrize(
    "bad",
    [
        window("0 2 * *"),
        window("0 2 * * 7"),
        window("CRON_TZ=UTC 0 2 * * *"),
        window("0 2 * * *", "0s"),
        window("0 2 * * *", "x"),
        window("0 2 * * *", "1h", "Nowhere/At_All"),
        window("0 2 * * *", "1h", "../etc/passwd"),
    ],
)
def test_a_malformed_window_is_an_error_with_the_base(spec, bad):
    due = in_windows(spec, "2027-01-01T00:00:00Z", "2027-02-05T10:00:00Z", window("* * * * *"), bad)
    assert due.at == at("2027-02-05T09:00:00Z")
    assert due.error


@given(
    st.integers(0, 10**8),
    st.sampled_from(["* * * * *", "0 2 * * 6", "*/7 1-5 * * *", "@weekly", "30 4 1,15 * 5", "@every 3h"]),
    st.sampled_from(["1s", "1h", "36h"]),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
)
def test_windows_never_move_renewal_before_the_base(spec, offset, cron, duration, timezone):
    start = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=offset)
    end = start + timedelta(days=90)
    base = renewal_time(start, end, spec()).at
    wanted = spec(renewal={"policy": "RenewBefore", "windows": [window(cron, duration, timezone)]})
    due = renewal_time(start, end, wanted)
    assert due.error is None
    assert base <= due.at <= end + timedelta(hours=36)


# --- spread ---------------------------------------------------------------------------------------

DAY = timedelta(days=1)
SHARES = st.floats(0, 1, exclude_max=True)


@given(
    st.integers(3600, 10**9),
    st.one_of(st.none(), st.integers(1, 99)),
    st.one_of(st.just(""), st.integers(1, 10**9).map(lambda n: f"{n}s")),
    st.floats(0, 1),
    SHARES,
)
def test_a_spread_renewal_is_never_late_and_early_within_bounds(
    spec, lifetime, percentage, before, most, share
):
    end = START + timedelta(seconds=lifetime)
    wanted = spec(renewBeforePercentage=percentage, renewBefore=before)
    exact = renewal_time(START, end, wanted).at
    drawn = renewal_time(START, end, wanted, Spread(most, share)).at
    assert exact - min((exact - START) * most, DAY) <= drawn <= exact
    assert drawn >= START
    assert drawn.microsecond == 0


@given(
    st.integers(0, 10**8),
    st.sampled_from(["* * * * *", "0 2 * * 6", "*/7 1-5 * * *", "@weekly", "30 4 1,15 * 5"]),
    st.sampled_from(["1s", "1m", "1h", "36h"]),
    st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe"]),
    SHARES,
)
def test_a_spread_renewal_is_in_a_window(spec, offset, expression, duration, timezone, share):
    start = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=offset)
    end = start + timedelta(days=90)
    wanted = spec(renewal={"policy": "RenewBefore", "windows": [window(expression, duration, timezone)]})
    exact = renewal_time(start, end, wanted).at
    drawn = renewal_time(start, end, wanted, Spread(0.05, share)).at
    assert exact - DAY <= drawn <= exact + DAY
    seconds = int(drawn.timestamp())
    length = {"1s": 1, "1m": 60, "1h": 3600, "36h": 129_600}[duration]
    opening = cron.parse(expression, ZoneInfo(timezone)).next_after(seconds - length - 1)
    assert opening <= seconds
    assert drawn <= max(exact, end)


def test_a_window_without_a_grid_is_not_spread(spec):
    wanted = spec(renewal={"policy": "RenewBefore", "windows": [window("@every 3h", "1h")]})
    exact = renewal_time(START, START + 90 * DAY, wanted)
    assert renewal_time(START, START + 90 * DAY, wanted, Spread(0.05, 0.9)) == exact


def test_what_is_never_renewed_and_what_is_an_error_are_not_spread(spec):
    spread = Spread(0.05, 0.9)
    for fields in ({"policy": "Disabled"}, {"policy": "RenewBefore", "windows": [window("0 2 * *")]}):
        wanted = spec(renewal=fields)
        exact = renewal_time(START, START + 90 * DAY, wanted)
        assert renewal_time(START, START + 90 * DAY, wanted, spread) == exact
