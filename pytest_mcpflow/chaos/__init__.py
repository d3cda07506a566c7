"""Exploring in pytest: what is asked for, the items, marked tests, known findings, and what is said at the end."""
