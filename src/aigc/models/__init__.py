"""Networks that are trained here, one architecture to a file: settings, layers, the model, the paper.

Every file can be read alone; `layers` holds what several use identically. They need the extra ``train`` (torch), so
nothing of the serving tower imports them: a published model is run from its exported graph.

Knows: tensors in, tensors out. Does not know: files, devices, optimisers, data, HTTP.
"""
