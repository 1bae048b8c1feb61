"""The wanted state of our events outside, and the steps that lead there. Nothing here calls a
provider.
"""
