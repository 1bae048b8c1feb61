"""QR codes, as a path for SVG."""

from itertools import groupby

import segno


def code(text: str) -> tuple[int, str]:
    """The QR code of a text: its width in modules, and the path that draws it."""
    rows = list(segno.make(text, error="m", micro=False).matrix_iter(border=2))
    pieces = []
    for y, row in enumerate(rows):
        x = 0
        for is_dark, run in groupby(row):
            width = len(list(run))
            pieces.append(f"M{x} {y}h{width}v1h-{width}z" if is_dark else "")
            x += width
    return len(rows), "".join(pieces)
