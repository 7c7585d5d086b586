#!/bin/sh
# Fetches Debian's kubectl (1.20) into .cache/tools, unpacked and not installed, for the tests marked `kubectl`.
# Those tests also run with the kubectl on the PATH, if there is one; they skip what they do not find.
set -eu
cd "$(dirname "$0")/.."
target=.cache/tools/kubectl-1.20
[ -x "$target/kubectl" ] && exit 0
if ! command -v apt-get >/dev/null || ! command -v dpkg >/dev/null; then
    echo "no apt-get and dpkg here: the tests with kubectl 1.20 are skipped" >&2
    exit 0
fi
mkdir -p "$target"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fetch() { (cd "$work" && apt-get -qq download kubernetes-client >/dev/null 2>&1); }
if ! fetch; then
    apt-get -qq update >/dev/null 2>&1 || true
    fetch || { echo "cannot fetch kubernetes-client: the tests with kubectl 1.20 are skipped" >&2; exit 0; }
fi
dpkg -x "$work"/kubernetes-client_*.deb "$work/unpacked"
mv "$work/unpacked/usr/bin/kubectl" "$target/kubectl"
