"""Imitations of providers, for tests and for a first look.

They speak the providers' dialects and store everything here.

The sandbox imports nothing of Kalends, and only tests and `make run` start it. Start reading in
`google.py` and `graph/app.py`. `python -m sandbox` serves both.
"""
