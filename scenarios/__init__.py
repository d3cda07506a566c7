"""Documented workflows as scenarios, one workflow a file."""
