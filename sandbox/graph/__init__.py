"""An imitation of the calendar part of Microsoft Graph v1.0 and of Microsoft's sign-in.

Start reading in `app.py`.
"""

from .app import Graph, create

__all__ = ["Graph", "create"]
