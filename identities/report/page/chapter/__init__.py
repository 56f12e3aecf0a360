"""The notes as a chapter: told in `templates/notes.html`, with what is computed for it when the page is made.

`examples.py` has an example of each formula, `numbers.py` numbers as LaTeX, `shapes.py` shapes in words; `descent.py` a
run of gradient descent, and `plot.py` what its two plots consist of; `chapter.py` is all of it together.
"""
