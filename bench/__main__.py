"""`python -m bench [day] [http] [kills] [letters] [mirror] [overlaps] [render] [scale] [sharing]
[slots] [stalled] [sync] [visitors]`.

All of them without a name.
"""

import sys

from . import (
    day,
    http,
    kills,
    letters,
    mirror,
    overlaps,
    render,
    scale,
    sharing,
    slots,
    stalled,
    sync,
    visitors,
)

PARTS = {
    "day": day.run,
    "http": http.run,
    "kills": kills.run,
    "letters": letters.run,
    "mirror": mirror.run,
    "overlaps": overlaps.run,
    "render": render.run,
    "scale": scale.run,
    "sharing": sharing.run,
    "slots": slots.run,
    "stalled": stalled.run,
    "sync": sync.run,
    "visitors": visitors.run,
}

for name in sys.argv[1:] or PARTS:
    PARTS[name]()
