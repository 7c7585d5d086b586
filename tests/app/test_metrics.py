"""What is told of Certificates: from the cache, for as long as they exist, in the words of their spec."""

import re

from certwright.api.certmanager import Certificate, IssuerRef
from certwright.app.metrics import Collector
from certwright.testing.builders import ca_issuer, ca_secret, certificate
from certwright.testing.cluster import Cluster
from certwright.testing.running import Running

NAMES = ("expiration", "not_after", "not_before", "renewal")


def told(cluster: Cluster, running: Running) -> str:
    return Collector(running.controllers, running.client.calls, cluster.clock.now).render().decode()


def times(text: str, labels: str) -> dict[str, int]:
    found = {}
    for name in NAMES:
        match = re.search(
            rf"^certmanager_certificate_{name}_timestamp_seconds\{{{labels}\}} (\d+)$", text, re.MULTILINE
        )
        assert match is not None
        found[name] = int(match[1])
    return found


def status(text: str, labels: str) -> dict[str, str]:
    found = re.findall(
        rf'^certmanager_certificate_ready_status\{{{labels},condition="(\w+)"\}} (\d)$', text, re.MULTILINE
    )
    return dict(found)


async def test_a_certificate_that_nobody_has_looked_at_is_unknown_and_has_no_times(
    cluster: Cluster,
) -> None:
    ref = IssuerRef(name="far", kind="Thing", group="example.com")
    running = await cluster.start()
    running.controllers.certificates.put(
        certificate("web", ref)  # as the watch brings it, before any pass
    )
    labels = 'name="web",namespace="",issuer_name="far",issuer_kind="Thing",issuer_group="example.com"'
    text = told(cluster, running)
    assert status(text, labels) == {"True": "0", "False": "0", "Unknown": "1"}
    assert set(times(text, labels).values()) == {0}


async def test_the_labels_are_what_the_spec_says_and_not_what_it_means(cluster: Cluster) -> None:
    await cluster.create(ca_secret(), ca_issuer(), certificate("web"))
    running = await cluster.start()
    await cluster.settled()
    where = f'name="web",namespace="{cluster.namespace}"'
    labels = f'{where},issuer_name="ca",issuer_kind="",issuer_group=""'
    text = told(cluster, running)
    found = (await cluster.certificate("web")).status
    assert found.not_before is not None
    assert found.not_after is not None
    assert found.renewal_time is not None
    assert times(text, labels) == {
        "expiration": int(found.not_after.timestamp()),
        "not_after": int(found.not_after.timestamp()),
        "not_before": int(found.not_before.timestamp()),
        "renewal": int(found.renewal_time.timestamp()),
    }
    assert status(text, labels) == {"True": "1", "False": "0", "Unknown": "0"}
    await cluster.delete(Certificate, "web")
    await cluster.settled()
    assert 'name="web"' not in told(cluster, running)
