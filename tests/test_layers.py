"""The shape of the house, read from its imports: nothing points up, and two doors stay the only
ones.
"""

import ast
import re
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

TOP = Path(__file__).parent.parent
FLOORS = (  # from the ground up; what stands on one floor may look at the same floor and below
    {"base"},
    {"models"},
    {"people", "sync"},
    {"free_times"},
    {"letters"},
    {"operate"},
    {"views"},
    {"app"},
)
FLOOR = {name: number for number, floor in enumerate(FLOORS) for name in floor}
ROOMS = {  # the same, inside the rooms
    "base": (
        {
            "catalogue",
            "feed_presets",
            "passwords",
            "remembered",
            "scheduling",
            "slots",
            "vault",
        },
        {"outgoing"},
        {"opening_hours"},
        {
            "config",
            "copies",
            "day_names",
            "phones",
            "region",
            "repeated_log_lines",
            "sharing",
            "text",
            "working_time",
        },
        {"zones"},
        {"sql"},
        {"database"},
        {"database_faults"},
        {"jobs", "tables"},
        {"bookings"},
    ),
    "base.config": (
        {"endpoints", "environment", "occupied", "version"},
        {"kept_key"},
        {"settings"},
    ),
    "base.outgoing": ({"addresses", "line", "srv"}, {"resolver"}, {"exchange"}),
    "base.sql": (
        {"after_commit", "guarded", "parts", "reopening", "write_order"},
        {"insertion"},
        {"statements"},
        {"bounded_postgresql"},
    ),
    "base.tables": (
        {
            "faulty",
            "feed_scope",
            "list_page",
            "bulk",
            "notes",
            "outside",
            "kept_query",
            "past_values",
            "rows",
        },
        {"audit"},
        {"outbox"},
        {"bookable", "texts", "time_off", "traits"},
        {"numbered", "revisions"},
    ),
    "base.bookings": (
        {"agreements", "client_letters", "full", "statuses"},
        {"steps"},
        {"clashes", "course"},
        {"changes", "placed", "rezoning"},
        {"moving"},
        {"series"},
    ),
    "free_times": (
        {"busy", "openings", "overlaps", "own_terms", "rules"},
        {"never_free", "question_rows"},
        {"outside_hours", "turns"},
        {"finding"},
        {"why"},
        {"online"},
        {"earlier"},
    ),
    "free_times.online": (
        {"made_online", "tickets", "holds", "proofs", "team_letters", "unmade", "present_client"},
        {"names", "newcomers"},
        {"page"},
        {"visitor_times"},
        {"making"},
        {"admission", "chosen_time", "requests"},
        {"asking_outside"},
        {"answering", "managing"},
        {"by_letter", "unattended"},
    ),
    "sync": (
        {"events"},
        {"calendar_data"},
        {"feeds", "providers"},
        {"tables"},
        {"connect"},
        {"two_way"},
    ),
    "sync.calendar_data": (
        {"repeat_rules", "program_zones"},
        {"documents"},
        {"plain_events"},
        {"occurrences"},
    ),
    "sync.tables": (
        {"directions", "own_changes", "leases", "phases"},
        {"accounts"},
        {
            "account_names",
            "channels",
            "due",
            "earlier_accounts",
            "episodes",
            "excess",
            "notices",
            "strays",
            "unread",
        },
        {"listed", "mappings", "runs", "sources"},
        {"controls", "pace", "starting"},
        {"clocks", "ending"},
    ),
    "sync.two_way": (
        {"plans", "worker"},
        {"standing", "reading"},
        {"writing"},
        {"run"},
        {"first_list", "report", "work"},
        {"live"},
    ),
    "sync.two_way.plans": (
        {"marks", "showing", "sorting"},
        {"away"},
        {"doubts", "local", "plan"},
        {"planning", "text_limit"},
    ),
    "sync.two_way.reading": (
        {"channel_upkeep", "guests", "incoming", "stray_events"},
        {"double_bookings", "lacking", "missing", "search", "second_reading"},
        {"pull"},
        {"mirror"},
        {"ours"},
    ),
    "sync.two_way.writing": (
        {"destination", "meanwhile", "outcome", "text_removal"},
        {"batch"},
        {"outgoing"},
        {"leaving", "rounds"},
    ),
    "views": (
        {"kit"},
        {"calendar", "clinic", "doors", "sync", "visitor"},
    ),
    "views.calendar": (
        {
            "booking_remarks",
            "first_steps",
            "grid",
            "merges",
            "off_form",
            "places",
            "waiting_entry",
            "waiting_list",
        },
        {"columns"},
        {"booking_card", "outside_card", "why_words"},
        {"patients", "requests", "week"},
        {"booking_form", "team_day", "time_off"},
        {"moves", "next_free", "saved_messages"},
        {"bookings", "why"},
        {"booking_status"},
    ),
    "views.calendar.booking_form": (
        {"client", "times"},
        {"fields"},
        {"meanwhile", "next_time", "that_day"},
        {"check"},
        {"form_page"},
    ),
    "operate": (
        {
            "clock_ahead",
            "answers",
            "chore_turns",
            "disk",
            "doctor_sync",
            "files",
            "front",
            "holidays",
            "intake",
            "logs",
            "overlap_check",
            "sample_names",
        },
        {"chores", "keeper", "on_socket", "sample"},
        {"keys", "redis_server", "web", "workers"},
        {"migrate", "processes"},
        {"backup", "doctor", "figures"},
        {"commands"},
    ),
    "operate.backup": (
        {"archive", "files_aside", "postgres_tools"},
        {"backups"},
        {"restores"},
    ),
    "operate.intake": (
        {"already_booked", "encoding", "file_columns", "languages"},
        {"headings", "moments"},
        {"cell_values"},
        {"sheet"},
        {"check_report", "questions"},
        {"begun", "fitting", "line_status", "times"},
        {"booking_lines", "client_lines", "importing", "upload"},
        {"checking", "written"},
    ),
    "letters": (
        {"itip", "loading", "queues", "refusal_words", "trouble"},
        {"mail_text"},
        {"smtp", "visits"},
        {"text_service", "to_clients", "to_team"},
        {"offer", "reminders", "unmade_press"},
        {"kinds"},
        {"sending"},
        {"texting"},
    ),
    "people": (
        {
            "calendars",
            "credentials",
            "doubles",
            "email_addresses",
            "guide_notes",
            "id_changes",
            "leftover",
            "mailed_codes",
            "merges",
            "row_names",
            "own_zone",
            "password_rules",
            "presses",
            "security",
            "sessions",
            "sync_together",
            "text_numbers",
        },
        {"clients", "founding"},
    ),
    "views.kit": (
        {
            "choices",
            "devices",
            "forms",
            "button_times",
            "guides",
            "loading",
            "provider_words",
            "qr",
            "colleagues_values",
        },
        {"access", "display", "htmx", "sessions", "week_fields"},
        {
            "brakes",
            "held_times",
            "menu",
            "signing_in",
            "sync_access",
            "waiting_wishes",
            "words",
        },
        {"form_tokens", "history", "merging"},
        {"identity"},
    ),
    "views.kit.words": (
        {"history_words", "region_words", "sync_words", "text_words"},
        {"letter_words"},
    ),
    "views.sync": (
        {
            "by_address",
            "feed_address",
            "feed_settings",
            "identifier",
            "modes",
            "new_feed",
            "notice_rows",
            "overlaps",
            "password",
            "previews",
            "switches",
            "words",
        },
        {"account_settings", "apps", "booking_address", "connect", "feeds"},
        {"panels"},
        {"sync_page"},
        {"notices", "sources", "sync_settings", "two_way"},
        {"health"},
    ),
    "views.sync.words": (
        {
            "action_words",
            "banner_words",
            "change_words",
            "connect_words",
            "difference_words",
            "direction_words",
            "feed_words",
            "notice_words",
            "outside_words",
            "reading_words",
            "two_way_words",
        },
        {"status_words", "tile_words"},
    ),
    "views.sync.health": (
        {"health_parts", "health_reasons"},
        {"health_words"},
        {"board"},
    ),
    "views.clinic": (
        {
            "earlier_settings",
            "stop_feeds",
            "handover",
            "imports",
            "letters",
            "no_times",
            "outside_messages",
            "page_name",
            "sync_together",
            "team_forms",
            "text_messages",
        },
        {"dates", "services", "settings", "team"},
        {"online_booking"},
    ),
    "views.doors": (
        {
            "about",
            "auth",
            "help",
            "installing",
            "metrics",
            "own_letters",
            "own_region",
            "probes",
            "sign_ins",
            "webhooks",
        },
        {"guide_answers"},
    ),
    "views.visitor": (
        {"details_form", "gate", "pages"},
        {"earlier", "faults", "picked"},
        {"choosing"},
        {"details_pages", "joining", "managed"},
        {"ask_earlier", "details"},
        {"still_asking"},
        {"by_letter"},
    ),
    "free_times.earlier": (
        {"entries"},
        {"matching"},
        {"joining", "offering"},
        {"accepting", "news"},
    ),
    "sync.providers": (
        {"errors", "multipart", "values"},
        {"parsing", "wire"},
        {"base"},
        {"published", "writing"},
        {"caldav", "google", "microsoft"},
        {"registry"},
    ),
    "sync.providers.caldav": (
        {
            "challenge",
            "composing",
            "hrefs",
            "known_servers",
            "login",
            "spacing",
            "sync_tokens",
            "xml",
        },
        {"refusals"},
        {"http"},
        {"dav_calendars", "discovery"},
        {"fetching", "signing_in"},
        {"reading", "writing"},
        {"adapter"},
    ),
    "sync.feeds": (
        {"feed", "free_busy", "readers", "vtimezone"},
        {"ical", "owned"},
        {"shown"},
        {"preview", "wsgi"},
    ),
    "sync.connect": (
        {"calendar_list", "oauth"},
        {"gateway"},
        {"revoking"},
        {"arrival"},
    ),
    "sync.two_way.standing": (
        {"decisions", "differences", "open_notices", "state_list"},
        {"state"},
        {"actions", "freshness", "many"},
    ),
    "sync.providers.microsoft": (
        {"declined", "errors", "items", "json_batch", "registration", "scopes", "shapes"},
        {"graph"},
        {"contents"},
        {"channels", "writing"},
        {"adapter"},
    ),
}


