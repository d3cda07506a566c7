"""What the SDK expects of both ends of a stream besides sending and receiving: to be closed, also by a `with`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

__all__ = ["Closing"]


class Closing(ABC):
    """Is closed when an `async with` is left."""

    @abstractmethod
    async def aclose(self) -> None:
        """Close it; closing twice is no error."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        await self.aclose()
