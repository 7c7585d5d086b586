#!/bin/sh
# Usage: tools/venv.sh LOCKFILE. Makes .venv if it is not there, installs what LOCKFILE pins (hashes checked) and the
# project itself, editable. PYTHON names the interpreter to use; it must be 3.11 or newer.
set -eu
cd "$(dirname "$0")/.."

fail() {
    echo "error: $*" >&2
    exit 1
}

find_python() {
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    fail "no Python 3.11 or newer found (tried: ${PYTHON:-python3 python3.13 python3.12 python3.11}); set PYTHON=/path/to/python3"
}

# Debian keeps ensurepip in a package of its own (python3-venv). Without it a venv can still be made, and filled by
# the pip that is there.
make_venv() {
    "$1" -m venv .venv >.venv.log 2>&1 && rm -f .venv.log && return
    rm -rf .venv
    if "$1" -m venv --without-pip .venv >>.venv.log 2>&1 &&
        "$1" -m pip --python .venv/bin/python install --quiet pip >>.venv.log 2>&1; then
        rm -f .venv.log
        return
    fi
    rm -rf .venv
    cat .venv.log >&2
    rm -f .venv.log
    fail "cannot make a virtual environment with $1; on Debian and Ubuntu: apt-get install python3-venv"
}

if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    rm -rf .venv
    python=$(find_python)
    make_venv "$python"
fi
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$1"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
