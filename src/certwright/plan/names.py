"""Names of the objects made for a Certificate. Contract: a takeover in the middle finds them again."""

import hashlib
from datetime import datetime

from certwright.api.certmanager import Certificate

# What the API server appends for generateName: no vowels, so no words.
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_GENERATED_BASE = 58
_REQUEST_BASE = 52
_HASHED_FROM = 234
_HASHED_PREFIX = 168


def request_name(certificate_name: str, revision: int) -> str:
    """The stable name of the CertificateRequest for a revision."""
    if len(certificate_name) < _HASHED_FROM:
        return f"{certificate_name}-{revision}"
    prefix = _ending_alphanumeric(certificate_name[:_HASHED_PREFIX])
    digest = hashlib.sha256(certificate_name.encode()).hexdigest()
    return f"{prefix}-{digest}-{revision}"


def unstable_request_name(certificate: Certificate, revision: int, key_name: str) -> str:
    """A name for the CertificateRequest of one attempt, in the form that generateName gives, for users who
    switch stable names off.

    Derived from what tells attempts apart, so that asking twice in one attempt (an answer was lost, a cache
    is late) finds the name taken by the request that is there already.
    """
    base = certificate.metadata.name
    if len(base) >= _REQUEST_BASE:
        base = _ending_alphanumeric(base[:_REQUEST_BASE])
    return f"{base}-{_suffix(f'{certificate.metadata.uid}/{revision}/{key_name}')}"


def next_key_name(certificate: Certificate, now: datetime) -> str:
    """A name for the next-private-key Secret, in the form generateName would give.

    Derived from the object and the moment: the plan draws no random numbers, and a name that
    turns out to be taken gives way to another one a moment later.
    """
    seed = f"{certificate.metadata.uid}/{certificate.status.revision or 0}/{now.isoformat()}"
    return f"{certificate.metadata.name}-"[:_GENERATED_BASE] + _suffix(seed)


def copied_annotations(annotations: dict[str, str], prefixes: tuple[str, ...]) -> dict[str, str]:
    """The annotations a request takes over from its Certificate, by `--copied-annotation-prefixes`.

    Entries act in order: a prefix copies, `-prefix` removes again; `*` anywhere makes every plain
    entry copy everything.
    """
    everything = "*" in prefixes
    copied: dict[str, str] = {}
    for prefix in prefixes:
        if prefix.startswith("-"):
            copied = {k: v for k, v in copied.items() if not k.startswith(prefix[1:])}
        else:
            copied |= {k: v for k, v in annotations.items() if everything or k.startswith(prefix)}
    return copied


def _ending_alphanumeric(text: str) -> str:
    while text and not text[-1].isalnum():
        text = text[:-1]
    return text


def _suffix(seed: str) -> str:
    """Five characters that look like those of generateName."""
    number = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big")
    suffix = ""
    for _ in range(5):
        number, rest = divmod(number, len(_ALPHABET))
        suffix += _ALPHABET[rest]
    return suffix
