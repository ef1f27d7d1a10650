"""The app: pages that show in a browser what library functions compute."""
