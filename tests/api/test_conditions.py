from datetime import UTC, datetime, timedelta

from certwright.api import conditions
from certwright.api.certmanager import CertificateCondition, CertificateRequestCondition

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def ready(status: str, reason: str = "", generation: int | None = None) -> CertificateCondition:
    return CertificateCondition(type="Ready", status=status, reason=reason, observed_generation=generation)


def test_a_new_condition_goes_to_the_end_and_gets_the_time() -> None:
    issuing = CertificateCondition(type="Issuing", status="True", last_transition_time=NOW)
    made = conditions.set_condition([issuing], ready("True"), LATER)
    assert [each.type for each in made] == ["Issuing", "Ready"]
    assert made[1].last_transition_time == LATER


def test_the_time_changes_when_the_status_flips() -> None:
    before = conditions.set_condition([], ready("False"), NOW)
    after = conditions.set_condition(before, ready("True"), LATER)
    assert after[0].last_transition_time == LATER


def test_the_time_stays_when_only_reason_message_or_generation_change() -> None:
    before = conditions.set_condition([], ready("False", "DoesNotExist", 1), NOW)
    after = conditions.set_condition(before, ready("False", "MissingData", 2), LATER)
    assert after[0] == CertificateCondition(
        type="Ready", status="False", reason="MissingData", observed_generation=2, last_transition_time=NOW
    )


def test_an_absent_time_stays_absent_while_the_status_does_not_flip() -> None:
    after = conditions.set_condition([ready("True")], ready("True", "Other"), NOW)
    assert after[0].last_transition_time is None


def test_a_condition_keeps_its_place_and_the_others_are_untouched() -> None:
    first = CertificateRequestCondition(type="Approved", status="True", last_transition_time=NOW)
    second = CertificateRequestCondition(type="Ready", status="False", last_transition_time=NOW)
    third = CertificateRequestCondition(type="Other", status="True", last_transition_time=NOW)
    before = [first, second, third]
    new = CertificateRequestCondition(type="Ready", status="True")
    after = conditions.set_condition(before, new, LATER)
    assert [each.type for each in after] == ["Approved", "Ready", "Other"]
    assert after[0] is first
    assert after[2] is third
    assert before == [first, second, third]


def test_times_are_cut_to_whole_seconds() -> None:
    made = conditions.set_condition([], ready("True"), NOW + timedelta(microseconds=999_999))
    assert made[0].last_transition_time == NOW


def test_finds_and_removes_by_type() -> None:
    made = [ready("True")]
    assert conditions.find(made, "Ready") is made[0]
    assert conditions.find(made, "Issuing") is None
    assert conditions.has(made, "Ready")
    assert not conditions.has(made, "Ready", "False")
    assert conditions.remove(made, "Ready") == []
    assert conditions.remove(made, "Issuing") == made
