"""A mistake as an edit: the small change of a function, or of a step of its derivative, that reproduces a wrong result.

`program` writes a function out as operations with their places in the source; `kernels` has what each of them does and
how it pulls cotangents back; `evaluate` gives the derivative with something changed; `proposals` lists what may have
been changed; `search` finds which change it was.
"""
