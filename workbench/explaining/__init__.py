"""How important each item of a history is for a score, by every method there is."""
