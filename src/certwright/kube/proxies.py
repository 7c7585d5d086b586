"""Which proxy the environment asks for, by the rules Go programs follow, so that kubectl and we agree."""

import ipaddress
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from certwright.kube.cluster import ConfigError

_PORTS = {"http": 80, "https": 443}


def proxy_for(server: str, environment: Mapping[str, str]) -> str | None:
    """The proxy URL for requests to `server`, None for a direct connection.

    HTTPS_PROXY, HTTP_PROXY and NO_PROXY count, in upper case before lower case; loopback addresses are never
    proxied. Raises ConfigError for a proxy that cannot be used.
    """
    url = urlsplit(server)
    name = "HTTPS_PROXY" if url.scheme == "https" else "HTTP_PROXY"
    proxy = _variable(environment, name)
    if not proxy or _is_excluded(url, _variable(environment, "NO_PROXY")):
        return None
    return check_proxy(proxy if "://" in proxy else f"http://{proxy}", name)


def check_proxy(proxy: str, label: str) -> str:
    """Return `proxy` if it is an HTTP proxy. Raises ConfigError naming the setting `label`, not its value."""
    try:
        url = urlsplit(proxy)
        usable = url.scheme in _PORTS and bool(url.hostname) and url.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError(f"{label}: only http:// and https:// proxies can be used")
    return proxy


def _variable(environment: Mapping[str, str], name: str) -> str:
    return environment.get(name) or environment.get(name.lower()) or ""


def _is_excluded(url: SplitResult, no_proxy: str) -> bool:
    host = (url.hostname or "").rstrip(".")
    port = url.port or _PORTS.get(url.scheme, 0)
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    entries = [entry.strip().lower() for entry in no_proxy.split(",")]
    return any(_matches(entry, host, port, address) for entry in entries if entry)


def _matches(
    entry: str, host: str, port: int, address: ipaddress.IPv4Address | ipaddress.IPv6Address | None
) -> bool:
    if entry == "*":
        return True
    if "/" in entry:
        return address is not None and _in_network(address, entry)
    name, wanted_port = _split_port(entry)
    if wanted_port and wanted_port != str(port):
        return False
    other = _address(name.strip("[]"))
    if other is not None:
        return other == address
    suffix = name.removeprefix("*")
    return host.endswith(suffix) if suffix.startswith(".") else host == suffix or host.endswith(f".{suffix}")


def _in_network(address: ipaddress.IPv4Address | ipaddress.IPv6Address, entry: str) -> bool:
    try:
        return address in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False


def _split_port(entry: str) -> tuple[str, str]:
    """Host and port of an entry; a bare IPv6 address has no port."""
    if entry.count(":") > 1 and not entry.startswith("["):
        return entry, ""
    host, colon, port = entry.rpartition(":")
    return (host, port) if colon and port.isdecimal() else (entry, "")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
