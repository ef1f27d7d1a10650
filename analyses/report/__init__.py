"""From measurements to figures, sentences and one page."""
