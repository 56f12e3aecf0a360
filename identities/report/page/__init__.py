"""The catalog and its verdicts as a site: static files, which need no server, no network and no framework.

It is made from the catalog and from records of verdicts, and from nothing else; what it needs installed is the extra
`page`. `site.py` writes it; a page is a template of `templates/`, and what it shows is prepared in Python.
"""
