"""Everything one can ask for: what the command line, the web and Python users all call.

It composes the rooms below, and holds no decision of its own. Import what you need from its
modules: a status loads neither the HTTP client nor the job files.
"""
