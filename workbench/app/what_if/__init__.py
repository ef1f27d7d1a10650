"""The page What if: edits of a history and of attention."""
