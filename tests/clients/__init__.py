"""Code that this project did not write, to be judged; and PyTorch, where it is installed."""

import importlib
import importlib.util
from typing import Any

import pytest

torch: Any = importlib.import_module("torch") if importlib.util.find_spec("torch") else None

with_torch = pytest.mark.skipif(torch is None, reason="PyTorch is not installed: pip install torch")

functional: Any = torch and torch.nn.functional
