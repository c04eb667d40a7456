"""Reports as HTML pages and SVG charts, for `report --html` and the dashboard."""
