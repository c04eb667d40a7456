"""Machine-readable output: values as JSON objects, in English, with moments in RFC 3339."""
