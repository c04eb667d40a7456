"""People's reviews of answers, and how far answers agree."""
