"""The waiting list: clients who are told when an earlier time becomes free, and take it with one
press. GET changes nothing. Taking a time and giving up the old one is one transaction.
"""
