"""What is remembered beside the journal."""
