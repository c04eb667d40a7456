"""The command line. A command parses its options, calls one function, and renders one value.

Start-up is fast because heavy modules are imported only by the commands that need them.
"""
