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

from syrupy.extensions.amber import AmberSnapshotExtension
from syrupy.types import PropertyFilter, PropertyMatcher, SerializableData, SerializedData

from pytest_mcpflow.stable_text import stable_text
from pytest_mcpflow.transcript import Transcript

__all__ = ["TranscriptSnapshot"]


class TranscriptSnapshot(AmberSnapshotExtension):
    """Writes transcripts in their stable text form, and everything else as syrupy does."""

    def serialize(
        self,
        data: SerializableData,
        *,
        exclude: PropertyFilter | None = None,
        include: PropertyFilter | None = None,
        matcher: PropertyMatcher | None = None,
    ) -> SerializedData:
        if isinstance(data, Transcript):
            return stable_text(data)
        return super().serialize(data, exclude=exclude, include=include, matcher=matcher)
