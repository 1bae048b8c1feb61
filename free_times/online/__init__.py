"""Online booking: what a visitor without an account may see and do, and what the clinic does with
it.
"""
