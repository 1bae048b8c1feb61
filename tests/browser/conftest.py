"""A real browser, and the application on a port of its own."""

import os
import shutil
import threading

import pytest
from playwright.sync_api import Error, sync_playwright
from werkzeug.serving import make_server


@pytest.fixture(scope="session")
def chromium():
    with sync_playwright() as play:
        try:
            browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        except Error:
            if os.environ.get("REQUIRE_ALL"):
                raise
            pytest.skip("no Chromium here: install the package chromium, or run playwright install chromium")
        yield browser
        browser.close()


@pytest.fixture
def address(app, linden):
    """Where the Linden clinic's pages are."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture
def visitor(chromium):
    """An empty page of a browser without cookies."""
    context = chromium.new_context()
    yield context.new_page()
    context.close()
