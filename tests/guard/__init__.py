"""What stands in front of peers: breakers, budgets, bulkheads."""
