"""How well in time a page is: `python -m tests.bench.page [--onsets 500] [--engine]`.

jamd carries on alone at 150 BPM, densely, on a page in a real Chromium. Of each note that the page sounds it
is told where it begins on the audio clock, against the instant that the engine meant, by the page's own
clocks, and whether it came too late to be placed. With --engine: how late the engine sent, by its own
account, with a page that draws and without any, in turn, twice. Take no screenshot meanwhile: one holds up
the page.
"""

from __future__ import annotations

import argparse
import json
import re
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from playwright import sync_api as playwright

from tests.kit.realparts import program
from tests.web.test_jam import Web

OPTIONS = ("--mode", "solo", "--silence", "2", "--tempo", "150", "--density", "1.6", "--seed", "1")
ENGINE_SECONDS = 35.0
SCHEDULED = "jamd.scheduled.map(s => [s.seconds, s.audio, s.late, jamd.clock.audioAt(s.seconds)])"


def opened(browser: Any, web: Web) -> Any:
    """A page of it that plays, its sound running."""
    page = browser.new_page(viewport={"width": 1280, "height": 860})
    page.goto(web.address)
    while not page.evaluate("window.jamd?.connected && jamd.state && jamd.strings >= 28"):
        time.sleep(0.1)
    page.locator("h1").click()
    for key in "adgk":
        page.keyboard.press(key)
        time.sleep(0.4)
    return page


def onsets(browser: Any, count: int) -> None:
    with tempfile.TemporaryDirectory() as home, Web(Path(home), *OPTIONS) as web:
        page = opened(browser, web)
        rows: list[Any] = []
        while len(rows) < count:
            time.sleep(1.0)
            rows = page.evaluate(SCHEDULED)[:count]
    off = 1000 * np.array([abs(audio - meant) for _, audio, late, meant in rows if not late])
    late = 1000 * np.array([audio - meant for _, audio, late, meant in rows if late])
    print(f"{len(rows)} onsets: off their instant on the audio clock, by the page's own clocks, ", end="")
    print(f"median {np.median(off):.3f} ms, 99 % {np.percentile(off, 99):.3f}, at most {off.max():.3f}")
    print(f"came too late to be placed: {len(late)} ({len(late) / len(rows):.1%})", end="")
    print(f", by {np.median(late):.1f} ms (median), at most {late.max():.1f}" if len(late) else "")


def engine_lateness(browser: Any, with_page: bool) -> str:
    """What jamd says of its own sending, at the end."""
    with tempfile.TemporaryDirectory() as home, Web(Path(home), *OPTIONS) as web:
        page = opened(browser, web)
        if not with_page:
            page.close()
        time.sleep(ENGINE_SECONDS)
        web.signal(signal.SIGINT)
        ended = web.wait(20)
    found = re.search(r"jitter over .*", ended.stdout + ended.stderr)
    return found[0] if found else json.dumps([ended.stdout, ended.stderr])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--onsets", type=int, default=500)
    parser.add_argument("--engine", action="store_true")
    said = parser.parse_args()
    print(f"load {Path('/proc/loadavg').read_text().split()[0]}")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program("chromium"), args=["--no-sandbox"])
        onsets(browser, said.onsets)
        if said.engine:
            for _ in range(2):
                for with_page in (True, False):
                    lateness = engine_lateness(browser, with_page)
                    print(f"{'a page' if with_page else 'no page'}: {lateness}", flush=True)
        browser.close()


if __name__ == "__main__":
    main()
