"""PEM blocks in and out, with the size limits every reader here obeys; not the meaning of what is inside.

Reading is forgiving in the way Go's encoding/pem is, because that decides which Secrets count as readable:
text around blocks is ignored, headers are skipped, and a block whose base64 or END line is broken is passed
over.
"""

from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from collections.abc import Iterator

from msgspec import Struct

from certwright.pki.errors import PKIError

_COLUMNS = 64
_RAW_PER_LINE = _COLUMNS * 3 // 4
_BEGIN = b"-----BEGIN "
_END = b"\n-----END "
_DASHES = b"-----"
_WHITE = b" \t\r\n"


class Limits(Struct, frozen=True, kw_only=True):
    """Largest PEM that is read, in bytes, by what it holds.

    The defaults are those of cert-manager's flags.
    """

    certificate: int = 36_500
    private_key: int = 13_000
    chain: int = 95_000
    bundle: int = 330_000


class _Current:
    limits = Limits()


def set_limits(limits: Limits) -> None:
    """Set the limits of the process.

    For the program's start, before anything is parsed (results are cached).
    """
    _Current.limits = limits


def limits() -> Limits:
    """The limits in force."""
    return _Current.limits


class Block(Struct, frozen=True):
    """One PEM block: its label (the words after BEGIN) and the bytes in it."""

    label: str
    content: bytes


def encode(label: str, content: bytes) -> bytes:
    """One block: 64 columns, LF, newline at the end (RFC 7468)."""
    # b2a_base64 adds a newline, and 48 raw bytes are 64 characters.
    lines = [b2a_base64(content[i : i + _RAW_PER_LINE]) for i in range(0, len(content), _RAW_PER_LINE)]
    name = label.encode()
    return b"-----BEGIN " + name + b"-----\n" + b"".join(lines) + b"-----END " + name + b"-----\n"


def blocks(data: bytes, limit: int, error: type[PKIError] = PKIError) -> Iterator[Block]:
    """Every well-formed block in order; raises `error` if `data` is larger than `limit` bytes."""
    if len(data) > limit:
        raise error(f"PEM data is larger than {limit} bytes")
    position = 0
    # The END line is looked for first, then the last BEGIN before it: a BEGIN without END costs nothing else.
    while (end := data.find(_END, position)) >= 0:
        after_end = end + len(_END)
        begin = data.rfind(_BEGIN, position, end)
        position = after_end
        if begin < 0 or (begin > 0 and data[begin - 1] != 0x0A):
            continue
        block = _block(data[begin + len(_BEGIN) : end + 1], data, after_end)
        if block is not None:
            yield block


def _block(text: bytes, data: bytes, after_end: int) -> Block | None:
    """The block between "BEGIN " and the END line, if label, base64 and the rest of the END line are
    right.
    """
    line, _, body = text.partition(b"\n")
    line = line.rstrip(_WHITE)
    label = line[: -len(_DASHES)]
    newline = data.find(b"\n", after_end)
    end_line = data[after_end : newline if newline >= 0 else len(data)].rstrip(_WHITE)
    if not line.endswith(_DASHES) or end_line != line:
        return None
    start = 0
    while (stop := body.find(b"\n", start)) >= 0 and body.find(b":", start, stop) >= 0:
        start = stop + 1  # a header line, such as Proc-Type
    if start and start == len(body):
        return None  # a line must follow the headers
    try:
        base64 = body[start:].translate(None, _WHITE)
        if len(base64) % 4:
            return None  # strict_mode would accept excess padding
        return Block(label.decode("ascii"), a2b_base64(base64, strict_mode=True))
    except (Base64Error, UnicodeDecodeError):
        return None


def first(data: bytes, limit: int, error: type[PKIError] = PKIError) -> Block | None:
    """The first well-formed block, or None; raises `error` if `data` is larger than `limit` bytes."""
    return next(blocks(data, limit, error), None)
