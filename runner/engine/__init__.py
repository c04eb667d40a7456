"""The shell: claims, paces, calls and settles, as the core decides."""
