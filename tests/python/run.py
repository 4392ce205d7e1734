"""Runs a file of the Python package's tests: run.py test_NAME.py. Exits with 77 (skipped) where pytest or numpy is missing."""
import os
import pathlib
import sys

try:
    import numpy  # noqa: F401
    import pytest
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
sys.exit(pytest.main(["-q", "-rs", "-p", "no:cacheprovider", str(pathlib.Path(__file__).with_name(sys.argv[1]))]))
