"""The option --device of the commands that measure."""

import argparse


def add_device(made: argparse.ArgumentParser, default: str = "auto") -> None:
    """Let a command line say where the models compute."""
    made.add_argument(
        "--device",
        choices=["auto", "cpu", "cuda"],  # an Apple GPU has no float64, in which is measured
        default=default,
        help="where the models compute; auto: on CUDA if any (default: %(default)s)",
    )
