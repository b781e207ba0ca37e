"""A call as a link carries it, and the seed of its answer: checked before anybody works on them. Pure."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from jamd.web import checks
from jamd.web.checks import Refused

MOST_CALL_BYTES = 1 << 15
MOST_CALL_NOTES = 400
MOST_CALL_BEATS = 256
MOST_SEED = 2**32 - 1
CALL = checks.of(
    {
        "tempo": checks.number(20, 400),
        "metre": checks.row(checks.whole(1, 64), checks.one_of(1, 2, 4, 8, 16)),
        "notes": checks.every(
            checks.row(
                checks.number(0, MOST_CALL_BEATS),
                checks.number(0, MOST_CALL_BEATS),
                checks.whole(0, 127),
                checks.whole(1, 127),
            ),
            MOST_CALL_NOTES,
        ),
    }
)


def call_in(spelt: str) -> dict[str, Any]:
    """A call, as a link carries it: JSON in base64url. Raises Refused."""
    try:
        content = base64.b64decode(spelt.encode() + b"=" * (-len(spelt) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise Refused("the call is no base64url") from None
    try:
        call: dict[str, Any] = CALL(checks.strict(content, MOST_CALL_BYTES))
    except Refused as error:
        raise Refused(f"the call: {error}") from None
    if not call["notes"]:
        raise Refused("the call has no notes")
    return call


def seed_in(spelt: str) -> int:
    """A seed, as a link carries it. Raises Refused."""
    if not (spelt.isascii() and spelt.isdecimal() and len(spelt) <= 10 and int(spelt) <= MOST_SEED):
        raise Refused(f"the seed is no whole number from 0 to {MOST_SEED}")
    return int(spelt)
