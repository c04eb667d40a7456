"""What several test folders build their worlds from."""
