"""Killed before and after every point of the commit protocol, then run again."""
