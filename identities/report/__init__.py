"""Verdicts and catalog entries as others take them: records of JSON, tables of the terminal, and formula sheets."""
