"""What an operator looks at: reports in words."""
