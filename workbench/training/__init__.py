"""Training: objectives, the trainer, what a stopped run continues from, and sweeps."""
