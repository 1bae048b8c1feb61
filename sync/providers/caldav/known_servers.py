"""The services that people choose from when they connect, and the first address of each. What a
server can do is found out by asking it.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

from base.catalogue import lazy
from sync.providers.values import ASKED, Asked

SERVICE = "_caldavs._tcp"  # with TLS; without it a password would travel unencrypted
WELL_KNOWN = "/.well-known/caldav"  # RFC 6764, 5
ROOTS = ("/", "/dav/", "/remote.php/dav/", "/caldav/", "/caldav.php/", "/SOGo/dav/", "/webdav/")
NEXTCLOUD = "/remote.php/dav/"
HOSTS_OF_DOMAIN = ("", "caldav.", "dav.", "cloud.")


@dataclass(frozen=True)
class CalDavService:
    """One service. `url`: the first address to ask; "": the person types an address. `passwords`:
    the page that makes a password for programs. `steps`: the steps on it. `asked`: what is typed
    here. `lacks`: what the service cannot do. `is_hosted`: it has many users and is asked at a slow
    pace. `is_widespread`: many people use it, so pages name it first.
    """

    key: str
    name: str
    company: str
    pitch: str
    url: str = ""
    passwords: str = ""
    steps: str = ""
    asked: Asked = ASKED
    lacks: str = ""
    is_hosted: bool = True
    is_widespread: bool = False
    domains: tuple[str, ...] = ()
    removal: str = lazy("the settings of that calendar, where the password was made")

    @property
    def kind(self) -> str:
        """The kind of accounts at this service, in rows and addresses."""
        return "caldav" if self.key == "other" else f"caldav-{self.key}"


SERVICES = {
    row.key: row
    for row in (
        CalDavService(
            "apple",
            "Apple iCloud",
            "Apple",
            lazy("The same for the calendar of iPhone, iPad and Mac."),
            "https://caldav.icloud.com/",
            "https://account.apple.com/",
            lazy(
                "Sign in there, choose “App-Specific Passwords” and make one named Kalends."
                " Two-factor sign-in must be on. Changing your Apple password ends it, and you"
                " connect again."
            ),
            Asked(user=lazy("E-mail address of your Apple account")),
            domains=("icloud.com", "me.com", "mac.com"),
            is_widespread=True,
        ),
        CalDavService(
            "fastmail",
            "Fastmail",
            "Fastmail",
            lazy("The same for Fastmail."),
            "https://caldav.fastmail.com/.well-known/caldav",
            "https://app.fastmail.com/settings/security/apps",
            lazy("Make a new app password there, with access to calendars."),
            Asked(user=lazy("Your Fastmail address")),
            domains=("fastmail.com", "fastmail.fm"),
        ),
        CalDavService(
            "nextcloud",
            "Nextcloud",
            "Nextcloud",
            lazy("The same for a Nextcloud server."),
            "",
            "",
            lazy(
                "In Nextcloud open Settings, then Security, and make an app password at the end of"
                " the page."
            ),
            Asked(
                lazy("Address of your Nextcloud"),
                lazy("As in your browser, such as cloud.example.org."),
                lazy("Your user name in Nextcloud"),
            ),
            is_hosted=False,
        ),
        CalDavService(
            "zoho",
            "Zoho",
            "Zoho",
            lazy("The same for Zoho Calendar."),
            "",
            "https://accounts.zoho.com/home#security/app_password",
            lazy(
                "Make an application-specific password there. Then open the settings of your"
                " calendar in Zoho and copy its CalDAV address."
            ),
            Asked(
                lazy("CalDAV address of your calendar"),
                lazy("From the settings of that calendar in Zoho."),
                lazy("Your Zoho address"),
            ),
            lazy(
                "Zoho gives programs one calendar at a time, and makes none for them: make a"
                " calendar for bookings in Zoho first."
            ),
        ),
        CalDavService(
            "mailbox",
            "mailbox.org",
            "mailbox.org",
            lazy("The same for mailbox.org."),
            "https://dav.mailbox.org/",
            "https://login.mailbox.org/",
            lazy(
                "With two-factor sign-in, make an application password there. Otherwise use your"
                " password."
            ),
            Asked(
                user=lazy("Your mailbox.org address"),
                password=lazy("Application password, or your password"),
                is_for_programs=False,
            ),
            domains=("mailbox.org",),
        ),
        CalDavService(
            "posteo",
            "Posteo",
            "Posteo",
            lazy("The same for Posteo."),
            "https://posteo.de:8443/",
            "",
            lazy("Use the password of your Posteo account."),
            Asked(
                user=lazy("Your Posteo address"),
                password=lazy("Password of your Posteo account"),
                is_for_programs=False,
            ),
            lazy("Posteo makes no calendars for programs: make one for bookings in Posteo first."),
            domains=("posteo.de", "posteo.net"),
        ),
        CalDavService(
            "other",
            "CalDAV",
            "CalDAV",
            lazy("The same for any other calendar that programs reach by CalDAV."),
            steps=lazy(
                "Look in its settings for “CalDAV” and for app passwords. Your e-mail address, or"
                " the address of your server, is enough to begin."
            ),
        ),
    )
}


def beginnings(service: CalDavService, typed: str) -> list[str]:
    """Addresses to try, in order, for a typed text: empty, a server's address, or an e-mail
    address. Raises ValueError for anything else.
    """
    typed = typed.strip()
    if service.url and not typed:
        return [service.url]
    if "@" in typed and "/" not in typed:
        domain = typed.rpartition("@")[2]
        known = [row.url for row in SERVICES.values() if domain.lower() in row.domains]
        return known or [
            *(f"https://{before}{_host(domain)}{WELL_KNOWN}" for before in HOSTS_OF_DOMAIN),
            *(f"https://{_host(domain)}{root}" for root in ROOTS),
        ]
    if "://" not in typed:
        typed = f"https://{typed}"
    parts = urlsplit(typed)
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.username:
        raise ValueError("no address")
    base = f"{parts.scheme}://{_host(parts.netloc)}"
    exact = [f"{base}{parts.path}"] if parts.path.strip("/") else []
    nextcloud = [f"{base}{NEXTCLOUD}"] if service.key == "nextcloud" else []
    rest = [f"{base}{WELL_KNOWN}", *(f"{base}{root}" for root in ROOTS)]
    return list(dict.fromkeys([*exact, *nextcloud, *rest]))


def domain_of(typed: str) -> str:
    """The domain whose DNS may name the calendar server: of an e-mail address, or a bare host; ""
    for a complete address.
    """
    typed = typed.strip()
    if "/" in typed:
        return ""
    domain = typed.rpartition("@")[2].partition(":")[0].lower()
    known = {domain for row in SERVICES.values() for domain in row.domains}
    return "" if domain in known or "." not in domain else domain


def is_known(host: str) -> bool:
    """Whether this host belongs to a service in our table: domains may name one of them."""
    ours = [urlsplit(row.url).hostname for row in SERVICES.values() if row.url]
    return host.lower() in ours


def _host(host: str) -> str:
    """A host in the form for addresses. Raises ValueError."""
    if not host or any(letter in host for letter in " \\<>\"'") or len(host) > 253:
        raise ValueError("no host")
    return host
