# SPDX-License-Identifier: MIT
#
# The results as a file: JSON, replaced as a whole, so that a reader never sees half of it and a
# crash loses at most one round.
"""Loads and saves results."""

import json
import os

SCHEMA = "apex-bench/1"


class ResultsError(Exception):
    """A file that holds no results; the message names it."""


def save(results, path):
    """Writes the file beside its place and moves it there."""
    part = path + ".part"
    with open(part, "w", encoding="utf-8") as file:
        json.dump(results, file, indent=1)
        file.write("\n")
    os.replace(part, path)


def load(path):
    """Raises ResultsError."""
    try:
        with open(path, encoding="utf-8") as file:
            results = json.load(file)
    except OSError as error:
        raise ResultsError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise ResultsError(f"{path}: no JSON: {error}") from None
    if not isinstance(results, dict) or results.get("schema") != SCHEMA:
        raise ResultsError(f"{path}: not of schema {SCHEMA}")
    return results
