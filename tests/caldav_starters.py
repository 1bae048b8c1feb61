"""How each CalDAV server of Debian is started for the tests (`caldav_installed.Installed`).

A starter is told the server that is to be, and gives the path under which its account is found.
"""

import contextlib
import imaplib
import os
import socket
import sqlite3
import subprocess
import time
from pathlib import Path

import httpx
from caldav_servers import SECRET, USER

POSTGRES = Path("/usr/lib/postgresql")
SABRE, SABRE_SQL = Path("/usr/share/php/Sabre"), Path("/usr/share/doc/php-sabre-dav/examples/sql")
CYRUS, DAVICAL = Path("/usr/lib/cyrus/bin/master"), Path("/usr/share/davical/dba")
PATIENCE_SECONDS = 60
NICE = 5


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


def until(is_so, server) -> None:
    """Wait until something is so. Raises TimeoutError with what the server wrote last."""
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < ends_at:
        with contextlib.suppress(httpx.HTTPError, OSError):
            if is_so():
                return
        if any(process.poll() for process in server.processes):
            break
        time.sleep(0.1)
    log = server.folder / "log"
    raise TimeoutError(
        f"{server.name}: {log.read_text(errors='replace')[-3000:] if log.exists() else ''}"
    )


# ---- sabre/dav 1.8 ----


def sabre(server) -> str:
    """The base of old ownCloud and Baïkal, in PHP's own web server over SQLite."""
    database = server.folder / "data.sqlite"
    with contextlib.closing(sqlite3.connect(database)) as made:
        for name in ("principals", "calendars"):
            made.executescript((SABRE_SQL / f"sqlite.{name}.sql").read_text())
        told = (f"principals/{USER}", f"{USER}@dav.test", USER)
        made.execute("INSERT INTO principals (uri, email, displayname) VALUES (?, ?, ?)", told)
        made.commit()
    script = server.write(
        "server.php",
        f"""
        <?php
        error_reporting(0);
        ini_set('display_errors', '0');
        set_include_path('/usr/share/php');
        require 'Sabre/autoload.php';
        $pdo = new PDO('sqlite:{database}');
        $pdo->setAttribute(PDO::ATTR_ERRMODE, PDO::ERRMODE_EXCEPTION);
        $pdo->exec('PRAGMA busy_timeout = 10000; PRAGMA synchronous = OFF');
        class Gate extends Sabre\\DAV\\Auth\\Backend\\AbstractBasic {{
            protected function validateUserPass($user, $secret) {{
                return $user === '{USER}' && $secret === '{SECRET}';
            }}
        }}
        $principals = new Sabre\\DAVACL\\PrincipalBackend\\PDO($pdo);
        $calendars = new Sabre\\CalDAV\\Backend\\PDO($pdo);
        $server = new Sabre\\DAV\\Server(array(
            new Sabre\\CalDAV\\Principal\\Collection($principals),
            new Sabre\\CalDAV\\CalendarRootNode($principals, $calendars),
        ));
        $server->setBaseUri('/');
        $server->addPlugin(new Sabre\\DAV\\Auth\\Plugin(new Gate(), 'tests'));
        $server->addPlugin(new Sabre\\DAVACL\\Plugin());
        $server->addPlugin(new Sabre\\CalDAV\\Plugin());
        $server->exec();
        """,
    )
    with_workers = {**os.environ, "PHP_CLI_SERVER_WORKERS": "4"}
    server.keep("php", "-S", f"127.0.0.1:{server.port}", script, env=with_workers)
    return "/"


# ---- Cyrus ----


