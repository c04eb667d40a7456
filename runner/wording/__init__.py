"""What people are told, as text: numbers, moments, waits and their causes; no layout."""
