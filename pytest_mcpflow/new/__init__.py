"""`mcpflow new`: files to begin with, that work as they are written."""
