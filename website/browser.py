# pyright: basic, reportMissingImports=false, reportAttributeAccessIssue=false
"""Pictures of the site's pages in a browser, and what only a browser can see.

    python -m website.browser build/website/site build/screenshots [PAGE …]

Each page is drawn on a desktop and on a telephone, in light and in dark. A request to a foreign address, an error in the
browser's console, and a page that is wider than the screen of the telephone are problems: they are printed, and the exit
code is 1. Chromium is the browser: the one that is installed, since playwright's own is a download.
"""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Width and height of the screens, in the browser's pixels.
SCREENS = {"desktop": (1280, 900), "phone": (390, 844)}
SCHEMES = ("light", "dark")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# Without these, Chromium asks its maker's servers for updates.
SILENT = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


class Quiet(SimpleHTTPRequestHandler):
    """A server of files that logs nothing."""

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on the loopback address, and give the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def draw(browser: Browser, address: str, page: str, target: Path) -> list[str]:
    """Draw one page on each screen in each scheme; return the problems that the browser has shown."""
    problems: list[str] = []
    for screen, (width, height) in SCREENS.items():
        for scheme in SCHEMES:
            view = f"{page} ({screen}, {scheme})"
            context = browser.new_context(
                viewport={"width": width, "height": height}, color_scheme=scheme, device_scale_factor=1
            )
            tab = context.new_page()
            requested: list[str] = []
            said: list[str] = []
            tab.on("request", lambda request, requested=requested: requested.append(request.url))
            tab.on("console", lambda message, said=said: said.append(message.text))
            tab.on("pageerror", lambda error, said=said: said.append(str(error)))
            tab.goto(f"{address}/{page}", wait_until="load")
            wider = tab.evaluate(WIDER)
            path = target / f"{page.removesuffix('.html').replace('/', '-')}-{screen}-{scheme}.png"
            tab.screenshot(path=path, full_page=True)
            context.close()
            problems += [f"{view}: requests {url}" for url in requested if not url.startswith((address, "data:"))]
            problems += [f"{view}: {text}" for text in said]
            problems += [f"{view}: {wider} pixels wider than the screen"] if wider > 0 else []
    return problems


def main(arguments: list[str]) -> int:
    """Draw the pages of a built site, all of them or those that are named."""
    from playwright.sync_api import sync_playwright

    site, target = Path(arguments[0]), Path(arguments[1])
    pages = arguments[2:] or sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html"))
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        print(f"no browser: install one of {', '.join(BROWSERS)}", file=sys.stderr)
        return 1
    target.mkdir(parents=True, exist_ok=True)
    problems: list[str] = []
    with served(site) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=SILENT, chromium_sandbox=False)
        for page in pages:
            problems += draw(browser, address, page, target)
        browser.close()
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
