"""A real browser, and Kalends on a port of its own.

Debian's Chromium is used, as the shell without windows where that is installed: a window for each
context is half of a browser's work. Where there is neither, these tests are named as not tested.

- `chromium`: the browser, started once.
- `address`: the pages of this very process, over the rows of the test (`linden`, the moved
  `clock`). Good for one page's behaviour.
- `live`: Kalends as it is deployed, started once with `start` on SQLite, with the sample clinic and
  workers: `live.address`,
  `live.password`, `live.sandbox` (the imitation providers). Good for what needs the real server.
  Its rows are shared: leave them as you found them.
- `visitor`: an empty page of a browser without cookies.
- `enter(email, …)`: a page signed in at `address` (or at `at=live`); further arguments go to
  Playwright's `new_context`, such as
  `java_script_enabled=False`, `color_scheme="dark"` or `viewport`. Any error on a page's console
  fails the test at its end.
- `no_barriers(page)`: axe finds nothing, and the page does not scroll sideways.
"""

import shutil
import socket
import threading
import time
import urllib.request
from types import SimpleNamespace

import program
import pytest
from barriers import barriers
from console import is_fault
from playwright.sync_api import expect, sync_playwright
from werkzeug.serving import make_server

from base.config.endpoints import sandbox_port
from tests.conftest import lacking, session_cookies

_NAMES = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

# How long a page may take to show what is expected, in milliseconds. Four tests run at once, on
# machines that are busy with others: a page that is slow is not wrong.
_PATIENCE = 30_000


@pytest.fixture(scope="session")
def chromium():
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        lacking("Chromium", "install the package chromium-headless-shell, or chromium")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path, args=_FLAGS)
        expect.set_options(timeout=_PATIENCE)
        yield browser
        browser.close()


class _UnderWay:
    """The pages, and how many requests they are answering.

    A browser that is closed leaves requests behind. One that still reads or writes while the test's
    database is closed would end the whole process.
    """

    def __init__(self, app):
        self._app, self._count, self._is_over = app, 0, False
        self._changed = threading.Condition()

    def __call__(self, environ, start_response):
        with self._changed:
            if self._is_over:
                start_response("503 Service Unavailable", [])
                return []
            self._count += 1
        try:
            return self._app(environ, start_response)
        finally:
            with self._changed:
                self._count -= 1
                self._changed.notify_all()

    def end(self):
        """Answer nothing more, and wait for what is being answered."""
        with self._changed:
            self._is_over = True
            assert self._changed.wait_for(lambda: self._count == 0, 20)


@pytest.fixture
def address(app, linden):
    pages = _UnderWay(app)
    server = make_server("127.0.0.1", 0, pages, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    pages.end()
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def live(tmp_path_factory):
    folder, password = tmp_path_factory.mktemp("live"), "sample pass 1"
    port = _free_port()
    output = folder / "said"
    running = program.begin(
        "start",
        output=output,
        KALENDS_INSTANCE=folder / "instance",
        KALENDS_PORT=port,
        KALENDS_SANDBOX=1,
        KALENDS_BASE_URL=f"http://127.0.0.1:{port}",
        KALENDS_SAMPLE_PASSWORD=password,
    )
    try:
        end = time.monotonic() + 60
        while not _is_ready(port):
            assert running.poll() is None and time.monotonic() < end, output.read_text()
            time.sleep(0.1)
        yield SimpleNamespace(
            address=f"http://127.0.0.1:{port}",
            password=password,
            sandbox=f"http://localhost:{sandbox_port(port)}",
        )
    finally:
        running.terminate()
        running.wait(20)


def _free_port() -> int:
    """A port for the web whose neighbour, for the imitation providers, is free as well."""
    for _ in range(50):
        with socket.socket() as probe, socket.socket() as neighbour:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
            try:
                neighbour.bind(("127.0.0.1", sandbox_port(port)))
            except OSError:
                continue
            return port
    raise AssertionError("no two free ports")


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


@pytest.fixture
def visitor(chromium):
    context = chromium.new_context()
    yield context.new_page()
    context.close()


@pytest.fixture
def enter(chromium, request):
    if "live" not in request.fixturenames:  # what is set up later ends before the pages are closed
        request.getfixturevalue("address")
    contexts, faults = [], []

    def open_page(email: str = "pat@linden.test", at=None, **context):
        base = at.address if at else request.getfixturevalue("address")
        contexts.append(chromium.new_context(base_url=base, **context))
        page = contexts[-1].new_page()
        page.on(
            "console", lambda message: faults.append(message.text) if is_fault(message) else None
        )
        page.on("pageerror", lambda error: faults.append(str(error)))
        if at:
            page.goto("/sign-in")
            page.get_by_label("E-mail").fill(email)
            page.get_by_label("Password", exact=True).fill(at.password)
            page.get_by_role("button", name="Sign in").click()
            page.wait_for_url(lambda url: "sign-in" not in url)
        else:  # the page to sign in has tests of its own
            cookies = session_cookies(request.getfixturevalue("app"), email)
            contexts[-1].add_cookies(
                [{"name": name, "value": value, "url": base} for name, value in cookies.items()]
            )
            page.goto("/")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture
def no_barriers():
    def check(page):
        assert barriers(page) == "", page.url
        assert page.evaluate(
            "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        ), f"{page.url} scrolls sideways"

    return check
