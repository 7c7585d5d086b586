import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.pki import certificate, chain, csr, keys, pem
from certwright.pki.errors import CertificateDecodeError, KeyDecodeError, PKIError, RequestDecodeError

LIMIT = 1_000_000
BLOCK = pem.encode("CERTIFICATE", b"content")


def contents(data):
    return [block.content for block in pem.blocks(data, LIMIT)]


@given(st.binary(max_size=300), st.sampled_from(["CERTIFICATE", "EC PRIVATE KEY", ""]))
def test_a_block_survives_the_round_trip(content, label):
    assert list(pem.blocks(pem.encode(label, content), LIMIT)) == [pem.Block(label, content)]


def test_lines_have_64_columns_and_end_with_a_newline():
    lines = pem.encode("X", bytes(100)).split(b"\n")
    assert [len(line) for line in lines[1:-2]] == [64, 64, 8]
    assert lines[-1] == b""


@pytest.mark.parametrize(
    "data",
    [
        b"comment\n" + BLOCK + b"\n# between\n\n" + BLOCK,
        (BLOCK + BLOCK).replace(b"\n", b"\r\n"),
        (BLOCK + BLOCK).rstrip(b"\n"),
        b"-----BEGIN CERTIFICATE-----\n" + BLOCK + BLOCK,
        BLOCK + b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n" + BLOCK,
        BLOCK + b"-----BEGIN A-----\n-----END B-----\n" + BLOCK,
        BLOCK.replace(b"\n", b"\nProc-Type: 4\nDEK-Info: x\n\n", 1) + BLOCK,
    ],
    ids=["comments", "CRLF", "no last newline", "BEGIN twice", "bad base64", "labels differ", "headers"],
)
def test_what_is_around_blocks_or_wrong_with_others_is_passed_over(data):
    assert contents(data) == [b"content"] * 2


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"content",
        BLOCK[1:],
        b"x" + BLOCK,
        BLOCK.replace(b"END", b"END "),
        BLOCK.replace(b"-----\n", b"----- x\n"),
        BLOCK.replace(b"=", b""),
        BLOCK.replace(b"=\n", b"==\n"),
    ],
)
def test_a_broken_block_is_no_block(data):
    assert contents(data) == []


def test_what_is_larger_than_the_limit_is_refused_whole():
    with pytest.raises(CertificateDecodeError, match="larger than 60 bytes"):
        list(pem.blocks(BLOCK, 60, CertificateDecodeError))
    with pytest.raises(PKIError):
        pem.first(BLOCK, 60)


def test_the_default_limits_are_those_of_the_flags():
    limits = pem.Limits()
    assert (limits.certificate, limits.private_key, limits.chain, limits.bundle) == (
        36500,
        13000,
        95000,
        330000,
    )


@given(
    st.lists(
        st.sampled_from(
            [BLOCK, b"-----BEGIN A-----\n", b"\n-----END A-----", b"\n", b"a: b\n", b"YQ==", b"-----"]
        ),
        max_size=12,
    )
)
def test_fragments_never_raise(fragments):
    contents(b"".join(fragments))


def test_reading_takes_time_in_proportion_to_the_size():
    """Each of these made an earlier version, or makes a careless one, look at the rest again and again."""
    for fragment in (b"-----BEGIN A-----\n", b"\n-----END A-----", b"a:\n", b"-----BEGIN A-----\na:\n"):
        assert contents(fragment * (300_000 // len(fragment))) == []
    assert contents(b"-----BEGIN A-----\n" + b"a:\n" * 100_000 + b"\n-----END A-----\n") == [b""]


def test_limits_can_be_set_for_the_process():
    before = pem.limits()
    try:
        pem.set_limits(pem.Limits(private_key=10))
        assert pem.limits().private_key == 10
        assert pem.limits().chain == 95_000
    finally:
        pem.set_limits(before)


def test_a_block_without_base64_is_empty_and_a_label_must_be_ascii():
    assert contents(b"-----BEGIN A-----\n-----END A-----\n") == [b""]
    assert contents("-----BEGIN É-----\n-----END É-----\n".encode()) == []


def test_headers_need_a_line_behind_them():
    assert contents(b"-----BEGIN A-----\na: b\n-----END A-----\n") == []
    assert contents(b"-----BEGIN A-----\na: b\n\n-----END A-----\n") == [b""]


def reader(name, spec, root):
    """A function that reads data of one kind, data that was not read before, and the error above a limit."""
    key = keys.generate("ECDSA")
    request = csr.build_request(spec(commonName="x"), keys.generate("ECDSA"))
    return {
        "private_key": (keys.load_private, key, KeyDecodeError),
        "certificate": (csr.parse_request, request, RequestDecodeError),
        "chain": (chain.build_chain, root.chain_pem, CertificateDecodeError),
        "bundle": (certificate.parse_certificate, root.chain_pem, CertificateDecodeError),
    }[name]


@pytest.mark.parametrize("name", ["private_key", "certificate", "chain", "bundle"])
def test_each_kind_of_data_obeys_its_own_limit_to_the_byte(spec, make_root, name):
    read, data, error = reader(name, spec, make_root())
    before = pem.limits()
    try:
        pem.set_limits(msgspec.structs.replace(before, **{name: len(data) - 1}))
        with pytest.raises(error, match=f"larger than {len(data) - 1} bytes"):
            read(data)
        pem.set_limits(msgspec.structs.replace(before, **{name: len(data)}))
        assert read(data)
    finally:
        pem.set_limits(before)
