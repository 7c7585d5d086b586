import msgspec
import pytest

from certwright.api.meta import CERTIFICATES, CLUSTER_ISSUERS, SECRETS
from certwright.kube import requests
from certwright.kube.requests import Selection


def test_paths_of_core_and_other_groups_namespaced_or_not() -> None:
    assert requests.get(SECRETS, "tls", "shop").path == "/api/v1/namespaces/shop/secrets/tls"
    assert requests.get(CLUSTER_ISSUERS, "ca").path == "/apis/cert-manager.io/v1/clusterissuers/ca"
    assert requests.collection_path(CERTIFICATES) == "/apis/cert-manager.io/v1/certificates"


def test_names_are_percent_encoded() -> None:
    assert requests.get(SECRETS, "a/b?c", "n").path == "/api/v1/namespaces/n/secrets/a%2Fb%3Fc"


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_a_missing_name_never_becomes_a_call_on_the_whole_collection(name: str) -> None:
    with pytest.raises(ValueError, match="a name is needed"):
        requests.delete(SECRETS, name, "shop")


def test_a_missing_or_superfluous_namespace_is_refused() -> None:
    with pytest.raises(ValueError, match="a namespace is needed"):
        requests.get(SECRETS, "tls")
    with pytest.raises(ValueError, match="a namespace is needed"):
        requests.create(SECRETS, b"{}")
    with pytest.raises(ValueError, match="cluster-scoped"):
        requests.get(CLUSTER_ISSUERS, "ca", "shop")


@pytest.mark.parametrize(
    ("kind", "content_type", "verb"),
    [
        ("merge", "application/merge-patch+json", "patch"),
        ("json", "application/json-patch+json", "patch"),
        ("apply", "application/apply-patch+yaml", "apply"),
    ],
)
def test_patches_carry_their_content_type(kind: requests.PatchKind, content_type: str, verb: str) -> None:
    request = requests.patch(CERTIFICATES, "web", b"{}", "shop", kind=kind, field_manager="me")
    assert (request.content_type, request.verb) == (content_type, verb)


def test_apply_needs_a_field_manager_and_force_is_asked_for() -> None:
    with pytest.raises(ValueError, match="field manager"):
        requests.patch(SECRETS, "tls", b"{}", "shop", kind="apply")
    request = requests.patch(
        SECRETS, "tls", b"{}", "shop", kind="apply", field_manager="me", force=True, dry_run=True
    )
    assert request.query == {"fieldManager": "me", "force": "true", "dryRun": "All"}


def test_a_subresource_is_in_the_path_and_in_the_name_of_the_call() -> None:
    request = requests.patch(CERTIFICATES, "web", b"{}", "shop", subresource="status")
    assert request.path.endswith("/certificates/web/status")
    assert request.call == "patch certificates/status shop/web"


def test_preconditions_of_a_deletion_are_in_its_options() -> None:
    request = requests.delete(SECRETS, "tls", "shop", uid="u", resource_version="7", propagation="Orphan")
    assert msgspec.json.decode(request.body) == {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "preconditions": {"uid": "u", "resourceVersion": "7"},
        "propagationPolicy": "Orphan",
    }


def test_a_watch_that_streams_the_list_first() -> None:
    selection = Selection(resource=SECRETS, label_selector="a=b", metadata_only=True)
    request = requests.watch(selection, initial_events=True, timeout_seconds=300)
    assert request.query == {
        "labelSelector": "a=b",
        "watch": "true",
        "allowWatchBookmarks": "true",
        "sendInitialEvents": "true",
        "resourceVersionMatch": "NotOlderThan",
        "timeoutSeconds": "300",
    }
    assert "as=PartialObjectMetadata;g=meta.k8s.io;v=v1" in request.accept


def test_a_list_asks_for_pages_and_for_metadata() -> None:
    selection = Selection(resource=SECRETS, namespace="shop", field_selector="type=x", metadata_only=True)
    request = requests.list_(selection, limit=500, continue_="t")
    assert request.query == {"fieldSelector": "type=x", "limit": "500", "continue": "t"}
    assert "as=PartialObjectMetadataList" in request.accept


def test_a_request_shows_neither_its_body_nor_its_query() -> None:
    assert "hunter2" not in repr(requests.create(SECRETS, b"hunter2", "shop"))
