"""`python -m bench [caldav] [day] [http] [kills] [letters] [mirror] [overlaps] [render] [rolling]
[scale] [sharing] [slots] [stalled] [sync] [visitors]`.

Without a name, all of them run.
"""

import sys

from . import (
    caldav,
    day,
    http,
    kills,
    letters,
    mirror,
    overlaps,
    render,
    rolling,
    scale,
    sharing,
    slots,
    stalled,
    sync,
    visitors,
)

PARTS = {
    "caldav": caldav.run,
    "day": day.run,
    "http": http.run,
    "kills": kills.run,
    "letters": letters.run,
    "mirror": mirror.run,
    "overlaps": overlaps.run,
    "render": render.run,
    "rolling": rolling.run,
    "scale": scale.run,
    "sharing": sharing.run,
    "slots": slots.run,
    "stalled": stalled.run,
    "sync": sync.run,
    "visitors": visitors.run,
}

for name in sys.argv[1:] or PARTS:
    PARTS[name]()
