"""Picture files: the only place where bytes of strangers become pixels, and pixels become files.

Knows: file formats, colours, orientation, what a file says about its making. Does not know: models, HTTP, paths.
"""