def cyrus(server) -> str:
    """The server of Fastmail: `httpd` and `imapd` under a master of its own."""
    home = server.own("cyrus", "cyrus")
    names = "db socket log msg proc quota user sync ptclient lock spool"
    for name in names.split():
        server.own(f"cyrus/{name}", "cyrus")
    imap, users = free_port(), server.folder / "users.db"
    programs, host = CYRUS.parent, f"127.0.0.1:{server.port}"
    config = server.write(
        "imapd.conf",
        f"""
        configdirectory: {home}
        partition-default: {home}/spool
        proc_path: {home}/proc
        mboxname_lockpath: {home}/lock
        httpmodules: caldav
        admins: cyrus
        sasl_pwcheck_method: auxprop
        sasl_auxprop_plugin: sasldb
        sasl_sasldb_path: {users}
        sasl_mech_list: PLAIN LOGIN
        allowplaintext: yes
        caldav_create_default: yes
        defaultdomain: dav.test
        calendar_user_address_set: dav.test
        virtdomains: off
        """,
    )
    services = server.write(
        "cyrus.conf",
        f"""
        START {{
          recover cmd="{programs}/ctl_cyrusdb -C {config} -r"
        }}
        SERVICES {{
          imap cmd="{programs}/imapd -C {config}" listen="127.0.0.1:{imap}" prefork=0
          http cmd="{programs}/httpd -C {config}" listen="{host}" prefork=1 maxchild=40
        }}
        EVENTS {{
        }}
        """,
    )
    for name in (USER, "cyrus"):
        server.run(
            "saslpasswd2", "-f", users, "-c", "-p", "-u", socket.gethostname(), name,
            input=SECRET.encode(),
        )  # fmt: skip
    users.chmod(0o644)
    server.keep(CYRUS, "-C", config, "-M", services, "-p", home / "pid", "-D")
    until(lambda: made_mailbox(imap), server)
    return "/dav/"


def made_mailbox(port: int) -> bool:
    """Make the user's mailbox, without which Cyrus has no calendars."""
    with imaplib.IMAP4("127.0.0.1", port) as imap:
        imap.authenticate("PLAIN", lambda _: f"\0cyrus\0{SECRET}".encode())
        return imap.create(f"user/{USER}")[0] == "OK"


# ---- PostgreSQL for the next two ----


def postgres(server) -> int:
    """A cluster of its own. Gives its port."""
    programs = max(POSTGRES.iterdir()) / "bin"
    data, port = server.own("postgres", "postgres"), free_port()
    data.chmod(0o700)
    server.run(
        programs / "initdb", "-A", "trust", "-N", "-E", "UTF8", "-D", data, user="postgres",
        cwd="/",
    )  # fmt: skip
    server.keep(
        programs / "postgres", "-D", data, "-p", port, "-k", data, "-c", "fsync=off",
        "-c", "listen_addresses=127.0.0.1", user="postgres", cwd="/",
    )  # fmt: skip
    ready = programs / "pg_isready"
    told = [str(ready), "-q", "-h", "127.0.0.1", "-p", str(port)]
    until(lambda: subprocess.run(told, check=False).returncode == 0, server)
    return port


