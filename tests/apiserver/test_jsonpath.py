from typing import Any

import pytest

from certwright.apiserver.jsonpath import JsonPathError, compile_path

OBJECT = {
    "spec": {"names": ["a", "b", "c"], "issuer": {"name": "ca"}, "dotted.key": 1, "size": 3},
    "status": {"conditions": [{"type": "Ready", "status": "True", "n": 1}, {"type": "Issuing", "n": 2}]},
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (".spec.issuer.name", ["ca"]),
        ("{.spec.issuer.name}", ["ca"]),
        ("$.spec.size", [3]),
        (".spec.names[0]", ["a"]),
        (".spec.names[-1]", ["c"]),
        (".spec.names[1:]", ["b", "c"]),
        (".spec.names[*]", ["a", "b", "c"]),
        (".spec['dotted.key']", [1]),
        (r".spec.dotted\.key", [1]),
        ('.status.conditions[?(@.type=="Ready")].status', ["True"]),
        (".status.conditions[?(@.type == 'Ready')].status", ["True"]),
        (".status.conditions[?(@.n>1)].type", ["Issuing"]),
        (".status.conditions[?(@.status)].type", ["Ready"]),
        ('.status.conditions[?(@.type!="Ready")].n', [2]),
        ("..name", ["ca"]),
        (".spec.issuer.*", ["ca"]),
        (".nothing.here", []),
        (".spec.size.deeper", []),
        (".", [OBJECT]),
    ],
)
def test_finds(path: str, found: list[Any]) -> None:
    assert compile_path(path)(OBJECT) == found


@pytest.mark.parametrize("path", [".a[", ".a[?(]", ".a[?(@.b==)]", ".a[b]", "{.a}{.b}", ".a b"])
def test_refuses_what_it_cannot_read(path: str) -> None:
    with pytest.raises(JsonPathError):
        compile_path(path)
