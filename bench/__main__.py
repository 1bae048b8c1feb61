"""`python -m bench [http] [render] [scale]`: all of them without a name."""

import sys

from . import http, render, scale

PARTS = {"http": http.run, "render": render.run, "scale": scale.run}

for name in sys.argv[1:] or PARTS:
    PARTS[name]()
