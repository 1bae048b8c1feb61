"""CalDAV servers of Debian, each as processes of its own on a free port of this machine: sabre/dav,
Cyrus, DAViCal and SOGo, where they are installed.

Each has one user and nothing else of interest. What a server writes lies in a folder that ends with
it. What is not installed is left out.
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import textwrap
from pathlib import Path

import httpx
from caldav_servers import SECRET, USER
from caldav_starters import NEEDS, STARTERS, free_port, until


class Installed:
    """One running server. `address`: what a person types; `transport`: the way to it, which notes
    requests.
    """

    def __init__(self, name: str):
        self.folder = Path(tempfile.mkdtemp(prefix=f"{name}-"))
        self.folder.chmod(0o755)
        self.name, self.processes, self.requests, self.faults = name, [], [], []
        self.port = free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        try:
            self.address = self.origin + STARTERS[name](self)
            self._wait()
        except BaseException:
            self.close()
            raise

    def transport(self) -> httpx.BaseTransport:
        """The way there, noting and spoiling as `caldav_servers.Counted` does."""
        return Noted(self.requests, self.faults)

    def close(self) -> None:
        """End its processes, and delete what it wrote."""
        for process in reversed(self.processes):
            process.terminate()
        for process in reversed(self.processes):
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            with contextlib.suppress(ProcessLookupError):  # PHP's workers outlive it
                os.killpg(process.pid, signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- for those who start one ----

    def run(self, *command: object, user: str | None = None, **options) -> None:
        """A command that ends. Its words stand in the folder."""
        with (self.folder / "log").open("ab") as log:
            told = [str(part) for part in command]
            options |= as_user(user)
            subprocess.run(told, check=True, stdout=log, stderr=log, **options)

    def keep(self, *command: object, user: str | None = None, **options) -> subprocess.Popen:
        """A process that goes on until the server is closed."""
        log = (self.folder / "log").open("ab")
        told = [str(part) for part in command]
        process = subprocess.Popen(
            told,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            **options | as_user(user),
        )
        log.close()
        self.processes.append(process)
        return process

    def own(self, name: str, user: str) -> Path:
        """A folder that belongs to a user of the system."""
        made = self.folder / name
        made.mkdir(parents=True)
        known = pwd.getpwnam(user)
        os.chown(made, known.pw_uid, known.pw_gid)
        return made

    def write(self, name: str, text: str) -> Path:
        """A file in the folder, readable for all."""
        path = self.folder / name
        path.write_text(textwrap.dedent(text).lstrip(), encoding="utf-8")
        path.chmod(0o644)
        return path

    def _wait(self) -> None:
        """Until it lets the user in."""
        wanted = b'<d:propfind xmlns:d="DAV:"><d:prop><d:resourcetype/></d:prop></d:propfind>'
        login = httpx.BasicAuth(USER, SECRET)

        def answers() -> bool:
            headers = {"Depth": "0", "Content-Type": "application/xml"}
            answer = httpx.request(
                "PROPFIND", self.address, content=wanted, auth=login, headers=headers
            )
            return answer.status_code == 207

        until(answers, self)


class Noted(httpx.HTTPTransport):
    """HTTP, with a list of what was asked, after what a test wants to answer."""

    def __init__(self, requests: list, faults: list):
        super().__init__()
        self.requests, self.faults = requests, faults

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        method, path = request.method, request.url.path
        self.requests.append((method, path, request.headers.get("Depth", "")))
        for fault in list(self.faults):
            told = fault(method, path)
            if told is not None:
                status, headers, body = told
                return httpx.Response(status, headers=headers, stream=httpx.ByteStream(body))
        return super().handle_request(request)


def as_user(name: str | None) -> dict[str, object]:
    """How a process is started as another user of the system, with that one's groups."""
    if name is None:
        return {}
    group = pwd.getpwnam(name).pw_gid
    return {"user": name, "group": group, "extra_groups": os.getgrouplist(name, group)}


AS_ROOT = {"cyrus", "davical", "sogo"}
EVERY = os.environ.get("ALL_CALDAV_SERVERS") == "1"  # and every test at each of them
SLOW = {"davical", "sogo"}  # to start


WANTED = [name for name in STARTERS if EVERY or name not in SLOW]


def installed() -> list[str]:
    """The servers that can be started here; the slow ones where all were asked for."""
    may = [name for name in WANTED if os.geteuid() == 0 or name not in AS_ROOT]
    return [name for name in may if all(path.exists() for path in NEEDS[name])]
