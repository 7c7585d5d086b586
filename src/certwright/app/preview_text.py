"""A preview as text for people: one line for each thing that happens, with its reasons below. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from certwright.plan.effects import (
    ADOPT,
    BLOCK,
    CHANGED,
    CREATED,
    ISSUE,
    ISSUED,
    NONE,
    REISSUE,
    REWRITE,
    REWRITTEN,
    UNCHANGED,
    UPDATE,
    CertificateEffect,
    IssuerEffect,
    ObjectEffect,
    Preview,
)

_SIGNS = {ISSUE: "+", REISSUE: "~", REWRITE: "~", ADOPT: "+", BLOCK: "!", UPDATE: "~", NONE: "="}
_WORDS = {
    ISSUE: "issue",
    REISSUE: "re-issue",
    REWRITE: "rewrite secret of",
    ADOPT: "adopt secret for",
    BLOCK: "cannot issue",
    UPDATE: "update",
    NONE: "unchanged",
}
_COLOURS = {"+": "32", "~": "33", "-": "31", "!": "31", "=": "2"}
_MOST_NAMES = 5


def text(preview: Preview, *, show_all: bool = False, colour: bool = False) -> str:
    """All lines, with a summary at the end; `show_all` includes what stays as it is."""
    lines: list[str] = []
    for issuer in preview.issuers:
        lines += _issuer(issuer)
    for other in preview.objects:
        if show_all or other.object != UNCHANGED:
            lines.append(_object(other))
    for certificate in preview.certificates:
        if show_all or certificate.action != NONE:
            lines += _certificate(certificate)
    if lines:
        lines.append("")
    lines += [f"note: {note}" for note in preview.notes]
    lines += _summary(preview)
    return "".join(f"{_coloured(line) if colour else line}\n" for line in lines)


def _certificate(effect: CertificateEffect) -> list[str]:
    title = f"Certificate {effect.namespace}/{effect.name}"
    what = [_secret(effect)]
    if effect.key:
        what.append("new key" if effect.key == "new" else "key kept")
    if effect.revision is not None:
        what.append(f"revision {effect.revision.from_} -> {effect.revision.to}")
        what.append(f"by {effect.issuer}")
    lines = [_head(_SIGNS[effect.action], _WORDS[effect.action], title, [part for part in what if part])]
    if effect.message:
        lines.append(
            _below("because", f"{effect.reason}: {effect.message}" if effect.reason else effect.message)
        )
    if effect.fields:
        lines.append(_below("changed", ", ".join(effect.fields)))
    if effect.renewal is not None:
        then = _time(effect.renewal.to)
        if effect.renewal.estimated and effect.renewal.to is not None:
            then = f"about {then} at the latest"
        lines.append(_below("renewal", f"{_time(effect.renewal.from_)} -> {then}"))
    lines += [f"  - delete {each}" for each in effect.deletes]
    return lines + [_below("note", note) for note in effect.notes]


def _secret(effect: CertificateEffect) -> str:
    words = {
        CREATED: f"new Secret {effect.secret}",
        ISSUED: f"Secret {effect.secret}",
        REWRITTEN: f"Secret {effect.secret}, key and certificate kept",
    }
    if effect.action == ADOPT:
        return f"Secret {effect.secret}"
    return words.get(effect.secret_change, "")


def _issuer(effect: IssuerEffect) -> list[str]:
    where = f"{effect.namespace}/{effect.name}" if effect.namespace else effect.name
    sign, word = _sign_of(effect.object)
    lines = [
        _head("~" if sign == "=" else sign, word if sign != "=" else "affects", f"{effect.kind} {where}", [])
    ]
    if effect.new_ca:
        lines.append(_below("because", f"{effect.new_ca} brings a new key pair"))
    if effect.fields:
        lines.append(_below("changed", ", ".join(effect.fields)))
    if not effect.ready:
        lines.append(_below("note", f"not ready: {effect.detail}"))
    if effect.signs_later:
        names = _names(effect.signs_later)
        lines.append(_below("note", f"re-issues nothing; signs at their next issuance: {names}"))
    return lines


def _object(effect: ObjectEffect) -> str:
    where = f"{effect.namespace}/{effect.name}" if effect.namespace else effect.name
    sign, word = _sign_of(effect.object)
    return _head(sign, word, f"{effect.kind} {where}", [", ".join(effect.fields)] if effect.fields else [])


def _sign_of(state: str) -> tuple[str, str]:
    return {CREATED: ("+", "create"), CHANGED: ("~", "change")}.get(state, ("=", "unchanged"))


def _head(sign: str, word: str, title: str, what: Sequence[str]) -> str:
    return f"{sign} {word} {title}" + (f": {', '.join(what)}" if what else "")


def _below(label: str, value: str) -> str:
    return f"    {label}: {value}"


def _summary(preview: Preview) -> list[str]:
    counts = preview.counts()
    secrets = "1 secret" if counts[REWRITE] == 1 else f"{counts[REWRITE]} secrets"
    parts = [f"{counts[ISSUE]} to issue", f"{counts[REISSUE]} to re-issue", f"{secrets} to rewrite"]
    parts += [f"{counts[ADOPT]} to adopt"] if counts[ADOPT] else []
    parts += [f"{counts[BLOCK]} that cannot be issued"] if counts[BLOCK] else []
    parts += [f"{counts[UPDATE]} updated only"] if counts[UPDATE] else []
    parts.append(f"{counts[NONE]} unchanged")
    return [f"Certificates: {', '.join(parts)}.", "Nothing was changed."]


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMES])
    more = len(names) - _MOST_NAMES
    return f"{shown} and {more} more" if more > 0 else shown


def _time(when: datetime | None) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if when is not None else "none"


def _coloured(line: str) -> str:
    sign = line.strip()[:2]
    code = _COLOURS.get(sign[:1], "") if sign[1:] == " " else ""
    return f"\033[{code}m{line}\033[0m" if code else line
