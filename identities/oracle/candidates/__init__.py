"""Implementations that are judged: calling them, in this process or in one of their own, and grading files of them."""