def sql(server, port: int, database: str, text: str) -> None:
    """Run some SQL as its owner."""
    env = {**os.environ, "PGHOST": "127.0.0.1", "PGPORT": str(port), "PGUSER": "postgres"}
    server.run("psql", "-q", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", text, env=env)


# ---- DAViCal ----


def davical(server) -> str:
    """DAViCal in PHP's own web server."""
    port = postgres(server)
    env = {**os.environ, "PGHOST": "127.0.0.1", "PGPORT": str(port)}
    making = {**env, "PGUSER": "postgres"}
    server.run("sh", DAVICAL / "create-database.sh", "davical", "admin", env=making, cwd=DAVICAL)
    sql(
        server, port, "davical",
        "INSERT INTO usr (user_no, active, username, password, fullname, email, joined)"
        f" VALUES (1001, TRUE, '{USER}', '**{SECRET}', 'Robin', '{USER}@dav.test', now());"
        "INSERT INTO principal (type_id, user_no, displayname, default_privileges)"
        " VALUES (1, 1001, 'Robin', 0::BIT(24));",
    )  # fmt: skip
    script = server.write(
        "router.php",
        """
        <?php
        error_reporting(0);
        ini_set('display_errors', '0');
        set_include_path('/usr/share/davical/inc:/usr/share/awl/inc');
        chdir('/usr/share/davical/htdocs');
        $path = rawurldecode(parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH));
        $_SERVER['SCRIPT_NAME'] = $_SERVER['PHP_SELF'] = '/caldav.php';
        $_SERVER['PATH_INFO'] = preg_replace('{^/caldav.php}', '', $path) ?: '/';
        include '/usr/share/davical/htdocs/caldav.php';
        """,
    )
    server.keep(
        "php", "-d", f"include_path={'/usr/share/davical/inc:/usr/share/awl/inc'}",
        "-S", f"127.0.0.1:{server.port}", script, env={**env, "PHP_CLI_SERVER_WORKERS": "4"},
    )  # fmt: skip
    return "/caldav.php/"


# ---- SOGo ----


def sogo(server) -> str:
    """SOGo behind nginx: alone it resets connections."""
    port, behind, memory = postgres(server), free_port(), free_port()
    sql(server, port, "postgres", "CREATE DATABASE sogo ENCODING 'UTF8' TEMPLATE template0")
    sql(
        server, port, "sogo",
        "CREATE TABLE sogo_users (c_uid VARCHAR(10) PRIMARY KEY, c_name VARCHAR(10),"
        " c_password VARCHAR(90), c_cn VARCHAR(128), mail VARCHAR(128));"
        f"INSERT INTO sogo_users VALUES"
        f" ('{USER}', '{USER}', '{SECRET}', 'Robin', '{USER}@dav.test')",
    )  # fmt: skip
    server.keep("memcached", "-l", "127.0.0.1", "-p", memory, "-u", "nobody", "-m", "16")
    at = f"postgresql://postgres@127.0.0.1:{port}/sogo"
    source = (
        f'({{type = sql; id = users; viewURL = "{at}/sogo_users"; canAuthenticate = YES;'
        " isAddressBook = NO; userPasswordAlgorithm = plain;})"
    )
    settings = {
        "SOGoProfileURL": f"{at}/sogo_user_profile",
        "OCSFolderInfoURL": f"{at}/sogo_folder_info",
        "OCSSessionsFolderURL": f"{at}/sogo_sessions_folder",
        "OCSAdminURL": f"{at}/sogo_admin",
        "SOGoUserSources": source,
        "SOGoMemcachedHost": f"127.0.0.1:{memory}",
        "SOGoAppointmentSendEMailNotifications": "NO",
        "SOGoTimeZone": "UTC",
        "WOPort": f"127.0.0.1:{behind}",
        "WOWorkersCount": "3",
        "WONoDetach": "YES",
        "WOLogFile": "-",
        "WOPidFile": f"{server.own('sogo', 'sogo')}/pid",
        "SxVMemLimit": "512",
    }
    told = [part for name, value in settings.items() for part in (f"-{name}", value)]
    server.keep(
        "/usr/sbin/sogod", *told, user="sogo", cwd="/",
        env={**os.environ, "HOME": str(server.folder / "sogo")},
    )  # fmt: skip
    config = server.write(
        "nginx.conf",
        f"""
        daemon off; pid {server.folder}/nginx.pid; error_log stderr; worker_processes 1;
        events {{ }}
        http {{
          access_log off;
          client_body_temp_path {server.folder}/body; proxy_temp_path {server.folder}/proxy;
          fastcgi_temp_path {server.folder}/f; uwsgi_temp_path {server.folder}/u;
          scgi_temp_path {server.folder}/s;
          server {{
            listen 127.0.0.1:{server.port};
            location /SOGo {{
              proxy_pass http://127.0.0.1:{behind};
              proxy_http_version 1.0;
              proxy_set_header Host $http_host;
              proxy_set_header x-webobjects-server-protocol HTTP/1.0;
              proxy_set_header x-webobjects-remote-host $remote_addr;
              proxy_set_header x-webobjects-server-name $server_name;
              proxy_set_header x-webobjects-server-url $scheme://$http_host;
              proxy_set_header x-webobjects-server-port {server.port};
            }}
          }}
        }}
        """,
    )
    server.keep("nginx", "-c", config)
    return "/SOGo/dav/"


PACKAGES = {  # of Debian
    "sabre": "php-sabre-dav php-cli php-sqlite3",
    "cyrus": "cyrus-caldav cyrus-imapd sasl2-bin libsasl2-modules",
    "davical": "davical php-cli php-pgsql php-curl php-xml postgresql",
    "sogo": "sogo memcached nginx postgresql",
}
STARTERS = {"sabre": sabre, "cyrus": cyrus, "davical": davical, "sogo": sogo}
NEEDS = {
    "sabre": (SABRE, SABRE_SQL),
    "cyrus": (CYRUS, Path("/usr/sbin/saslpasswd2")),
    "davical": (DAVICAL, POSTGRES),
    "sogo": (Path("/usr/sbin/sogod"), POSTGRES, Path("/usr/sbin/nginx")),
}
