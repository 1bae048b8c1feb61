"""The imitation's own addresses for tests that cannot reach it as a Python object.

See `sandbox/control.py`.

POST /sandbox/outlook/control/fail {"status": 429, "path": "/events$", "times": 3} POST
/sandbox/outlook/control/switches {"delta_lag_seconds": 30} POST /sandbox/outlook/users/ROBIN/add
{"subject": "Dentist", "start": "2026-11-23T09:00", "end": "2026-11-23T10:00"}
"""

from .. import control
from ..current import graph

ACTIONS = control.ACTIONS | {name: f"channels.{name}" for name in ("drop", "lapse", "lifecycle")}
PLAIN_SWITCHES = (
    "latency_ms",
    "item_ms",
    "strict",
    "page_cap",
    "empty_pages",
    "repeated_transaction",
    "subscription_minutes",
    "filter_per_calendar",
    "calendar_properties",
    "me_events_everywhere",
    "only_listed_zones",
    "deleted_again",
    "deleted_items_found",
    "false_conflicts",
    "original_start_missing",
    "delta_select",
    "delta_lag_seconds",
    "list_lag_seconds",
    "stubs",
    "removals_told_by_master",
    "removed_series_alone",
    "tells_outside_window",
    "replays",
)
OWNED_SWITCHES = (
    "quota.per_10_minutes",
    "quota.concurrent",
    "quota.status",
    "oauth.admin_consent",
    "oauth.refresh_error",
)
SWITCHES = {name: name for name in PLAIN_SWITCHES} | {
    name.replace(".", "_"): name for name in OWNED_SWITCHES
}
USER_ACTIONS = (*control.USER_ACTIONS, "show_as", "make_private", "delete_occurrence", "drag")

routes = control.routes_for(graph, "/sandbox/outlook", ACTIONS, SWITCHES, USER_ACTIONS)
