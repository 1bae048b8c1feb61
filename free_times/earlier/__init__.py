"""The waiting list: clients who are told when an earlier time becomes free, and take it with one
press. Looking changes nothing; taking a time and giving up the old one is one transaction.
"""
