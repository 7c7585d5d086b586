"""Calls within the process: the same answers as over HTTP, and what is wrong field by field besides."""

import pytest

from certwright.api.meta import CERTIFICATES
from certwright.kube.errors import Forbidden, Invalid
from certwright.testing.cluster import Cluster


async def test_a_refusal_by_our_rules_names_each_field(cluster: Cluster) -> None:
    spec = {"secretName": "A_b", "issuerRef": {"name": "i"}, "dnsNames": ["a"], "duration": "1m"}
    with pytest.raises(Forbidden, match="denied the request: ") as refused:
        await cluster.client.create(
            CERTIFICATES, {"metadata": {"name": "w"}, "spec": spec}, cluster.namespace
        )
    causes = [(cause.field, cause.reason) for cause in refused.value.details.causes]
    assert causes == [("spec.secretName", "FieldValueInvalid"), ("spec.duration", "FieldValueInvalid")]


async def test_an_object_that_cannot_be_read_is_a_bad_request(cluster: Cluster) -> None:
    spec = {"secretName": "s", "issuerRef": {"name": "i"}, "dnsNames": ["a"], "duration": "90d"}
    with pytest.raises(Invalid) as refused:
        await cluster.client.create(
            CERTIFICATES, {"metadata": {"name": "w"}, "spec": spec}, cluster.namespace
        )
    assert refused.value.status == 400
    assert [cause.field for cause in refused.value.details.causes] == ["spec.duration"]
