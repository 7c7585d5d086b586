import pytest

from certwright.kube.cluster import ConfigError
from certwright.kube.proxies import proxy_for

PROXY = {"HTTPS_PROXY": "http://proxy:3128"}


@pytest.mark.parametrize(
    ("server", "no_proxy", "proxied"),
    [
        ("https://api.example.com", "", True),
        ("https://api.example.com", "*", False),
        ("https://api.example.com", "example.com", False),
        ("https://api.example.com", ".example.com", False),
        ("https://api.example.com", "*.example.com", False),
        ("https://example.com", ".example.com", True),
        ("https://api.example.com", "ample.com", True),
        ("https://api.example.com", "API.Example.Com", False),
        ("https://api.example.com:6443", "example.com:6443", False),
        ("https://api.example.com:6443", "example.com:443", True),
        ("https://api.example.com", "example.com:443", False),
        ("https://10.1.2.3:6443", "10.0.0.0/8", False),
        ("https://10.1.2.3:6443", "10.1.2.3", False),
        ("https://10.1.2.3:6443", "10.1.2.4, 10.1.2.3:6443", False),
        ("https://11.1.2.3", "10.0.0.0/8,nonsense/99", True),
        ("https://[fd00::1]:6443", "fd00::/8", False),
        ("https://[fd00::1]:6443", "[fd00::1]:6443", False),
        ("https://[fd00::1]:6443", "fd00::1", False),
        ("https://localhost:6443", "", False),
        ("https://127.0.0.1:6443", "", False),
        ("https://[::1]:6443", "", False),
    ],
)
def test_no_proxy_means_what_it_means_to_go_programs(server: str, no_proxy: str, proxied: bool) -> None:
    assert proxy_for(server, PROXY | {"NO_PROXY": no_proxy}) == ("http://proxy:3128" if proxied else None)


def test_the_variable_follows_the_scheme_and_upper_case_wins() -> None:
    both = {"https_proxy": "http://low:1", "HTTPS_PROXY": "http://up:1", "http_proxy": "plain:8080"}
    assert proxy_for("https://api", both) == "http://up:1"
    assert proxy_for("http://api", both) == "http://plain:8080"
    assert proxy_for("https://api", {"http_proxy": "http://low:1"}) is None


@pytest.mark.parametrize("proxy", ["socks5://hunter2@proxy:1080", "http://", "http://hunter2:x@proxy:port"])
def test_a_proxy_that_cannot_be_used_is_refused_without_quoting_it(proxy: str) -> None:
    with pytest.raises(ConfigError, match="HTTPS_PROXY: only http:// and https:// proxies") as caught:
        proxy_for("https://api", {"HTTPS_PROXY": proxy})
    assert "hunter2" not in str(caught.value)
