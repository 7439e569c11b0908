"""The command line: parse, call, print; one file for a command or a small family.

``main`` turns what happens into exit codes and words, ``commands`` knows which command lives where, ``help`` writes
help screens, ``output`` prints. Data goes to stdout, everything else to stderr.
"""
