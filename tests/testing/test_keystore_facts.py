"""What is seen of keystores that are none, and of those that end early."""

import pytest

from certwright.testing.keystore_facts import of_jks, of_pkcs12


@pytest.mark.parametrize(
    "content",
    [b"", b"x" * 40, bytes.fromhex("feedfeed0000000200000001" + "00" * 30)[:-6] + b"\0" * 6],
)
def test_what_is_no_jks_keystore_is_an_error(content: bytes) -> None:
    with pytest.raises(ValueError, match="keystore"):
        of_jks(content)


@pytest.mark.parametrize("content", [b"", b"x", b"\x30\x03\x02\x01\x03"])
def test_what_is_no_pkcs12_keystore_is_an_error(content: bytes) -> None:
    with pytest.raises(ValueError, match="element"):
        of_pkcs12(content, "")
