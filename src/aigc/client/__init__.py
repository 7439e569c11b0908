"""Asking models from Python: one mechanism, the HTTP API, also where there is no server.

``address`` decides where requests go. Where there is no other place, ``local`` runs the server's application in this
process: in an ``app_thread``, which ``transport`` reaches without a network. ``wire`` and ``stream`` know the API's
words, ``sync`` and ``aio`` are the two clients, ``simple`` holds the functions of the module `aigc`.
"""