def sources() -> list[Path]:
    """Every module of the program itself."""
    return sorted(
        path
        for name in FLOOR
        for path in (
            [TOP / f"{name}.py"] if (TOP / f"{name}.py").exists() else (TOP / name).rglob("*.py")
        )
    )


@cache
def nodes(path: Path) -> list[ast.AST]:
    """What a module consists of; each is read once."""
    return list(ast.walk(ast.parse(path.read_text())))


@cache
def imports(path: Path) -> list[str]:
    """Dotted names of what a module imports, relative ones resolved."""
    package = list(path.relative_to(TOP).parent.parts)
    names = []
    for node in nodes(path):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base += node.module.split(".") if node.module else []
            names += [".".join([*base, alias.name]) for alias in node.names]
    return names


def test_every_module_has_its_floor():
    modules = {path.stem for path in TOP.glob("*.py")} | {
        path.parent.name for path in TOP.glob("*/__init__.py")
    }
    assert modules - set(FLOOR) - {"tests", "bench", "sandbox", "migrations"} == set()
    assert set(FLOOR) - modules == set()


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(TOP)))
def test_no_import_points_up(path):
    own = path.relative_to(TOP).parts[0].removesuffix(".py")
    upwards = [name for name in imports(path) if FLOOR.get(name.split(".")[0], -1) > FLOOR[own]]
    assert upwards == []


