"""The commands of `python -m workbench`, a file each."""
