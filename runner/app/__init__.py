"""The application layer: operations that the command line, the web server and the library share.

It composes the packages below it and contains no decision of its own. Import from its modules
rather than from the package, so that `status` loads neither the HTTP client nor the job files.
"""
