"""The imitation providers on one port: python -m sandbox --port 8010 --google-redirect-uri http://localhost:8000/connect/google"""

import argparse
from pathlib import Path

from . import google

options = argparse.ArgumentParser(description="Imitation calendar providers for trying Kalends out.")
options.add_argument("--port", default="8010")
options.add_argument("--store", type=Path, help="a folder that keeps everything over restarts")
options.add_argument("--google-redirect-uri", action="append", default=[], help="where sign-in at Google may return to")
options.add_argument("--microsoft-redirect-uri", action="append", default=[], help="where sign-in at Microsoft may return to")
chosen = options.parse_args()
if chosen.store:
    chosen.store.mkdir(mode=0o700, parents=True, exist_ok=True)
kept = ["--store", str(chosen.store / "google.json")] if chosen.store else []
google.main(["--port", chosen.port, *kept, *(word for uri in chosen.google_redirect_uri for word in ("--redirect-uri", uri))])
