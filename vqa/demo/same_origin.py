"""Only requests of the demo's own page are served: foreign names and foreign pages are refused."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

# A name or an address, with or without a port; no user before an "@".
_HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")
LOOPBACK = frozenset(["localhost", "127.0.0.1", "::1"])


def is_loopback(host: str) -> bool:
    """Return whether a name or address means this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class SameOriginMiddleware:
    """Refuses requests under a foreign name (DNS rebinding) and from the scripts and forms of foreign pages.

    The name in ``Host`` must be one of `hosts`. Its port is free, so that a forwarded port works. Where a request
    has an ``Origin``, it must be the page's own. A request without one is a link, or does not come from a browser.

    Parameters
    ----------
    hosts : the names to serve; empty for any IP address, which no foreign page can own, and this machine's names
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str] = ()) -> None:
        self.app = app
        self.hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it with 403."""
        if scope["type"] == "http" and (refusal := self._refusal(Headers(scope=scope))):
            await PlainTextResponse(refusal, 403)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _refusal(self, headers: Headers) -> str:
        """Return why a request is refused, or an empty text."""
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) != 1 or not self._is_served(_host_name(hosts[0])):
            return "this demo is not served under that host name"
        if any(origin.partition("://")[2].lower() != hosts[0].lower() for origin in origins):
            return "this demo does not answer other pages"
        return ""

    def _is_served(self, name: str) -> bool:
        if self.hosts:
            return name in self.hosts
        own = socket.gethostname().lower()
        return name in (*LOOPBACK, own, f"{own}.local", socket.getfqdn().lower()) or _is_address(name)


def _host_name(header: str) -> str:
    match = _HOST.fullmatch(header)
    return match[1].strip("[]").lower() if match else ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
