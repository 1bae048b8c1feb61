"""`python -m bench [http] [kills] [mirror] [overlaps] [render] [scale] [slots] [stalled] [sync]`.

All of them without a name.
"""

import sys

from . import http, kills, mirror, overlaps, render, scale, slots, stalled, sync

PARTS = {
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
