"""Gradients that public bug reports are about: as they were, and as they are right."""

from tests.reports import elementwise, layers, matrices, reductions
from tests.reports.corpus import CONVENTIONS, REPORTS, WRONG, Reported, Wrong

__all__ = ["CONVENTIONS", "REPORTS", "WRONG", "Reported", "Wrong", "elementwise", "layers", "matrices", "reductions"]
