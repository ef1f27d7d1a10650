"""Where it is seen: the app arranges and words what library functions compute."""
