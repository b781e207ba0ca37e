"""What is served over HTTP: the files of the page, a fixed list that is read once, and what heads it all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from jamd.errors import JamdError

FOLDER = Path(__file__).parent / "page"
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".mid": "audio/midi",
    ".json": "application/json",
}
OF_A_PAGE = (".js", ".css", ".svg", ".png")
TEXT = "text/plain; charset=utf-8"
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "connect-src 'self'",
        "worker-src 'self' blob:",
        "media-src 'self' blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Of every answer. With the cross-origin policies the page's clock counts in 5 µs and not in 100."""


@dataclass(frozen=True, slots=True)
class Served:
    """An answer to a request."""

    body: bytes
    kind: str
    status: int = 200
    more: Mapping[str, str] = field(default_factory=dict)

    def headers(self) -> dict[str, str]:
        return {
            **HEADERS,
            "Content-Type": self.kind,
            "Content-Length": str(len(self.body)),
            "Connection": "close",
            **self.more,
        }


def said(status: int, line: str, **more: str) -> Served:
    """A line instead of what was asked for."""
    return Served(f"{line}\n".encode(errors="replace"), TEXT, status, more)


def attached(name: str) -> dict[str, str]:
    """To be kept under this name (RFC 6266)."""
    plain = "".join(sign if sign.isascii() and (sign.isalnum() or sign in " .-_") else "_" for sign in name)
    spelt = quote(name, safe="", errors="replace")
    return {"Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{spelt}"}


def page_files(folder: Path) -> dict[str, Served]:
    """The files of a page by their paths. Raises JamdError."""
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix in OF_A_PAGE and path.is_file())
        files = {f"/page/{path.name}": Served(path.read_bytes(), KINDS[path.suffix]) for path in paths}
        return {"/": Served((folder / "index.html").read_bytes(), KINDS[".html"]), **files}
    except OSError as error:
        raise JamdError(f"the page's files cannot be read: {folder}: {error.strerror}") from error
