"""What is one parcel to this depot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def same_parcel(recorded: Mapping[str, Any], live: Mapping[str, Any]) -> bool:
    """`p-1` is `P-1`, whoever asks."""
    return str(recorded["arguments"]["parcel"]).lower() == str(live["arguments"]["parcel"]).lower()
