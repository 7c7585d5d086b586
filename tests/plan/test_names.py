import re
from datetime import UTC, datetime

from certwright.api.certmanager import Certificate, CertificateSpec, IssuerRef
from certwright.api.meta import ObjectMeta
from certwright.plan.names import copied_annotations, next_key_name, request_name, unstable_request_name

DEFAULT_PREFIXES = ("*", "-kubectl.kubernetes.io/", "-fluxcd.io/", "-argocd.argoproj.io/")


def test_a_short_name_is_followed_by_the_revision() -> None:
    assert request_name("web", 3) == "web-3"
    assert request_name("a" * 233, 1) == "a" * 233 + "-1"


def test_a_long_name_is_cut_and_hashed_as_upstream_does() -> None:
    name = "a" * 167 + "b" + "c" * 85
    digest = "d3f4fc40a686edfd404adf1d3fb1530653988c878e6c9c07b2e2fa4001a21269"
    assert request_name(name, 20) == "a" * 167 + f"b-{digest}-20"


def test_a_cut_name_never_ends_in_punctuation() -> None:
    assert request_name("a" * 160 + "." * 80, 1).startswith("a" * 160 + "-")


def test_the_next_key_has_the_form_of_a_generated_name() -> None:
    spec = CertificateSpec(secret_name="s", issuer_ref=IssuerRef(name="i"))
    now = datetime(2026, 1, 1, tzinfo=UTC)
    short = next_key_name(Certificate(metadata=ObjectMeta(name="web", uid="u"), spec=spec), now)
    assert short.startswith("web-")
    assert len(short) == len("web-") + 5
    long = next_key_name(Certificate(metadata=ObjectMeta(name="w" * 100, uid="u"), spec=spec), now)
    assert len(long) == 58 + 5


def unstable(name: str, revision: int = 1, key_name: str = "k", uid: str = "u") -> str:
    spec = CertificateSpec(secret_name="s", issuer_ref=IssuerRef(name="i"))
    certificate = Certificate(metadata=ObjectMeta(name=name, uid=uid), spec=spec)
    return unstable_request_name(certificate, revision, key_name)


def test_an_unstable_name_has_the_form_of_a_generated_one() -> None:
    assert re.fullmatch(r"web-[bcdfghjklmnpqrstvwxz2456789]{5}", unstable("web"))
    assert unstable("w" * 51).startswith("w" * 51 + "-")
    assert re.fullmatch(r"w{52}-.{5}", unstable("w" * 60))
    assert re.fullmatch(r"w{50}-.{5}", unstable("w" * 50 + "." * 9))


def test_an_unstable_name_is_the_same_within_an_attempt_and_another_one_in_the_next() -> None:
    names = {
        unstable("web"),
        unstable("web", revision=2),
        unstable("web", key_name="l"),
        unstable("web", uid="v"),
    }
    assert len(names) == 4
    assert unstable("web") in names


def test_annotations_are_copied_except_those_of_tools() -> None:
    annotations = {"a": "1", "kubectl.kubernetes.io/last-applied-configuration": "{}", "fluxcd.io/x": "y"}
    assert copied_annotations(annotations, DEFAULT_PREFIXES) == {"a": "1"}


def test_the_order_of_prefixes_matters() -> None:
    annotations = {"a/1": "x", "b/1": "y"}
    assert copied_annotations(annotations, ("a/",)) == {"a/1": "x"}
    assert copied_annotations(annotations, ("-a/", "a/")) == {"a/1": "x"}
    assert copied_annotations(annotations, ("a/", "-a/")) == {}
    assert copied_annotations(annotations, ("a/", "*", "-b/")) == {"a/1": "x"}
