"""What an export is asked for: its arguments, checked, and its images."""
