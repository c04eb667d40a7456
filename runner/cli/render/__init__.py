"""Terminal output: tables, live progress, and other views."""