@pytest.mark.parametrize("room", ROOMS)
def test_no_import_points_up_inside_a_room(room):
    place, depth = TOP.joinpath(*room.split(".")), room.count(".") + 1
    floor = {name: number for number, names in enumerate(ROOMS[room]) for name in names}
    there = {
        path.stem
        for path in place.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert there - {"__init__"} == set(floor)
    upwards = [
        (str(path.relative_to(TOP)), name)
        for path in place.rglob("*.py")
        if path != place / "__init__.py"
        for name in imports(path)
        if name.startswith(f"{room}.")
        and floor.get(name.split(".")[depth], -1)
        > floor[path.relative_to(place).parts[0].removesuffix(".py")]
    ]
    assert upwards == []


def test_every_room_of_many_modules_has_its_floors():
    """Where ten or more modules stand in one folder, the table above says which stand on which."""
    many = {
        ".".join(folder.relative_to(TOP).parts)
        for folder in {path.parent for path in sources()} - {TOP}
        if len(list(folder.glob("*.py"))) > 10
    }
    assert len(many) > 15 and many - set(ROOMS) == set()


def test_no_folder_has_more_modules_than_one_can_keep_in_mind():
    sizes = Counter(path.parent for path in sources() if path.stem != "__init__")
    many = {str(folder.relative_to(TOP)): n for folder, n in sizes.items() if n > 25}
    assert len(sizes) > 30 and many == {}


def circle(ways: dict[str, set[str]]) -> list[str]:
    """The modules that look at each other in a circle, directly or by way of others."""
    left = dict(ways)
    while ground := {name for name in left if not left[name] & left.keys()}:
        left = {name: seen for name, seen in left.items() if name not in ground}
    return sorted(left)


@pytest.mark.parametrize(
    "folder",
    sorted({path.parent for path in sources() if path.parent != TOP}),
    ids=lambda folder: folder.relative_to(TOP).as_posix(),
)
def test_no_folder_looks_around_in_a_circle(folder):
    """Its modules and rooms stand on floors of their own, also where no table above names them."""
    room, depth = ".".join(folder.relative_to(TOP).parts), len(folder.relative_to(TOP).parts)
    ways: dict[str, set[str]] = {}
    for path in folder.rglob("*.py"):
        own = path.relative_to(folder).parts[0].removesuffix(".py")
        seen = {name.split(".")[depth] for name in imports(path) if name.startswith(f"{room}.")} - {
            own
        }
        if path != folder / "__init__.py":
            ways.setdefault(own, set()).update(seen)
    assert circle(ways) == []


@pytest.mark.parametrize(
    ("ways", "found"),
    [
        ({"a": {"b"}, "b": {"c"}, "c": set()}, []),
        ({"a": {"b"}, "b": {"a"}, "c": set()}, ["a", "b"]),
        ({"a": {"b"}, "b": {"c"}, "c": {"a"}}, ["a", "b", "c"]),
        ({"a": {"elsewhere"}}, []),
    ],
)
def test_the_search_finds_circles(ways, found):
    assert circle(ways) == found


def test_the_house_stays_small():
    """Rooms and ways between them, as many as one can keep in mind."""
    ways = {
        (path.relative_to(TOP).parts[0].removesuffix(".py"), name.split(".")[0])
        for path in sources()
        for name in imports(path)
        if name.split(".")[0] in FLOOR
    }
    ways = {(own, other) for own, other in ways if own != other}
    assert len(FLOOR) <= 12 and len(FLOORS) <= 8 and len(ways) <= 30
    rooms = {
        str(place.relative_to(TOP)): len(
            [one for one in place.glob("*/") if (one / "__init__.py").exists()]
        )
        for place in (
            TOP / name
            for name in ("base", "free_times", "operate", "people", "sync", "sync/two_way", "views")
        )
    }
    assert max(rooms.values()) <= 7


@pytest.mark.parametrize(
    "path",
    [TOP / "sync" / "connect" / "oauth.py", *sorted((TOP / "sync" / "providers").rglob("*.py"))],
    ids=lambda path: path.stem,
)
def test_providers_know_no_row_and_no_request(path):
    assert {"flask", "models", "people", "redis", "rq"} & {
        name.split(".")[0] for name in imports(path)
    } == set()
    assert [name for name in imports(path) if name.startswith("base.database")] == []


def test_no_floor_looks_around_in_a_circle():
    """Siblings on one floor may look at each other, but never in both directions."""
    pairs = {
        (path.relative_to(TOP).parts[0].removesuffix(".py"), name.split(".")[0])
        for path in sources()
        for name in imports(path)
    }
    assert [pair for pair in pairs if pair[0] < pair[1] and pair[::-1] in pairs] == []


def test_only_the_settings_read_the_environment():
    readers = set()
    for path in sources():
        reads = [
            f"{getattr(node.value, 'id', '')}.{node.attr}"
            for node in nodes(path)
            if isinstance(node, ast.Attribute)
        ]
        if {"os.environ", "os.environb", "os.getenv"} & {*reads, *imports(path)}:
            readers.add(path.name)
    assert readers == {"environment.py", "settings.py"}


def test_only_one_module_reads_the_clock():
    """So that tests, and an installation on trial, can set another time for the whole program."""
    readers = {
        path.relative_to(TOP).as_posix()
        for path in sources()
        for node in nodes(path)
        if isinstance(node, ast.Attribute)
        and re.fullmatch(r"(datetime\.)?(datetime\.(now|utcnow)|date\.today)", ast.unparse(node))
    }
    assert readers == {"base/scheduling.py"}


def test_only_one_module_names_htmx_headers():
    namers = {
        path.name
        for path in sources()
        for node in nodes(path)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value.upper().startswith("HX-")
    }
    assert namers == {"htmx.py"}


def test_the_sandbox_stands_apart():
    ours = set(FLOOR) | {"tests", "bench"}
    assert [
        name
        for path in (TOP / "sandbox").rglob("*.py")
        for name in imports(path)
        if name.split(".")[0] in ours
    ] == []
    assert [
        path.name for path in sources() for name in imports(path) if name.split(".")[0] == "sandbox"
    ] == []


def test_no_module_is_called_like_one_of_the_standard_library():
    assert {path.stem for path in TOP.glob("*.py")} & sys.stdlib_module_names == set()


def test_one_module_writes_the_times_that_visitors_hold():
    writers = {
        path.name
        for path in sources()
        for node in nodes(path)
        if isinstance(node, ast.Call)
        and (
            ast.unparse(node.func) == "Hold"
            or re.fullmatch(
                r"Hold\.(create|update|delete|insert|insert_many|replace)", ast.unparse(node.func)
            )
        )
    }
    assert writers == {"holds.py"}


# Words of Peewee that nothing else says in views: of reading, of narrowing, of writing.
QUERIES = {
    *("select", "select_extend", "prefetch", "execute_sql", "get_by_id", "get_or_none", "tuples"),
    *(
        "where",
        "orwhere",
        "order_by",
        "group_by",
        "having",
        "switch",
        "left_outer_join",
        "distinct",
    ),
    *("limit", "offset", "paginate", "for_update", "in_full", "with_client", "iterator", "scalar"),
    *("insert_many", "create", "get_or_create", "execute", "delete_instance", "atomic"),
}
# Words that others say, too: with values (`text.count("a")`), or of a text (`", ".join(names)`).
OF_ROWS = {"count", "exists", "first", "save", "delete"}  # without values
MAY_QUERY = {"access.py", "loading.py"}  # the loaders of rows by the right to see them


def is_query(node: ast.AST) -> bool:
    """Whether a call asks the database or goes on with a question to it."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute | ast.Name):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
    with_values = bool(node.args or [one for one in node.keywords if one.arg != "only"])
    return name in QUERIES or (
        isinstance(node.func, ast.Attribute) and name in OF_ROWS and not with_values
    )


def test_no_page_asks_the_database():
    """A query lives in the room of its table, as a function with a name. A page asks that function,
    and neither narrows nor counts nor sorts what it gets by SQL.
    """
    found = {
        f"{path.name}: {ast.unparse(node.func)}"
        for path in (TOP / "views").rglob("*.py")
        if path.name not in MAY_QUERY
        for node in nodes(path)
        if is_query(node)
    }
    assert found == set()
    assert {
        f"{path.name}: {name}"
        for path in (TOP / "views").rglob("*.py")
        for name in imports(path)
        if name.split(".")[0] in ("peewee", "playhouse") and name != "peewee.PeeweeException"
    } == set()


@pytest.mark.parametrize(
    "line",
    [
        "Service.listed(clinic).where(Service.bookable_online)",
        "owned.living(person).count()",
        "clinic.patients.exists()",
        "Practitioner.get_by_id(n)",
        "Booking.in_full()",
        "AuditEntry.about(row).first()",
        "rows.order_by(Venue.name)",
        "rows.limit(8)",
        "row.save(only=[User.name])",
        "row.delete_instance()",
        "Session.update(seen_at=at).where(Session.id == n).execute()",
    ],
)
def test_every_way_to_ask_is_seen(line):
    assert is_query(ast.parse(line, mode="eval").body)


@pytest.mark.parametrize(
    "line",
    ["name.count('a')", "', '.join(names)", "words.get(kind)", "devices.save(response)", "save()"],
)
def test_what_is_no_question_to_the_database_is_not_mistaken_for_one(line):
    assert not is_query(ast.parse(line, mode="eval").body)
