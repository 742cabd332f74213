"""What must be remembered beyond one request."""
