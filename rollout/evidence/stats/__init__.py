"""Pure statistics: bounds, rates, sequential tests. They know numbers, not bears."""
