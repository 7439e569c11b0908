"""Asking models from Python: one mechanism, the HTTP API, also where there is no server.

``address`` decides where requests go, ``local`` runs the server's application in this process where there is no other
place, ``transport`` speaks to it without a network, ``wire`` and ``stream`` know the API's words, ``sync`` and ``aio``
are the two clients, ``simple`` holds the functions of the module `aigc`.
"""
