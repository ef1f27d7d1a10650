"""One question per file or folder; each exposes `DIAGNOSTIC`."""
