"""Types a stream's text on the terminal as it arrives, without ever holding up the reader who measures it.

The rule: whoever says a text only puts it into a queue; a thread of its own writes, for a slow terminal or a full pipe would
otherwise become a slow reader, and the measurement its victim.
"""

import queue
import sys
import threading

from lab.analysis.harmless import harmless

# Of a chunk so much is typed; nobody reads a megabyte.
_TYPED_CHARACTERS = 16 * 1024


class Typist:
    """Writes to stdout until `close`."""

    def __init__(self, secret: str | None) -> None:
        self._secret = secret
        self._texts: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._last = "\n"
        self._thread = threading.Thread(target=self._write, name="typist", daemon=True)
        self._thread.start()

    def say(self, text: str) -> None:
        """Never waits."""
        self._texts.put(text)

    def close(self) -> None:
        """Wait until everything is written, on a line of its own."""
        self._texts.put(None)
        self._thread.join()
        if self._last != "\n":
            print()

    def _write(self) -> None:
        while (text := self._texts.get()) is not None:
            shown = harmless(text[:_TYPED_CHARACTERS], self._secret)
            if len(text) > _TYPED_CHARACTERS:
                shown += f"… ({len(text):,} characters)"
            sys.stdout.write(shown)
            sys.stdout.flush()
            self._last = shown[-1:] or self._last
