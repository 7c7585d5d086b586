"""Get and list: from memory, at the newest revision or at an older one, page by page. Watches are in
`watching`.

A `continue` token is a revision and the last key of the page before, so that all pages show one moment.
"""

from __future__ import annotations

import base64
from typing import Final

import msgspec

from certwright.apiserver.cluster import Cluster, Target
from certwright.apiserver.kinds import Kind, Object
from certwright.apiserver.log import Page, Record, TooNew, TooOld
from certwright.apiserver.options import ListOptions
from certwright.apiserver.selectors import Selector, SelectorError, parse_fields, parse_labels
from certwright.apiserver.status import StatusError, bad_request, expired, too_new

_PAGE: Final = 1000
_TOKEN_VERSION: Final = "meta.k8s.io/v1"  # noqa: S105 - not a password
_encode = msgspec.json.Encoder().encode


class _Token(msgspec.Struct):
    v: str
    rv: int
    start: str


_decode_token = msgspec.json.Decoder(_Token).decode


def get(cluster: Cluster, target: Target, version: str) -> Record:
    """The live object, no older than `version`. Raises StatusError (404, 504 for a revision yet to come)."""
    _not_older(cluster, version)
    return cluster.get(target)


def parse_version(text: str) -> int:
    """A resourceVersion, 0 when it is empty. Raises StatusError (400)."""
    if not text:
        return 0
    if not text.isdecimal() or len(text) > 19:
        raise bad_request(f'Invalid value: "{text}": resourceVersion must be a whole number')
    return int(text)


def _not_older(cluster: Cluster, version: str) -> int:
    asked, current = parse_version(version), cluster.log.revision
    if asked > current:
        raise too_new(asked, current)
    return asked


def selector_of(kind: Kind, options: ListOptions) -> Selector:
    """The selector of a list or watch. Raises StatusError (400) in upstream's words."""
    try:
        return parse_labels(options.labels) & parse_fields(options.fields, kind.selectable)
    except SelectorError as error:
        raise bad_request(str(error)) from None


def list_objects(cluster: Cluster, target: Target, options: ListOptions) -> tuple[list[Record], Object]:
    """The selected objects, and the metadata of the list. Raises StatusError (400, 410, 504)."""
    selector = selector_of(target.kind, options)
    revision, after = _where(cluster, target, options)
    single = single_key(target, selector) if not options.continue_ else None
    if single is not None and not revision:
        record = cluster.log.get(single)
        records = [record] if record is not None and selector.matches(record.object) else []
        return records, {"resourceVersion": str(cluster.log.revision)}
    try:
        return _collect(cluster, target, selector, options.limit, revision, after)
    except TooOld:
        raise _too_old(bool(options.continue_)) from None
    except TooNew as error:
        raise too_new(error.revision, error.current) from None


def _too_old(continued: bool) -> StatusError:
    if continued:
        return expired(
            "The provided continue parameter is too old to display a consistent list result. "
            "You can start a new list without the continue parameter."
        )
    return expired("The resourceVersion for the provided list is too old.")


def _where(cluster: Cluster, target: Target, options: ListOptions) -> tuple[int, str]:
    """The revision to list at (0: now) and the key to list after."""
    prefix = target.kind.prefix_in(target.namespace)
    if options.continue_:
        if options.version not in ("", "0"):
            raise bad_request("specifying resource version is not allowed when using continue")
        token = _read_token(options.continue_)
        return token.rv, prefix + token.start
    asked = _not_older(cluster, options.version)
    exact = options.match == "Exact" or (not options.match and options.limit and asked)
    return (asked if exact else 0), ""


def _read_token(text: str) -> _Token:
    try:
        token = _decode_token(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except ValueError as error:
        raise bad_request(f"continue key is not valid: {error}") from None
    if token.v != _TOKEN_VERSION:
        raise bad_request(
            "continue key is not valid: incorrect encoded start resourceVersion (version meta.k8s.io/v1)"
        )
    return token


def single_key(target: Target, selector: Selector) -> str | None:
    """The only key that a selector on name (and namespace) can match."""
    name = selector.exact.get("metadata.name")
    namespace = target.namespace or selector.exact.get("metadata.namespace", "")
    if not name or "/" in name or (target.kind.namespaced and not namespace):
        return None
    return target.kind.key(namespace if target.kind.namespaced else "", name)


def _collect(
    cluster: Cluster, target: Target, selector: Selector, limit: int, revision: int, after: str
) -> tuple[list[Record], Object]:
    prefix = target.kind.prefix_in(target.namespace)
    if selector.everything:
        page = cluster.log.range(prefix, after, limit, revision)
        return page.records, _list_metadata(
            page, page.records, prefix, page.remaining if limit else 0, counted=True
        )
    found: list[Record] = []
    while True:
        page = cluster.log.range(prefix, after, _PAGE if limit else 0, revision)
        revision = page.revision
        for position, record in enumerate(page.records):
            if selector.matches(record.object):
                found.append(record)
                if limit and len(found) == limit:
                    remaining = page.remaining + len(page.records) - position - 1
                    return found, _list_metadata(page, found, prefix, remaining, counted=False)
        if not page.remaining:
            return found, {"resourceVersion": str(revision)}
        after = page.records[-1].key


def _list_metadata(
    page: Page, records: list[Record], prefix: str, remaining: int, *, counted: bool
) -> Object:
    """With what the next page is asked for; how many objects remain is only known without a selector."""
    metadata: Object = {"resourceVersion": str(page.revision)}
    if remaining:
        token = _Token(_TOKEN_VERSION, page.revision, records[-1].key.removeprefix(prefix))
        metadata["continue"] = base64.urlsafe_b64encode(_encode(token)).decode().rstrip("=")
        if counted:
            metadata["remainingItemCount"] = remaining
    return metadata
