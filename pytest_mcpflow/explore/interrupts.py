"""Ctrl-C while runs follow each other: it waits until one is over, so that none is left half done."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Self

__all__ = ["Interrupts"]


class Interrupts:
    """A context in which the first Ctrl-C is noted, and a second one comes through at once.

    Nothing changes where somebody else has a handler, nor in another thread than the main one.
    """

    def __init__(self) -> None:
        self._is_noted = self._is_mine = False

    def __enter__(self) -> Self:
        is_main = threading.current_thread() is threading.main_thread()
        self._is_mine = is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if self._is_mine:
            signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        if self._is_mine:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if exc_type is None:
            self.heed()

    def heed(self) -> None:
        """Stop here, if that was asked for.

        Raises:
            KeyboardInterrupt: It was.
        """
        if self._is_noted:
            self._is_noted = False
            raise KeyboardInterrupt

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._is_noted:
            signal.default_int_handler(number, frame)
        self._is_noted = True
