"""What is asked about one user: inspection, what-if, and the survey that lists users."""
