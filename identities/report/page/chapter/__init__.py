"""The notes as a chapter: told in `templates/notes.html`, with what is computed for it when the page is made.

`examples.py` has an example of each formula, `shapes.py` its shapes in words, `descent.py` a run of gradient descent, and
`plot.py` what its two plots consist of; `chapter.py` is all of it together.
"""
