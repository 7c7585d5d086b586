"""RC2 with 40-bit keys in CBC mode (RFC 2268), encryption only: for keystores that old software reads.

It protects nothing by today's measure, and no library writes it any more.
"""

BLOCK = 8
_EFFECTIVE_BITS = 40
_EXPANDED = 128
_MASK = 0xFFFF
_MIXING_BEFORE_MASHING = (4, 10)

_PI = bytes.fromhex(
    "d978f9c419ddb5ed28e9fd794aa0d89dc67e37832b76538e624c6488448bfba2"
    "179a59f587b34f1361456d8d09817d32bd8f40eb86b77b0bf09521225c6b4e82"
    "54d66593ce60b21c7356c014a78cf1dc1275ca1f3bbee4d1423dd430a33cb626"
    "6fbf0eda4669075727f21d9bbc944303f811c7f690ef3ee706c3d52fc8661ed7"
    "08e8eade8052eef784aa72ac354d6a2a961ad2715a1549744b9fd05e0418a4ec"
    "c2e0416e0f51cbcc2491af50a1f47039997c3a8523b8b47afc02365b25559731"
    "2d5dfa98e38a92ae05df2910676cbac9d300e6cfe19ea82c6316013f58e289a9"
    "0d38341bab33ffb0bb480c5fb9b1cd2ec5f3db47e5a59c770aa62068fe7fc1ad"
)
"""RFC 2268 section 2: a permutation of the byte values, made from the digits of pi."""


def encrypt_cbc(key: bytes, iv: bytes, padded: bytes) -> bytes:
    """CBC over whole blocks; `key` has 5 bytes, `iv` 8."""
    words = _expanded(key)
    previous = iv
    out = bytearray()
    for start in range(0, len(padded), BLOCK):
        block = int.from_bytes(padded[start : start + BLOCK], "big") ^ int.from_bytes(previous, "big")
        previous = _encrypt_block(words, block.to_bytes(BLOCK, "big"))
        out += previous
    return bytes(out)


def _expanded(key: bytes, bits: int = _EFFECTIVE_BITS) -> tuple[int, ...]:
    """The 64 words of the expanded key (RFC 2268 section 2)."""
    table = bytearray(key)
    while len(table) < _EXPANDED:
        table.append(_PI[(table[-1] + table[-len(key)]) & 0xFF])
    size = (bits + 7) // 8
    table[_EXPANDED - size] = _PI[table[_EXPANDED - size] & (0xFF >> (-bits & 7))]
    for position in range(_EXPANDED - size - 1, -1, -1):
        table[position] = _PI[table[position + 1] ^ table[position + size]]
    return tuple(table[i] | table[i + 1] << 8 for i in range(0, _EXPANDED, 2))


def _encrypt_block(words: tuple[int, ...], block: bytes) -> bytes:
    """One block: 16 rounds of mixing, with two of mashing after the fifth and the eleventh (section 3)."""
    a, b, c, d = (block[i] | block[i + 1] << 8 for i in range(0, BLOCK, 2))
    for turn in range(16):
        j = 4 * turn
        a = a + words[j] + (d & c) + (~d & b) & _MASK
        a = (a << 1 | a >> 15) & _MASK
        b = b + words[j + 1] + (a & d) + (~a & c) & _MASK
        b = (b << 2 | b >> 14) & _MASK
        c = c + words[j + 2] + (b & a) + (~b & d) & _MASK
        c = (c << 3 | c >> 13) & _MASK
        d = d + words[j + 3] + (c & b) + (~c & a) & _MASK
        d = (d << 5 | d >> 11) & _MASK
        if turn in _MIXING_BEFORE_MASHING:
            a = a + words[d & 63] & _MASK
            b = b + words[a & 63] & _MASK
            c = c + words[b & 63] & _MASK
            d = d + words[c & 63] & _MASK
    return b"".join(word.to_bytes(2, "little") for word in (a, b, c, d))
