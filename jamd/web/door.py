"""Who may come in: pages of our own, from this machine, or from elsewhere with the token. Pure.

A page of another site in the same browser can ask for our address, or have its own name point to it (DNS
rebinding); so the host that was asked must be ours, and the socket's origin.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import parse_qs

LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
HTTP_PORT = 80
"""The one that a browser leaves out."""
_HOST = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9_.-]{1,253})(?::([0-9]{1,5}))?")


class Headers(Protocol):
    """Of a request."""

    def get_all(self, key: str) -> list[str]:
        """All with this name, in any case."""


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches this address."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


@dataclass(frozen=True, slots=True)
class Door:
    """Where pages are served; with a token, to whom has it and to nobody else."""

    host: str
    port: int
    token: str | None = None

    @property
    def cookie(self) -> str:
        """The name of the cookie that has the token. Cookies are the same for all ports of a host."""
        return f"jamd-{self.port}"

    def refusal(self, headers: Headers, query: str, first: bool) -> str:
        """Why a request is not answered; "" if it is. `first`: it may come from elsewhere, as a link does."""
        hosts = headers.get_all("Host")
        found = _HOST.fullmatch(hosts[0].lower()) if len(hosts) == 1 else None
        if found is None:
            return "it does not say which host it asks"
        name, port = found[1], int(found[2] or HTTP_PORT)
        if self.token is None and (name not in LOOPBACK | {_bracketed(self.host)} or port != self.port):
            return "it asks another host"
        sites = headers.get_all("Sec-Fetch-Site")
        if not first and any(site.lower() not in ("same-origin", "none") for site in sites):
            return "another site asks"
        if self.token is not None and not self._has_token(headers, query):
            return "the token is missing: open the address that jamd printed"
        return ""

    def socket_refusal(self, headers: Headers) -> str:
        """Why a socket that may ask is not opened; "" if it is."""
        origins, (host,) = headers.get_all("Origin"), headers.get_all("Host")
        if len(origins) != 1 or origins[0].lower() != f"http://{host.lower()}":
            return "another site's page asks"
        return ""

    def shows_token(self, query: str) -> bool:
        """Whether the address has the token in it: the browser may keep it."""
        return self.token is not None and any(map(self._is_token, _values(query, "token")))

    def _has_token(self, headers: Headers, query: str) -> bool:
        kept = [
            value.strip()
            for line in headers.get_all("Cookie")
            for name, _, value in (each.partition("=") for each in line.split(";"))
            if name.strip() == self.cookie
        ]
        return any(map(self._is_token, [*_values(query, "token"), *kept]))

    def _is_token(self, given: str) -> bool:
        """In the same time, however much of it is right."""
        return hmac.compare_digest(given.encode(errors="replace"), (self.token or "").encode())


def _bracketed(host: str) -> str:
    """A host as a request names it."""
    return f"[{host.strip('[]').lower()}]" if ":" in host else host.lower()


def _values(query: str, name: str) -> list[str]:
    try:
        return parse_qs(query, max_num_fields=20).get(name, [])
    except ValueError:
        return []
