#!/bin/sh
# Writes requirements.lock (what `make run` installs) and requirements-dev.lock (what `make test` installs): every
# distribution pinned, with the hashes of all its files. The locks name no registry: pip asks the one it is
# configured for, and the hashes decide whether the answer is accepted.
set -eu
cd "$(dirname "$0")/.."
unset PIP_FIND_LINKS || true

compile() {
    .venv/bin/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-header \
        --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options \
        --build-deps-for editable "$@" pyproject.toml
}

compile --extra fast --output-file requirements.lock
compile --extra fast --extra dev --constraint requirements.lock --output-file requirements-dev.lock
