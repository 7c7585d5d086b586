"""Objects at rest: the same again, in fewer bytes."""

from hypothesis import given
from hypothesis import strategies as st

from certwright.api.certmanager import Certificate
from certwright.api.codec import encode
from certwright.kube.packing import Packing
from certwright.plan.secret_facts import secret_facts
from certwright.plan.world import SecretFacts
from certwright.testing.builders import ca_secret, certificate

names = st.text(min_size=1, max_size=40)


@given(st.lists(names, min_size=1, max_size=5))
def test_what_was_packed_is_the_same_again(found: list[str]) -> None:
    packing = Packing(Certificate)
    objects = [certificate(name, dns_names=[name, *found]) for name in found]
    packed = [packing.pack(obj) for obj in objects]
    assert [packing.unpack(each) for each in packed] == objects


def test_the_first_object_is_enough_to_make_the_others_small() -> None:
    packing = Packing(Certificate)
    packing.pack(certificate("first"))
    second = certificate("second")
    assert len(packing.pack(second)) * 4 < len(encode(second))


def test_facts_of_secrets_survive_with_dates_sets_and_long_serial_numbers() -> None:
    packing = Packing(SecretFacts)
    facts = secret_facts(ca_secret())
    again = packing.unpack(packing.pack(facts))
    assert again.certificate is not None
    assert again.certificate == facts.certificate
    assert again.certificate.serial == facts.certificate.serial  # type: ignore[union-attr]
    assert (again.key, again.owned, again.digests) == (facts.key, facts.owned, facts.digests)
