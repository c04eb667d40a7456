"""A line editor without a terminal: a text with a cursor, changed key by key."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EditedText:
    """A text with a cursor, the index at which the next letter is inserted."""

    text: str
    cursor: int

    @classmethod
    def of(cls, text: str) -> EditedText:
        """Returns a text with the cursor at its end."""
        return cls(text, len(text))

    def press(self, key: str) -> EditedText:
        """Returns the text after a key, a letter or a name; unknown keys have no effect."""
        before, after, at = self.text[: self.cursor], self.text[self.cursor :], self.cursor
        written = (before + key + after, at + 1) if len(key) == 1 else (self.text, at)
        edits = {
            "backspace": (before[:-1] + after, at - 1),
            "delete": (before + after[1:], at),
            "left": (self.text, at - 1),
            "right": (self.text, at + 1),
            "home": (self.text, 0),
            "end": (self.text, len(self.text)),
            "clear": (after, 0),
            "newline": (f"{before}\n{after}", at + 1),
        }
        text, cursor = edits.get(key, written)
        return EditedText(text, min(max(0, cursor), len(text)))
