"""Workflows with planted bugs, ways to look for them, and what each of them finds."""
