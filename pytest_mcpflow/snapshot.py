"""Transcripts as syrupy snapshots: one stable text form.

    @pytest.fixture
    def snapshot(snapshot: SnapshotAssertion) -> SnapshotAssertion:
        return snapshot.use_extension(TranscriptSnapshot)

    async def test_deploy(mcpflow: Hub, snapshot: SnapshotAssertion) -> None:
        await deploy(mcpflow)
        assert mcpflow.transcript == snapshot

Times are left out, ids that look random and instants are numbered in the order in which they appear, so that
a snapshot changes when the workflow does and not when an id does. Needs `pip install pytest-mcpflow[snapshot]`.
"""

from __future__ import annotations

from typing import Any

from syrupy.extensions.amber import AmberSnapshotExtension
from syrupy.types import SerializableData

from pytest_mcpflow.stable_text import stable_text
from pytest_mcpflow.transcript import Transcript

__all__ = ["TranscriptSnapshot"]


class TranscriptSnapshot(AmberSnapshotExtension):
    """Writes transcripts in their stable text form, and everything else as syrupy does."""

    def serialize(self, data: SerializableData, **kwargs: Any) -> str:  # the signature is syrupy's
        return stable_text(data) if isinstance(data, Transcript) else super().serialize(data, **kwargs)
