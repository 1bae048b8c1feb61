"""`python -m bench [day] [http] [kills] [mirror] [overlaps] [render] [scale] [slots] [stalled]
[sync]`.

All of them without a name.
"""

import sys

from . import day, http, kills, mirror, overlaps, render, scale, slots, stalled, sync

PARTS = {
    "day": day.run,
    "http": http.run,
    "kills": kills.run,
    "mirror": mirror.run,
    "overlaps": overlaps.run,
    "render": render.run,
    "scale": scale.run,
    "slots": slots.run,
    "stalled": stalled.run,
    "sync": sync.run,
}

for name in sys.argv[1:] or PARTS:
    PARTS[name]()
