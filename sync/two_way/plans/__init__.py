"""Planning: which events should be outside, and the steps that lead there. Nothing here calls a
provider.
"""
