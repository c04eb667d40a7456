"""What the dashboard alone asks for: drafts of submissions, and the live overview."""
