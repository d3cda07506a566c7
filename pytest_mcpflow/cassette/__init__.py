"""Recorded sessions: their format on disk, recording them, and answering from them."""
