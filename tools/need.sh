#!/bin/sh
# Usage: tools/need.sh COMMAND[=PACKAGE]... Makes sure that commands are there which tests call; a package has the name
# of its command where none is given. As root on Debian it installs what is missing, elsewhere it says what to install.
set -eu
missing=
for needed; do
    command -v "${needed%%=*}" >/dev/null || missing="$missing ${needed#*=}"
done
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing$missing, which tests call"
    # shellcheck disable=SC2086 # a list
    apt-get -qq install -y --no-install-recommends $missing >/dev/null ||
        { apt-get -qq update && apt-get -qq install -y --no-install-recommends $missing >/dev/null; }
    exit 0
fi
echo "error: tests need$missing; on Debian and Ubuntu: sudo apt-get install$missing" >&2
exit 1
