"""Sound files and samples: decode, encode, resample, measure.

Knows: containers, codecs, samples. Does not know: models, HTTP.
"""
