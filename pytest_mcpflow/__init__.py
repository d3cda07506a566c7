"""Run MCP workflows against servers that behave, were recorded, or fail, in virtual time."""
