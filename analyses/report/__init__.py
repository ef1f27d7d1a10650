"""The making of a report: its sections, its page, its folder, and reading them back."""
