"""Fakes of services, one service a file."""
