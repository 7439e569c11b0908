"""The OpenAI-compatible HTTP server.

`app.create_app` puts it together, `run.serve` runs it; one folder for each endpoint family, each with ``protocol.py``
(what is accepted, what is answered) and ``router.py`` (paths).

Knows: HTTP, the OpenAI API. Does not know: engines, processes, files of models.
"""
