"""What diagnostics tell their findings with: intervals, decisions, words and figures."""
