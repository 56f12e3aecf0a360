"""A mistake as an edit: the small change of a function, or of a step of its derivative, that reproduces a wrong result.

`program` writes a function out as operations with their places in the source; `kernels` has what each of them does and
how it pulls cotangents back; `evaluate` gives the derivative with something changed. What may have been changed is
proposed by the files of `mistakes`; `search` finds which change it was, on a `bench`, or which two of them by `pairs`,
and `confirm` sees whether it holds everywhere. `formula` does so with a closed form, `options` with other options, and
`zeros` finds what makes NaN.
"""
