"""Everything rich: answers as tables, runs as live progress, numbers and moments as words."""
