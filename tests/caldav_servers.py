"""Real CalDAV servers, in process: Radicale and Xandikos, each as a WSGI application."""

import shutil
import tempfile
from base64 import b64decode
from pathlib import Path

import httpx
import radicale.config
from radicale.app import Application
from xandikos.web import SingleUserFilesystemBackend, XandikosApp

USER, SECRET = "robin", "an app password é"


class Counted:
    """A WSGI application that notes each request, after what a test wants to see or to answer."""

    def __init__(self, application):
        self.application, self.requests = application, []
        self.faults = []  # each gets (method, path) and gives an answer, or None to go on

    def __call__(self, environ, start_response):
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        self.requests.append((method, path, environ.get("HTTP_DEPTH", "")))
        for fault in list(self.faults):
            told = fault(method, path)
            if told is not None:
                status, headers, body = told
                start_response(f"{status} Told", list(headers))
                return [body]
        try:
            return self.application(environ, start_response)
        except Exception:  # as by any web server; Xandikos raises where two write at once
            start_response("500 Internal Server Error", [])
            return [b""]


def radicale_app(folder):
    """Radicale with one user."""
    users = Path(folder) / "users"
    users.write_text(f"{USER}:{SECRET}\n", encoding="utf-8")
    configuration = radicale.config.load()
    configuration.update(
        {
            "auth": {
                "type": "htpasswd",
                "htpasswd_filename": str(users),
                "htpasswd_encryption": "plain",
                "delay": "0",
            },
            "storage": {
                "filesystem_folder": f"{folder}/collections",
                "_filesystem_fsync": "False",
            },
            "rights": {"type": "owner_only"},
            "logging": {"level": "critical"},
        },
        "tests",
        privileged=True,
    )
    return Application(configuration)


def xandikos_app(folder):
    """Xandikos, which knows no users, behind a gate for one."""
    backend = SingleUserFilesystemBackend(f"{folder}/data")
    Path(f"{folder}/data").mkdir()
    backend.create_principal("/probe/", create_defaults=False)
    application = XandikosApp(backend, current_user_principal="/probe/")

    def gate(environ, start_response):
        told = environ.get("HTTP_AUTHORIZATION", "").removeprefix("Basic ")
        if b64decode(told).decode() != f"{USER}:{SECRET}":
            start_response("401 Unauthorized", [("WWW-Authenticate", 'Basic realm="x"')])
            return [b""]
        return application.handle_wsgi_request(environ, start_response)

    return gate


SERVERS = {"radicale": radicale_app, "xandikos": xandikos_app}


class Server:
    """One of them, with its own folder until `close`. `requests` and `faults`: see `Counted`."""

    origin = address = "https://dav.test"

    def __init__(self, name):
        self.name, self.folder = name, tempfile.mkdtemp()
        self.app = Counted(SERVERS[name](self.folder))
        self.requests, self.faults = self.app.requests, self.app.faults

    def transport(self):
        return httpx.WSGITransport(app=self.app)

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)
