"""The command line: parse, open, call one function, render one value, exit.

Start-up is fast because nothing heavy is imported before a command needs it.
"""
