"""Keys in memory: one for each Certificate, found by it or by the name of their Secret."""

import pytest

from certwright.controllers.held_keys import HeldKeys
from certwright.pki import keys
from certwright.pki.errors import PKIError
from certwright.pki.keys import public_key_of_private

WEB = ("shop", "web")


def test_a_key_is_found_by_certificate_and_by_name_until_it_is_dropped() -> None:
    held, pem = HeldKeys(), keys.generate("ECDSA", 256)
    held.put(WEB, "web-x", pem)
    found = held.get(WEB)
    assert found is not None
    assert (found.name, found.public) == ("web-x", public_key_of_private(pem))
    assert held.pem(WEB, "web-x") == held.by_secret("shop", "web-x") == pem
    assert held.pem(WEB, "web-y") is None
    assert held.by_secret("elsewhere", "web-x") is None
    held.drop(WEB)
    held.drop(WEB)
    assert held.get(WEB) is None
    assert held.by_secret("shop", "web-x") is None
    assert len(held) == 0


def test_a_new_key_takes_the_place_of_the_old_one() -> None:
    held = HeldKeys()
    held.put(WEB, "web-x", keys.generate("ECDSA", 256))
    held.put(WEB, "web-y", keys.generate("ECDSA", 256))
    assert len(held) == 1
    assert held.by_secret("shop", "web-x") is None


def test_what_is_no_key_is_not_held() -> None:
    held = HeldKeys()
    with pytest.raises(PKIError):
        held.put(WEB, "web-x", b"nonsense")
    assert len(held) == 0


def test_a_key_does_not_show_in_a_repr() -> None:
    held, pem = HeldKeys(), keys.generate("ECDSA", 256)
    held.put(WEB, "web-x", pem)
    assert pem.decode().splitlines()[1] not in repr(held) + repr(held.get(WEB))
