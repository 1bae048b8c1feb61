"""Measurements, never tests: tables of ratios taken in one run on one machine.

`python -m bench [http] [render] [scale]`.
"""
