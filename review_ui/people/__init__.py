"""Accounts of the people who work here: login, own account, administration."""
